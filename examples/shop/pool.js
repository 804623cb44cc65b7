// @ts-check
// The service's database pool: a few connections, one query at a time on each; callers wait.
import { createConnection } from 'node:net'

// A caller beyond this many in line is refused: nobody would still wait for its answer.
const MAX_WAITING = 10_000
const QUERY_TIMEOUT_MS = 55_000

/**
 * @typedef {object} Job a query and who waits for it
 * @property {string} query
 * @property {(answer: string) => void} resolve
 * @property {(error: Error) => void} reject
 *
 * @typedef {(job: Job) => void} Run carries out a job on one connection
 *
 * @typedef {object} Departure what a connection leaves behind
 * @property {Run} run
 * @property {Job | undefined} job the one that it was at
 * @property {boolean} granted whether the database ever accepted it
 * @property {string} problem
 */

/**
 * A pool of at most `size` connections, each opened when first needed and kept.
 * `query` rejects when the database refuses, goes away or stays silent.
 * @param {{ host: string, port: number, size: number }} options
 */
export function createPool({ host, port, size }) {
  /** @type {Job[]} */
  const waiting = []
  /** @type {Run[]} */
  const idle = []
  let open = 0

  /** @param {Run} run */
  const onIdle = (run) => {
    const next = waiting.shift()
    if (next) run(next)
    else idle.push(run)
  }
  /** @param {Departure} left */
  const onClose = ({ run, job, granted, problem }) => {
    open -= 1
    const at = idle.indexOf(run)
    if (at >= 0) idle.splice(at, 1)
    // A connection that was never granted fails the caller who waited longest, so refusals end.
    const unlucky = job ?? (granted ? undefined : waiting.shift())
    unlucky?.reject(new Error(problem))
    if (waiting.length > 0 && open < size) connect()
  }
  const connect = () => {
    open += 1
    openConnection({ host, port, onIdle, onClose })
  }

  return {
    /** @param {string} query @returns {Promise<string>} */
    query: (query) =>
      new Promise((resolve, reject) => {
        const run = idle.pop()
        if (run) {
          run({ query, resolve, reject })
          return
        }
        if (waiting.length >= MAX_WAITING) {
          reject(new Error('too many requests wait for the database'))
          return
        }
        waiting.push({ query, resolve, reject })
        if (open < size) connect()
      }),
  }
}

/**
 * One connection: says each time it is idle, and once when it is gone.
 * @param {{ host: string, port: number, onIdle: (run: Run) => void,
 *   onClose: (left: Departure) => void }} options
 */
function openConnection({ host, port, onIdle, onClose }) {
  const socket = createConnection({ host, port, noDelay: true })
  socket.setEncoding('utf8')
  socket.setTimeout(QUERY_TIMEOUT_MS)
  /** @type {Job | undefined} */
  let job
  let received = ''
  let granted = false
  let problem = 'the database closed the connection'

  /** @type {Run} */
  const run = (next) => {
    job = next
    socket.write(`${next.query}\n`)
  }
  /** @param {string} line */
  const onLine = (line) => {
    if (line.startsWith('ERROR ')) {
      problem = line.slice('ERROR '.length)
      socket.destroy()
      return
    }
    granted = true
    job?.resolve(line)
    job = undefined
    onIdle(run)
  }
  socket.on('data', (text) => {
    const lines = (received + text).split('\n')
    received = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
  socket.on('timeout', () => {
    // An idle connection is not a silent database.
    if (job) socket.destroy(new Error('the database did not answer in time'))
  })
  socket.on('error', (error) => {
    problem = error.message
  })
  socket.on('close', () => onClose({ run, job, granted, problem }))
}
