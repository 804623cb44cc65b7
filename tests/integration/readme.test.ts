// The README is true: its commands are run as they stand, and its links lead somewhere.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { KEY, ROOT, TestApplication } from './application.ts'
import { missing } from './nginx-subject.ts'

const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

let app: TestApplication
before(async () => {
  app = await TestApplication.create()
  const command = `[${JSON.stringify(process.execPath)}, server.js]`
  const group = (name: string, listen: string) =>
    `  ${name}: { run: { command: ${command} }, http: ${listen}, scaling: { max_instances: 6 } }`
  const [first, second] = [app.listenPort, await app.anotherPort()]
  app.writeText(
    [
      'groups:',
      group('web', `{ listen: "127.0.0.1:${first}", via: builtin }`),
      group('my-group', `{ listen: "127.0.0.1:${second}" }`),
      `api: { listen: "127.0.0.1:${app.apiPort}" }`,
    ].join('\n'),
  )
  // `plimsoll` on the path, as after an installation.
  mkdirSync(join(app.folder, 'bin'))
  symlinkSync(join(ROOT, 'bin/plimsoll.cjs'), join(app.folder, 'bin/plimsoll'))
  const up = await app.run(['up', '--detach'])
  assert.equal(up.code, 0, up.stderr)
})
after(() => app.close())

/** The blocks of one language, as they stand. */
function blocks(language: string): readonly string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms')
  return [...README.matchAll(pattern)].map((m) => m[1] ?? '')
}

async function shell(command: string): Promise<{ code: number | null; output: string }> {
  const child = spawn('/bin/sh', ['-euc', command], {
    cwd: app.folder,
    env: {
      ...process.env,
      PATH: `${join(app.folder, 'bin')}:${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`,
      SERVICE_API_KEY: KEY,
    },
  })
  let output = ''
  child.stdout.on('data', (d) => {
    output += d
  })
  child.stderr.on('data', (d) => {
    output += d
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

test("the API call works as it stands, but for the port's number", async () => {
  const block = blocks('sh').find((b) => b.startsWith('curl'))
  assert.ok(block !== undefined)
  assert.match(block, /127\.0\.0\.1:7070/)
  const { code, output } = await shell(block.replace('7070', `${app.apiPort}`))
  assert.equal(code, 0, output)
  const answer = /\{"group".*\}/.exec(output)?.[0] ?? '{}'
  const { group, from, to } = JSON.parse(answer) as { group: string; from: number; to: number }
  assert.deepEqual({ group, from, to }, { group: 'my-group', from: 1, to: 3 })
})

test('the verbs work as they stand', async () => {
  const block = blocks('sh').find((b) => b.startsWith('plimsoll scale'))
  assert.ok(block !== undefined)
  for (const line of block.trim().split('\n')) {
    const command = `${line.replace(/#.*/, '').trim()} --file plimsoll.yaml --state state`
    const { code, output } = await shell(command)
    assert.equal(code, 0, `${command}\n${output}`)
  }
})

test('the file for NGINX is right, and says what it is said to say', async () => {
  const folder = join(app.folder, 'nginx-file')
  mkdirSync(folder)
  const [file = ''] = blocks('yaml').filter((block) => block.includes('via: nginx'))
  writeFileSync(join(folder, 'plimsoll.yaml'), file)
  const pair = '-keyout privkey.pem -out fullchain.pem -subj /CN=shop.example'
  const ready = await shell(`cd nginx-file && openssl req -x509 -nodes -newkey rsa:2048 ${pair}`)
  assert.equal(ready.code, 0, ready.output)
  const checked = await shell('cd nginx-file && plimsoll check')
  if (missing) assert.match(checked.output, /E_BALANCER_MISSING/)
  else {
    const [said = ''] = blocks('text').filter((block) => block.startsWith('balancer: nginx'))
    assert.ok(said.length > 0 && checked.output.includes(said), checked.output)
  }
})

test('the scripts that it names exist', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const named = [...README.matchAll(/npm (?:run )?(\w+)/g)].map((m) => m[1] ?? '')
  assert.ok(named.length >= 3)
  for (const name of named) assert.ok(scripts[name] !== undefined, name)
})

test('its links lead somewhere', () => {
  const links = [...README.matchAll(/\]\(([^)#]+)\)/g)].map((m) => m[1] ?? '')
  assert.ok(links.length >= 5)
  for (const link of links) assert.ok(existsSync(join(ROOT, link)), link)
})

test('the skill is valid', async () => {
  const { code, output } = await shell(
    `skills-ref validate ${join(ROOT, 'skills/arch-scalability')}`,
  )
  assert.equal(code, 0, output)
  assert.match(output, /Valid skill/)
})

test('every verb that the skill names exists', async () => {
  const skill = readFileSync(join(ROOT, 'skills/arch-scalability/SKILL.md'), 'utf8')
  const verbs = new Set([...skill.matchAll(/`plimsoll (\w+)/g)].map((m) => m[1] ?? ''))
  assert.ok(verbs.size >= 7)
  for (const verb of verbs) {
    const { code, output } = await shell(`plimsoll ${verb} --help`)
    assert.equal(code, 0, output)
  }
})
