// One installation at a time: a lock file with the pid of its holder, taken over when that one is
// gone.
'use strict'

const fs = require('node:fs')
const path = require('node:path')

const WAIT_MS = 15 * 60_000
const STEP_MS = 200

/**
 * Runs `work` while holding the lock `file`; waits at most 15 minutes for another holder.
 * @param {string} file
 * @param {(line: string) => void} say
 * @param {() => void} work
 */
function withLock(file, say, work) {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  const release = () => {
    if (holderOf(file) === process.pid) fs.rmSync(file, { force: true })
  }
  acquire(file, say)
  // `work` may end the process.
  process.once('exit', release)
  work()
  process.removeListener('exit', release)
  release()
}

/** @param {string} file @param {(line: string) => void} say */
function acquire(file, say) {
  let hasSaid = false
  for (let waited = 0; waited < WAIT_MS; waited += STEP_MS) {
    if (take(file)) return
    const holder = holderOf(file)
    if (holder === undefined || !isAlive(holder)) {
      setAside(file, holder)
      continue
    }
    if (!hasSaid) say(`Waiting for another installation (process ${holder}).`)
    hasSaid = true
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STEP_MS)
  }
  say(`E_TIMEOUT: another installation holds ${file}.`)
  process.exit(1)
}

/**
 * The pid is in the file from its first moment: written beside, then linked. @param {string} file
 */
function take(file) {
  const own = `${file}.${process.pid}`
  fs.writeFileSync(own, String(process.pid))
  try {
    fs.linkSync(own, file)
    return true
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
    return false
  } finally {
    fs.rmSync(own, { force: true })
  }
}

/**
 * Removes a lock whose holder is gone, unless someone else was faster. @param {string} file @param
 * {number | undefined} holder
 */
function setAside(file, holder) {
  const aside = `${file}.gone.${process.pid}`
  try {
    fs.renameSync(file, aside)
  } catch {
    // Gone already: the next round takes it.
    return
  }
  const taken = holderOf(aside)
  if (taken !== holder && taken !== undefined && isAlive(taken)) fs.renameSync(aside, file)
  else fs.rmSync(aside, { force: true })
}

/** @param {string} file @returns {number | undefined} */
function holderOf(file) {
  try {
    const pid = Number(fs.readFileSync(file, 'utf8'))
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    // No lock, so no holder.
    return undefined
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}

module.exports = { withLock }
