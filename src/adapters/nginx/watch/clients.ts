// Which connections of clients there are, as the kernel lists them.
import { readFileSync } from 'node:fs'

const ESTABLISHED = '01'

/** Connections to local TCP ports, each by its two ends. */
export function clientConnections(ports: ReadonlySet<number>): ReadonlySet<string> {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map(read)
  return new Set(tables.flatMap((table) => parseClients(table, ports)))
}

/** Reads the format of /proc/net/tcp (proc(5)). */
export function parseClients(table: string, ports: ReadonlySet<number>): readonly string[] {
  return table.split('\n').flatMap((line) => {
    // sl local_address rem_address st ...
    const [, local = '', remote = '', state] = line.trim().split(/\s+/, 4)
    const port = Number.parseInt(local.split(':')[1] ?? '', 16)
    return state === ESTABLISHED && ports.has(port) ? [`${local}-${remote}`] : []
  })
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // Not Linux, or no such protocol: then nothing is known of any connection.
    return ''
  }
}
