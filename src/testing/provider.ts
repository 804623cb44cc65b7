// The conformance suite for the Provider port: the life of an instance, whoever runs it.
import { strict as assert } from 'node:assert'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Action, GroupSpec, Instance, InstanceVerb, Outcome } from '../core/model.ts'
import type { Provider } from '../core/ports.ts'

/** A provider under test. */
export interface ProviderSubject {
  readonly provider: Provider
  /** What runs is a server that says three lines, answers, and ends on SIGTERM. */
  readonly group: GroupSpec
  /** Another controller's view of the same instances; the earlier one was closed. */
  another(): Provider
  /** Ends an instance as a crash would. */
  crash(instance: Instance): void
  /** Lets time pass. */
  pass(ms: number): Promise<void>
  /** Ends everything and removes what was made. */
  dispose(): Promise<void>
}

const NEVER: AbortSignal = new AbortController().signal
const LOOK_MS = 50

/** Runs the suite with `node:test`. `create` makes a provider without instances, for each test. */
export function providerConformance(name: string, create: () => Promise<ProviderSubject>): void {
  describe(`provider conformance: ${name}`, () => {
    let bench: Bench
    beforeEach(async () => {
      bench = new Bench(await create())
    })
    afterEach(() => bench.subject.dispose())
    lifeTests(() => bench)
    repeatTests(() => bench)
    crashTests(() => bench)
    adoptionTests(() => bench)
  })
}

// What the tests do over and over with the provider under test.
class Bench {
  readonly subject: ProviderSubject
  provider: Provider

  constructor(subject: ProviderSubject) {
    this.subject = subject
    this.provider = subject.provider
  }

  apply(action: Action): Promise<Outcome> {
    return this.provider.apply(action, this.subject.group, NEVER)
  }

  start(instance: string): Promise<Outcome> {
    const base = { group: this.subject.group.name, generation: 'a.0', reason: 'test' }
    return this.apply({ kind: 'start', instance, ...base })
  }

  do(kind: InstanceVerb, instance: string): Promise<Outcome> {
    return this.apply({ kind, group: this.subject.group.name, instance, reason: 'test' })
  }

  async all(): Promise<readonly Instance[]> {
    const status = await this.provider.observe(this.subject.group, NEVER)
    assert.equal(status.kind, 'known', JSON.stringify(status))
    return status.instances
  }

  async find(id: string): Promise<Instance | undefined> {
    return (await this.all()).find((i) => i.id === id)
  }

  async get(id: string): Promise<Instance> {
    const found = await this.find(id)
    assert.ok(found, `${id} is not there`)
    return found
  }

  async until(id: string, phase: Instance['phase'], mostMs = 15_000): Promise<Instance> {
    for (let waited = 0; waited < mostMs; waited += LOOK_MS) {
      const found = await this.find(id)
      if (found?.phase === phase) return found
      await this.subject.pass(LOOK_MS)
    }
    assert.fail(`not ${phase} within ${mostMs} ms: ${JSON.stringify(await this.find(id))}`)
  }

  /** The same instances under another controller. */
  async handOver(between: () => Promise<void> | void = () => {}): Promise<number> {
    await this.provider.close()
    await between()
    this.provider = this.subject.another()
    return this.provider.adopt(NEVER)
  }
}

function lifeTests(bench: () => Bench): void {
  test('start, ready, drain, stop, exited, forget', async () => {
    assert.deepEqual(await bench().all(), [])
    assert.equal((await bench().start('web-1')).kind, 'applied')
    const starting = await bench().get('web-1')
    assert.ok(['starting', 'ready'].includes(starting.phase), starting.phase)
    const ready = await bench().until('web-1', 'ready')
    assert.equal(ready.group, bench().subject.group.name)
    assert.equal(ready.generation, 'a.0')
    assert.ok(ready.port > 0 && ready.phaseAtMs >= ready.startedAtMs)
    assert.equal((await bench().do('drain', 'web-1')).kind, 'applied')
    assert.equal((await bench().get('web-1')).phase, 'draining')
    await bench().subject.pass(300)
    assert.equal((await bench().get('web-1')).phase, 'draining', 'a drain does not end it')
    assert.equal((await bench().do('stop', 'web-1')).kind, 'applied')
    const { exit } = await bench().until('web-1', 'exited')
    assert.deepEqual([exit?.expected, exit?.wasReady], [true, true])
    assert.equal((await bench().do('forget', 'web-1')).kind, 'applied')
    assert.deepEqual(await bench().all(), [])
  })

  test('a killed one ends, and that was expected', async () => {
    await bench().start('web-1')
    await bench().until('web-1', 'ready')
    assert.equal((await bench().do('kill', 'web-1')).kind, 'applied')
    const { exit } = await bench().until('web-1', 'exited')
    assert.equal(exit?.expected, true)
  })

  test('instances stand beside each other', async () => {
    await Promise.all(['web-1', 'web-2'].map((id) => bench().start(id)))
    const first = await bench().until('web-1', 'ready')
    const second = await bench().until('web-2', 'ready')
    assert.notEqual(first.port, second.port)
    await bench().do('kill', 'web-1')
    await bench().until('web-1', 'exited')
    assert.equal((await bench().get('web-2')).phase, 'ready')
  })

  test('logs are the last lines, oldest first; none of an instance nobody knows', async () => {
    await bench().start('web-1')
    await bench().until('web-1', 'ready')
    const logs = (id: string, lines: number) => {
      return bench().provider.logs(bench().subject.group.name, id, lines)
    }
    const all = await logs('web-1', 100)
    assert.ok(all.length >= 2, JSON.stringify(all))
    assert.deepEqual(await logs('web-1', 1), all.slice(-1))
    assert.deepEqual(await logs('web-99', 100), [])
  })

  test('what is not for a provider, or for no instance it knows, is skipped', async () => {
    for (const kind of ['drain', 'stop', 'kill', 'forget'] as const) {
      assert.equal((await bench().do(kind, 'web-99')).kind, 'skipped', kind)
    }
    await bench().start('web-1')
    assert.equal((await bench().do('admit', 'web-1')).kind, 'skipped')
    const other = await bench().apply({ kind: 'start-balancer', reason: 'test' })
    assert.equal(other.kind, 'skipped')
  })
}

