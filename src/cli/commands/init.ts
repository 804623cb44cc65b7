// `plimsoll init`: a first plimsoll.yaml from what is in the folder.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import { PlimsollError } from '../../core/errors.ts'
import { type CommonOptions, DONE, run, withDryRun, withPlace } from '../verb.ts'

/** Adds `init`, which never overwrites: E_USAGE where the file exists. */
export function addInit(program: Command): void {
  const command = program.command('init').description('write a first plimsoll.yaml for this folder')
  withDryRun(withPlace(command)).action((options: CommonOptions) =>
    run(options, (output) => {
      const file = resolve(options.file ?? 'plimsoll.yaml')
      if (existsSync(file)) throw new PlimsollError('E_USAGE', `${file} is there already`)
      const text = firstFile(process.cwd())
      const written = options.dryRun !== true
      if (written) writeFileSync(file, text, { flag: 'wx' })
      output.document({ file, written, text })
      output.say(written ? `wrote ${file}; next: plimsoll check, then plimsoll up` : text)
      return DONE
    }),
  )
}

/** The file for a folder: its start script or main module as the command, all else default. */
export function firstFile(dir: string): string {
  const app =
    basename(dir)
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^[^a-z]+|-+$/g, '') || 'app'
  const command = commandOf(dir)
  return [
    `app: ${app}`,
    'scaling: { min_instances: 1, max_instances: 4, threshold: 80 }',
    'groups:',
    '  web:',
    `    run: { command: [${command.map((c) => JSON.stringify(c)).join(', ')}] }`,
    '    http: { listen: "127.0.0.1:8080" }',
    '    slo: { p99: 300ms }',
    '',
  ].join('\n')
}

// What package.json says of how it is started; one that is broken says nothing.
const packageSchema = z.object({
  main: z.string().optional().catch(undefined),
  scripts: z
    .object({ start: z.string().optional().catch(undefined) })
    .optional()
    .catch(undefined),
})

function readPackage(path: string): z.output<typeof packageSchema> {
  try {
    return packageSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    // Not there, or no package.json that could help: the command is guessed from the files.
    return {}
  }
}

function commandOf(dir: string): readonly string[] {
  const found = readPackage(join(dir, 'package.json'))
  const script = found.scripts?.start?.trim()
  // A plain `node FILE` is started as such: npm in between would take the signals.
  const words = script?.split(/\s+/) ?? []
  if (words[0] === 'node' && words.length > 1 && words.every((w) => /^[\w./@=:-]+$/.test(w))) {
    return words
  }
  if (script !== undefined) return ['npm', 'start']
  const main = ['server.js', 'index.js', 'app.js', 'src/index.js'].find((f) =>
    existsSync(join(dir, f)),
  )
  return ['node', found.main ?? main ?? 'server.js']
}
