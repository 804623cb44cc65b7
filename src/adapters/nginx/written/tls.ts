// TLS in a listener: modern protocols and ciphers, our own copies of the files, HTTP/2.
import { pairFiles } from '../certificate.ts'

/** Those with forward secrecy and authenticated encryption; TLS 1.3 brings its own. */
const CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
]

/**
 * What the `listen` of a TLS server says. Until 1.25.1 HTTP/2 was an option of it, for all servers
 * on the address.
 */
export function tlsListen(options: {
  readonly hasHttp2Directive: boolean
  readonly isShared: boolean
}): string {
  return options.hasHttp2Directive || options.isShared ? ' ssl' : ' ssl http2'
}

/**
 * The lines of a server that serves a kept pair. `pairs` is the folder around it with a slash at
 * its end; empty for NGINX's own prefix.
 */
export function tlsLines(pair: string, pairs: string, hasHttp2Directive: boolean): string {
  const files = pairFiles(pair)
  return `${hasHttp2Directive ? '    http2 on;\n' : ''}    ssl_certificate ${pairs}${files.certificate};
    ssl_certificate_key ${pairs}${files.key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ${CIPHERS.join(':')};
    ssl_prefer_server_ciphers off;
    ssl_session_cache shared:plimsoll_tls:10m;
    ssl_session_timeout 1d;
    ssl_session_tickets off;`
}