function repeatTests(bench: () => Bench): void {
  test('repeating a start starts nothing more', async () => {
    await bench().start('web-1')
    const first = await bench().until('web-1', 'ready')
    assert.equal((await bench().start('web-1')).kind, 'applied')
    const again = await bench().get('web-1')
    assert.deepEqual([again.pid, again.phase, again.port], [first.pid, 'ready', first.port])
    assert.equal((await bench().all()).length, 1)
  })

  test('repeating a drain or a stop does not begin it anew', async () => {
    await bench().start('web-1')
    await bench().until('web-1', 'ready')
    await bench().do('drain', 'web-1')
    const { phaseAtMs } = await bench().get('web-1')
    await bench().subject.pass(100)
    assert.equal((await bench().do('drain', 'web-1')).kind, 'applied')
    assert.equal((await bench().get('web-1')).phaseAtMs, phaseAtMs)
    await bench().do('stop', 'web-1')
    assert.notEqual((await bench().do('stop', 'web-1')).kind, 'failed')
    await bench().until('web-1', 'exited')
  })

  test('a drain that comes after the stop does not go back', async () => {
    await bench().start('web-1')
    await bench().until('web-1', 'ready')
    await bench().do('stop', 'web-1')
    await bench().do('drain', 'web-1')
    assert.ok(['stopping', 'exited'].includes((await bench().get('web-1')).phase))
  })

  test('what has ended stays ended, whatever is asked of it', async () => {
    await bench().start('web-1')
    const ready = await bench().until('web-1', 'ready')
    bench().subject.crash(ready)
    const ended = await bench().until('web-1', 'exited')
    for (const kind of ['drain', 'stop', 'kill'] as const) {
      assert.notEqual((await bench().do(kind, 'web-1')).kind, 'failed', kind)
      const now = await bench().get('web-1')
      assert.deepEqual([now.phase, now.exit], ['exited', ended.exit], kind)
    }
    await bench().do('forget', 'web-1')
    assert.equal((await bench().do('forget', 'web-1')).kind, 'skipped')
  })

  test('what runs can not be forgotten', async () => {
    await bench().start('web-1')
    await bench().until('web-1', 'ready')
    await bench().do('forget', 'web-1')
    assert.equal((await bench().get('web-1')).phase, 'ready')
  })
}

function crashTests(bench: () => Bench): void {
  test('a crash is seen within half a second, and was not expected', async () => {
    await bench().start('web-1')
    bench().subject.crash(await bench().until('web-1', 'ready'))
    // The mark is half a second; the rest is for a busy machine.
    const { exit, phaseAtMs } = await bench().until('web-1', 'exited', 1_500)
    assert.deepEqual([exit?.expected, exit?.wasReady], [false, true])
    assert.equal(exit?.atMs, phaseAtMs)
  })

  test('a crash before it was ready is told as that', async () => {
    await bench().start('web-1')
    const young = await bench().get('web-1')
    bench().subject.crash(young)
    const { exit } = await bench().until('web-1', 'exited', 1_500)
    assert.deepEqual([exit?.expected, exit?.wasReady], [false, young.phase === 'ready'])
  })
}

function adoptionTests(bench: () => Bench): void {
  test('another controller finds what runs, as it was, and goes on with it', async () => {
    await bench().start('web-1')
    await bench().start('web-2')
    const first = await bench().until('web-1', 'ready')
    await bench().until('web-2', 'ready')
    await bench().do('drain', 'web-2')
    assert.equal(await bench().handOver(), 2)
    const adopted = await bench().get('web-1')
    assert.deepEqual([adopted.phase, adopted.pid], ['ready', first.pid])
    assert.deepEqual([adopted.port, adopted.startedAtMs], [first.port, first.startedAtMs])
    assert.equal((await bench().get('web-2')).phase, 'draining')
    await bench().do('stop', 'web-1')
    await bench().do('kill', 'web-2')
    for (const id of ['web-1', 'web-2']) {
      const { exit } = await bench().until(id, 'exited')
      assert.equal(exit?.expected, true)
      await bench().do('forget', id)
    }
    assert.deepEqual(await bench().all(), [])
  })

  test('a crash of an adopted one is seen within half a second', async () => {
    await bench().start('web-1')
    const ready = await bench().until('web-1', 'ready')
    await bench().handOver()
    await bench().get('web-1')
    bench().subject.crash(ready)
    const { exit } = await bench().until('web-1', 'exited', 1_500)
    assert.deepEqual([exit?.expected, exit?.wasReady], [false, true])
  })

  test('what crashed while nobody watched is found ended, and not counted', async () => {
    await bench().start('web-1')
    const ready = await bench().until('web-1', 'ready')
    const adopted = await bench().handOver(async () => {
      bench().subject.crash(ready)
      await bench().subject.pass(300)
    })
    assert.equal(adopted, 0)
    const { exit } = await bench().until('web-1', 'exited', 1_500)
    assert.deepEqual([exit?.expected, exit?.wasReady], [false, true])
  })
}
