// Ports for instances: below the range from which the kernel hands out its own, and free right now.
import { createServer } from 'node:net'
import { ephemeralLow } from './procfs.ts'

/** Lowest port given to an instance. */
const LOW = 20_000
const TRIES = 2_000

/**
 * A free port that is not in `taken`, or undefined when there is none. `start` spreads the search.
 */
export async function freePort(
  host: string,
  taken: ReadonlySet<number>,
  start: number,
): Promise<number | undefined> {
  const size = Math.max(1, high() - LOW)
  for (let k = 0; k < Math.min(TRIES, size); k++) {
    const port = LOW + ((start + k) % size)
    if (!taken.has(port) && (await isFree(host, port))) return port
  }
  return undefined
}

/** Whether a port is one of those that instances are given. */
export function isInstancePort(port: number): boolean {
  return port >= LOW && port <= Math.max(LOW, high() - 1)
}

function high(): number {
  return Math.min(32_768, ephemeralLow())
}

/** Whether a port can be bound on `host`. */
export async function isFree(host: string, port: number): Promise<boolean> {
  return (await listenError(host, port)) === undefined
}

/** Why nothing can listen there now; undefined when something can. */
export function listenError(
  host: string,
  port: number,
): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}
