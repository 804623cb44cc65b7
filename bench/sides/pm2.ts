// PM2 in cluster mode as its documentation says to use it. It is AGPL: installed apart, never a
// dependency.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../src/lab/free-port.ts'
import { APPLICATION, type Drain, isServing, runNode, type Side, until } from './side.ts'

const MAJOR = 7
const INSTALL_TIMEOUT_MS = 300_000
const APP = 'bench'

interface Listed {
  readonly name: string
  readonly pid: number
  readonly pm2_env: { readonly status: string }
}

/** Installs PM2 into the user's cache unless it is there. Returns its command and exact version. */
export async function installPm2(
  progress: (line: string) => void,
): Promise<{ readonly command: string; readonly version: string }> {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const folder = join(cache, 'plimsoll', 'bench', `pm2-${MAJOR}`)
  const home = join(folder, 'node_modules', 'pm2')
  const command = join(home, 'bin', 'pm2')
  if (!existsSync(command)) {
    progress(`installing PM2 ${MAJOR} into ${folder}`)
    await mkdir(folder, { recursive: true })
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--no-save']
    await promisify(execFile)('npm', [...args, '--prefix', folder, `pm2@${MAJOR}`], {
      cwd: folder,
      timeout: INSTALL_TIMEOUT_MS,
    })
  }
  const manifest: unknown = JSON.parse(await readFile(join(home, 'package.json'), 'utf8'))
  if (manifest === null || typeof manifest !== 'object' || !('version' in manifest)) {
    throw new Error(`${home} is not PM2`)
  }
  return { command, version: String(manifest.version) }
}

/**
 * A side with a PM2 of its own: private home folder, no version check, no instrumentation.
 * With the recommended drain the application closes its server on SIGINT.
 */
export async function pm2Side(command: string, drain: Drain): Promise<Side> {
  const home = await mkdtemp(join(tmpdir(), 'plimsoll-bench-pm2-'))
  const port = await freePort()
  const url = new URL(`http://127.0.0.1:${port}`)
  const env: NodeJS.ProcessEnv = {
    // PM2 starts its instances with the `node` it finds first.
    PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
    HOME: home,
    PM2_HOME: home,
    PM2_DISABLE_VERSION_CHECK: '1',
    PORT: String(port),
    HOST: '127.0.0.1',
    ...(drain === 'recommended' ? { DRAIN_ON: 'SIGINT' } : {}),
  }
  // Any command would start a daemon again: none may come after, or run beside, the one that ends
  // it.
  let stopped = false
  let last: Promise<unknown> = Promise.resolve()
  const run = (...args: readonly string[]): Promise<string> => {
    const done = last.then(() => runNode([command, ...args, '--silent'], env))
    last = done.catch(() => 'its caller learns of the failure')
    return done
  }
  const pm2 = async (...args: readonly string[]): Promise<string> => {
    if (stopped) throw new Error('this PM2 was stopped')
    return run(...args)
  }

  const online = async (): Promise<readonly Listed[]> => {
    const listed = JSON.parse(await pm2('jlist')) as readonly Listed[]
    return listed.filter(({ name, pm2_env }) => name === APP && pm2_env.status === 'online')
  }
  const settle = (instances: number): Promise<void> =>
    until(`${instances} instances under PM2`, async () => (await online()).length === instances)

  let instances = 0
  return {
    name: `PM2 ${MAJOR}`,
    start: async (count) => {
      instances = count
      // The presence of this file is how PM2 knows that it need not announce its installation.
      await writeFile(join(home, 'touch'), '')
      const options = ['--name', APP, '-i', String(count), '--no-pmx', '--no-vizion']
      await pm2('start', APPLICATION, ...options)
      await settle(count)
      await until('the application under PM2', () => isServing(new URL('/healthz', url)))
      return { url }
    },
    scale: async (count) => {
      if (count !== instances) await pm2('scale', APP, String(count))
      instances = count
      await settle(count)
    },
    restart: async () => {
      await pm2('reload', APP)
      await settle(instances)
    },
    stop: async () => {
      stopped = true
      await run('kill')
      await rm(home, { recursive: true, force: true })
    },
  }
}
