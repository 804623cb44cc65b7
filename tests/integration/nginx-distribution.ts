// For tests: an NGINX as a distribution sets it up, with two sites of its owner's, in a temporary
// folder.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findNginx, workerAccount } from '../../src/adapters/nginx/binary.ts'
import { allProcesses, findProcesses, signal } from '../../src/adapters/nginx/process.ts'
import { freePort, until } from '../../src/testing/balancer/stage.ts'

const WORKERS = 2

/** One installation; `sites` are served from its `sites-enabled`. */
export class Distribution {
  readonly folder: string
  readonly plainPort: number
  readonly tlsPort: number

  private constructor(ports: readonly [number, number]) {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), 'plimsoll-distribution-')))
    this.plainPort = ports[0]
    this.tlsPort = ports[1]
  }

  static async create(): Promise<Distribution> {
    const made = new Distribution([await freePort(), await freePort()])
    made.#write()
    return made
  }

  get confD(): string {
    return join(this.folder, 'conf.d')
  }

  get errorLog(): string {
    return readFileSync(join(this.folder, 'logs', 'error.log'), 'utf8')
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** As `systemctl start nginx` does. */
  async start(): Promise<void> {
    execFileSync(findNginx(process.env.PATH) ?? 'nginx', this.#argv, {
      cwd: this.folder,
      stdio: 'ignore',
    })
    await until('it has workers', () => findProcesses(this.folder).workers.length === WORKERS)
  }

  /** As `systemctl reload nginx` does. */
  async reload(): Promise<void> {
    const { master, workers } = findProcesses(this.folder)
    if (!master) throw new Error('it does not run')
    signal(master, 'SIGHUP')
    await until('it has reloaded', () => {
      const now = findProcesses(this.folder).workers
      return (
        now.length === WORKERS && now.every(({ pid }) => !workers.some((old) => old.pid === pid))
      )
    })
  }

  /** What `nginx -t` says; empty when all is well. */
  test(): string {
    const argv = [...this.#argv, '-q', '-t']
    const { stderr } = spawnSync(findNginx(process.env.PATH) ?? 'nginx', argv, {
      cwd: this.folder,
      encoding: 'utf8',
    })
    return stderr
  }

  get master() {
    return findProcesses(this.folder).master
  }

  /** Ends all of it at once. */
  async kill(): Promise<void> {
    const here = () => allProcesses().filter(({ identity }) => identity.prefix === this.folder)
    for (const { identity } of here()) signal(identity, 'SIGKILL')
    while (here().length > 0) await sleep(5)
  }

  /** Names and contents of everything but logs and the pid. */
  files(): Readonly<Record<string, string>> {
    const folders = ['.', 'conf.d', 'sites-enabled', 'tls']
    const names = folders.flatMap((folder) => {
      const entries = readdirSync(this.path(folder), { withFileTypes: true })
      return entries.filter((entry) => entry.isFile()).map(({ name }) => join(folder, name))
    })
    const hash = (name: string) =>
      createHash('sha256')
        .update(readFileSync(this.path(name)))
        .digest('hex')
    return Object.fromEntries(names.filter((n) => n !== 'nginx.pid').map((n) => [n, hash(n)]))
  }

  async dispose(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  get #argv(): readonly string[] {
    return [
      '-p',
      `${this.folder}/`,
      '-c',
      this.path('nginx.conf'),
      '-e',
      this.path('logs/error.log'),
    ]
  }

  #write(): void {
    for (const name of ['conf.d', 'sites-enabled', 'logs', 'tls', 'temporary']) {
      if (!existsSync(this.path(name))) mkdirSync(this.path(name))
    }
    chmodSync(this.folder, 0o755)
    const [key, certificate] = [this.path('tls/key.pem'), this.path('tls/certificate.pem')]
    const subject = ['-subj', '/CN=localhost', '-days', '2', '-nodes']
    const files = ['-keyout', key, '-out', certificate]
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
    execFileSync('openssl', ['req', '-x509', ...kind, ...files, ...subject], { stdio: 'ignore' })
    const account = workerAccount()
    const temporaries = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `${kind}_temp_path ${this.path('temporary')}/${kind};`)
      .join(' ')
    const main = `${account ? `user ${account.user};\n` : ''}worker_processes ${WORKERS};
pid nginx.pid;
error_log ${this.path('logs/error.log')};
events { worker_connections 768; }
http {
  sendfile on; tcp_nopush on; types_hash_max_size 2048; gzip on;
  default_type application/octet-stream;
  access_log ${this.path('logs/access.log')};
  ${temporaries}
  include conf.d/*.conf;
  include sites-enabled/*;
}
`
    writeFileSync(this.path('nginx.conf'), main)
    const site = `server {
  listen 127.0.0.1:${this.plainPort} default_server;
  server_name _;
  location / { return 200 "plain\\n"; }
}
`
    writeFileSync(this.path('sites-enabled/plain'), site)
    const secure = `server {
  listen 127.0.0.1:${this.tlsPort} ssl;
  server_name localhost;
  ssl_certificate ${certificate};
  ssl_certificate_key ${key};
  location / { return 200 "secure\\n"; }
}
`
    writeFileSync(this.path('sites-enabled/secure'), secure)
  }
}
