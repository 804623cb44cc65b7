// The guide "Rehearse your scaling" is true: its commands run as they stand and print what it
// shows.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { KEY, ROOT, TestApplication, until } from './application.ts'

const GUIDE = readFileSync(join(ROOT, 'docs/guide/rehearse-your-scaling.md'), 'utf8')
/** Figures of the page and of a run are the same within this share: policies get better. */
const CLOSE = 0.1
const LOG_S = 240

let app: TestApplication
before(async () => {
  app = await TestApplication.create()
  mkdirSync(join(app.folder, 'bin'))
  symlinkSync(join(ROOT, 'bin/plimsoll.cjs'), join(app.folder, 'bin/plimsoll'))
  symlinkSync(join(ROOT, 'examples'), join(app.folder, 'examples'))
  writeFileSync(join(app.folder, 'access.log'), accessLog())
  const [file = ''] = blocks('yaml')
  assert.match(file, /127\.0\.0\.1:8080/)
  const own = file
    .replace('127.0.0.1:8080', `127.0.0.1:${app.listenPort}`)
    .replace('[node, ', `[${JSON.stringify(process.execPath)}, `)
  app.writeText(`${own}api: { listen: "127.0.0.1:${app.apiPort}" }\n`)
})
after(async () => {
  // It was started with the state folder that the page's commands take.
  const { code, stdout } = await shell('plimsoll down')
  await app.close()
  assert.equal(code, 0, stdout)
})

function accessLog(): string {
  const lines = Array.from({ length: LOG_S * 3 }, (_, i) => {
    const at = new Date(Date.UTC(2026, 0, 1) + Math.floor(i / 3) * 1_000).toISOString()
    return `192.0.2.7 - - [01/Jan/2026:${at.slice(11, 19)} +0000] "GET / HTTP/1.1" 200 5 "-" "-"`
  })
  return `${lines.join('\n')}\n`
}

/** The blocks of one language, as they stand. */
function blocks(language: string): readonly string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms')
  return [...GUIDE.matchAll(pattern)].map((m) => m[1] ?? '')
}

/** The one block that has all these words. */
function block(language: string, ...words: readonly string[]): string {
  const found = blocks(language).filter((text) => words.every((word) => text.includes(word)))
  assert.equal(found.length, 1, `${language} with ${words.join(', ')}`)
  return found[0] ?? ''
}

async function shell(command: string): Promise<{ code: number | null; stdout: string }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const path = `${join(app.folder, 'bin')}:${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`
  const child = spawn('/bin/sh', ['-euc', command], {
    cwd: app.folder,
    env: { ...env, PATH: path, SERVICE_API_KEY: KEY },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (d) => {
    stdout += d
  })
  child.stderr.on('data', (d) => {
    stderr += d
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) stdout += stderr
  return { code, stdout }
}

/** Words and order of words are the same, and figures close. */
function assertShown(printed: string, shown: string): void {
  const words = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
  const [lines, wanted] = [words(printed), words(shown)]
  const key = (line: readonly string[]) =>
    line.filter((word) => Number.isNaN(Number(word))).join(' ')
  assert.deepEqual(lines.map(key).toSorted(), wanted.map(key).toSorted(), printed)
  for (const line of wanted) {
    const same = lines.filter((other) => key(other) === key(line))
    const isShown = same.some((other) => line.every((word, i) => isClose(word, other[i] ?? '')))
    assert.ok(isShown, `${line.join(' ')} is not in\n${printed}`)
  }
}

function isClose(shown: string, printed: string): boolean {
  const [a, b] = [Number(shown), Number(printed)]
  if (Number.isNaN(a) || Number.isNaN(b)) return shown === printed
  // Few late requests, and the longest of few times, are a matter of luck.
  return Math.abs(a - b) <= Math.max(CLOSE * Math.abs(a), a < 1 ? 0.1 : 0)
}

test('the day is rehearsed as shown, and the report is written', async () => {
  const { code, stdout } = await shell(block('sh', 'day.csv', '--report'))
  assert.equal(code, 0, stdout)
  assertShown(stdout, block('text', 'wrote report.html'))
  assert.match(readFileSync(join(app.folder, 'report.html'), 'utf8'), /^<!doctype html>/)
})

test('the knob does what is shown', async () => {
  const { code, stdout } = await shell(block('sh', 'day.csv', '--late'))
  assert.equal(code, 0, stdout)
  assertShown(stdout, block('text', 'there is nothing to compare'))
})

test('a log is enough', async () => {
  const [first = ''] = blocks('sh')
  const { code, stdout } = await shell(first)
  assert.equal(code, 0, stdout)
  assert.match(stdout, /^policy .*\n(?:.*\n)*oracle /)
})

test('observed: started from the file, explained as shown, decided again', async () => {
  const started = await shell(block('sh', 'up --detach'))
  assert.equal(started.code, 0, started.stdout)
  assert.match(started.stdout, /^plimsoll +default/m)
  const shape = (text: string) =>
    text
      .trim()
      .replace(/\d{4}-\S+Z/g, 'T')
      .replace(/ \(\d+ s old\)/g, '')
      // Which forecaster leads is a matter of luck so early.
      .replace(/\(mostly the [^)]*: /g, '(mostly the F: ')
      .replace(/\d+(?:\.\d+)?/g, 'N')
  const explain = block('sh', 'explain')
  const shown = shape(block('text', 'observe: not done'))
  const load = setInterval(() => void request(), 10)
  let last = ''
  try {
    await until('the explanation that the page shows', 60_000, async () => {
      last = shape((await shell(explain)).stdout)
      return last === shown ? true : undefined
    }).catch((error: unknown) => {
      throw new Error(`the page shows\n${shown}\nand the last one was\n${last}`, { cause: error })
    })
  } finally {
    clearInterval(load)
  }
  const replayed = await shell(block('sh', 'replay'))
  assert.equal(replayed.code, 0, replayed.stdout)
  assert.equal(shape(replayed.stdout), shape(block('text', 'decided again')))
})

async function request(): Promise<void> {
  try {
    await (await fetch(app.url)).arrayBuffer()
  } catch {
    // It may be starting or going down; only the load counts here.
  }
}

test('its links lead somewhere, and its options exist', async () => {
  for (const [, link = ''] of GUIDE.matchAll(/\]\(([^)#]+)\)/g)) {
    assert.ok(existsSync(join(ROOT, 'docs/guide', link)), link)
  }
  const { stdout } = await shell('plimsoll backtest --help; plimsoll explain --help')
  const options = new Set([...GUIDE.matchAll(/`(--[a-z]+)/g)].map((m) => m[1] ?? ''))
  assert.ok(options.size >= 10)
  for (const option of options) assert.ok(stdout.includes(option), option)
})
