// Installs Debian packages that integration tests need, where that is possible: root and apt.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { runCommand } from './command.ts'

const LIMIT_MS = 180_000

/** Programs that tests start, and the packages they come in. */
const PACKAGES = { nginx: 'nginx-light' } as const

/**
 * Installs what is missing. Where it can't, nothing happens, and the tests that need it are skipped
 * by name.
 */
export async function installMissing(): Promise<void> {
  const missing = Object.entries(PACKAGES).filter(([program]) => !isInstalled(program))
  if (missing.length === 0 || process.getuid?.() !== 0 || !isInstalled('apt-get')) return
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...argv: readonly string[]) =>
    runCommand(['apt-get', '-q', ...argv], { limitMs: LIMIT_MS, env })
  await apt('update')
  const packages = missing.map(([, name]) => name)
  const ended = await apt('install', '-y', '--no-install-recommends', ...packages)
  const said = ended.code === 0 ? 'installed' : 'could not install'
  process.stdout.write(`${said} ${packages.join(', ')}\n`)
}

/** Whether a program is on the path, or where servers are put. */
export function isInstalled(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return folder !== ''
    } catch {
      // Not in this folder.
      return false
    }
  })
}
