// Installs what integration tests need, where that is possible: Debian packages (root and apt), and
// a Python program in a folder of its own.
import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { runCommand } from './command.ts'

const LIMIT_MS = 180_000

/** Programs that tests start, and the packages they come in. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  nginx: ['nginx-light'],
  // With setproctitle gunicorn writes over its environment: the hard case is the one to test.
  gunicorn: ['gunicorn', 'python3-setproctitle', 'python3-venv'],
  go: ['golang-go'],
  // With promtool, which checks what Plimsoll exports.
  prometheus: ['prometheus'],
}

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'plimsoll')
/** Reads configurations of NGINX for faults; the fork that follows today's Python. */
const GIXY = { name: 'gixy-ng', version: '0.2.59' }
const GIXY_FOLDER = join(CACHE, `${GIXY.name}-${GIXY.version}`)

/**
 * Installs what is missing. Where it can't, nothing happens, and the tests that need it are skipped
 * by name.
 */
export async function installMissing(): Promise<void> {
  await installPackages()
  if (findGixy() === undefined && isInstalled('python3')) await installGixy()
}

/** The path of gixy; undefined where it is not installed. */
export function findGixy(): string | undefined {
  return executable(join(GIXY_FOLDER, 'bin', 'gixy'))
}

async function installGixy(): Promise<void> {
  const pip = join(GIXY_FOLDER, 'bin', 'pip')
  const wanted = `${GIXY.name}==${GIXY.version}`
  const steps = [
    ['python3', '-m', 'venv', '--clear', GIXY_FOLDER],
    [pip, 'install', '--quiet', '--disable-pip-version-check', wanted],
  ]
  for (const argv of steps) {
    const { code } = await runCommand(argv, { limitMs: LIMIT_MS })
    if (code !== 0) return void process.stdout.write(`could not install ${wanted}\n`)
  }
  process.stdout.write(`installed ${wanted}\n`)
}

async function installPackages(): Promise<void> {
  const missing = Object.entries(PACKAGES).filter(([program]) => !isInstalled(program))
  if (missing.length === 0 || process.getuid?.() !== 0 || !isInstalled('apt-get')) return
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...argv: readonly string[]) =>
    runCommand(['apt-get', '-q', ...argv], { limitMs: LIMIT_MS, env })
  await apt('update')
  const packages = missing.flatMap(([, names]) => names)
  const ended = await apt('install', '-y', '--no-install-recommends', ...packages)
  const said = ended.code === 0 ? 'installed' : 'could not install'
  process.stdout.write(`${said} ${packages.join(', ')}\n`)
}

/** The path of a program, on PATH or where servers and Go put theirs; undefined without one. */
export function findProgram(program: string): string | undefined {
  const elsewhere = ['/usr/sbin', '/usr/local/go/bin']
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...elsewhere]
  const paths = folders.filter((folder) => folder !== '').map((folder) => join(folder, program))
  return paths.find((path) => executable(path) !== undefined)
}

function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK)
    return path
  } catch {
    // Not there, or not for us.
    return undefined
  }
}

function isInstalled(program: string): boolean {
  return findProgram(program) !== undefined
}
