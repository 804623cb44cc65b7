// Starts a script of the project with the Node it wants: node tools/bootstrap.cjs SCRIPT.ts args...
// Installs first where that is needed. Needs Node 18 and npm, nothing else; standard output is the
// script's.
'use strict'

const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { withLock } = require('./install-lock.cjs')

const root = path.dirname(__dirname)
const modules = path.join(root, 'node_modules')
const bin = path.join(modules, '.bin')
const nodeFile = path.join(bin, process.platform === 'win32' ? 'node.exe' : 'node')

main(process.argv.slice(2))

/** @param {string[]} argv */
function main(argv) {
  const script = argv[0]
  if (script === undefined) fail('E_USAGE: node tools/bootstrap.cjs SCRIPT.ts args...')
  if (!isReady()) withLock(path.join(root, '.plimsoll', 'install.lock'), say, makeReady)
  run(path.resolve(root, String(script)), argv.slice(1))
}

function isReady() {
  return isInstalled() && isWantedNode()
}

/** Whether what npm says it installed is what the lock file asks for. */
function isInstalled() {
  const wanted = packagesIn(path.join(root, 'package-lock.json'))
  const installed = packagesIn(path.join(modules, '.package-lock.json'))
  if (wanted === undefined) fail('E_FILE_MISSING: package-lock.json can not be read.')
  if (installed === undefined) return false
  return Object.entries(wanted ?? {}).every(([place, entry]) => {
    const there = installed[place]
    // Packages of other platforms are optional and absent.
    if (place === '' || (there === undefined && entry.optional)) return true
    return there !== undefined && there.version === entry.version && inModules(place)
  })
}

/** @param {string} place */
function inModules(place) {
  return fs.existsSync(path.join(root, place, 'package.json'))
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }> | undefined}
 */
function packagesIn(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages
  } catch {
    // Absent or cut off: the caller knows what that means.
    return undefined
  }
}

function wantedNode() {
  const { devDependencies } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
  return String(devDependencies.node)
}

function isWantedNode() {
  const { stdout } = spawnSync(nodeFile, ['--version'], { encoding: 'utf8', timeout: 30_000 })
  return (stdout ?? '').trim() === `v${wantedNode()}`
}

function makeReady() {
  // Another bootstrap may have done it while this one waited for the lock.
  if (!isInstalled()) {
    say('Installing what the project needs (npm ci); this is done once.')
    npm(['ci'])
  }
  if (isWantedNode()) return
  // npm may be told not to run the script by which the `node` package gets its binary.
  npm(['rebuild', 'node'])
  if (!isWantedNode())
    fail(`E_NODE_VERSION: ${nodeFile} is not Node ${wantedNode()}. Remove node_modules, try again.`)
}

/** Runs npm silently; on failure says everything it said and ends. @param {string[]} args */
function npm(args) {
  const flags = ['--include=dev', '--engine-strict=false', '--ignore-scripts=false']
  const quiet = ['--loglevel=notice', '--no-audit', '--no-fund', '--no-progress']
  const done = spawnSync('npm', [...args, ...flags, ...quiet], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 15 * 60_000,
  })
  if (done.status === 0) return
  const why = done.error === undefined ? `exit ${done.status ?? done.signal}` : done.error.message
  fail(`${done.stdout ?? ''}${done.stderr ?? ''}E_INTERNAL: npm ${args.join(' ')} failed (${why}).`)
}

/** Hands over to the script; ends as it ends. @param {string} script @param {string[]} args */
function run(script, args) {
  const env = { ...process.env, PATH: [bin, process.env.PATH ?? ''].join(path.delimiter) }
  const child = spawn(nodeFile, [script, ...args], { stdio: 'inherit', env })
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals)
    process.on(signal, () => {
      if (signal === 'SIGTERM' || !isFromTerminal()) child.kill(signal)
    })
  child.on('error', (error) => fail(`E_INTERNAL: ${nodeFile}: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    for (const name of signals) process.removeAllListeners(name)
    // Ends by the same signal; where that is ignored, by the number a shell would give.
    process.kill(process.pid, signal)
    setTimeout(() => process.exit(128 + (os.constants.signals[signal] ?? 0)), 1000)
  })
}

/**
 * Ctrl-C reaches the whole foreground group, the script too: passing it on would make it a second
 * one. `kill` reaches this process alone.
 */
function isFromTerminal() {
  try {
    const stat = fs.readFileSync('/proc/self/stat', 'utf8')
    const [, , group, , , foreground] = stat
      .slice(stat.lastIndexOf(')') + 1)
      .trim()
      .split(' ')
    return group === foreground
  } catch {
    // No /proc here: a terminal on standard input is the best guess.
    return Boolean(process.stdin.isTTY)
  }
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`)
}

/** @param {string} line @returns {never} */
function fail(line) {
  say(line)
  process.exit(1)
}
