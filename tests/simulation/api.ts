// The HTTP API over a whole loop in memory, called without a port, for tests of what it does and
// refuses.
import assert from 'node:assert/strict'
import { afterEach, beforeEach } from 'node:test'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { MemoryWorld } from '../../src/adapters/memory/world.ts'
import { ERRORS } from '../../src/core/errors.ts'
import type { Spec } from '../../src/core/model.ts'
import { Controller } from '../../src/engine/controller.ts'
import { Service } from '../../src/engine/service.ts'
import { createApp } from '../../src/server/app.ts'
import { groupSpec, specOf } from './loop.ts'

/** The key of the API. */
export const KEY = 'a-key-of-the-test'
/** Where its routes begin. */
export const API = '/api/scalability'

/** An answer; `body` is empty where it is no JSON. */
export interface Got {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly text: string
  readonly headers: Readonly<Record<string, unknown>>
}

/** One group `my-group` of 2 to 8 instances, with a budget for 6. */
export function specification(): Spec {
  const group = groupSpec({ name: 'my-group', needs: ['db'] })
  const connections = { total: 65, perInstance: 10 }
  return specOf([group], { resources: [{ name: 'db', connections }] })
}

/** The API of one test; what it stands on is made anew before each. */
export class TestApi {
  readonly world: MemoryWorld
  readonly controller: Controller
  readonly service: Service
  readonly app: FastifyInstance
  /** What the file says when it is read again. */
  nextSpec: Spec = specification()
  shutdowns = 0
  /** Instances whose logs were asked of the provider. */
  readonly readLogs: string[] = []
  // The world's time passes a good deal faster than ours.
  readonly #time: NodeJS.Timeout

  private constructor(world: MemoryWorld, controller: Controller, time: NodeJS.Timeout) {
    this.world = world
    this.controller = controller
    this.#time = time
    let ids = 0
    this.service = new Service({
      controller,
      store: world.store,
      clock: world.clock,
      newId: () => `c${++ids}`,
      readFile: () => {
        const differences = [{ path: 'app', from: 'a', to: 'b' }]
        return { ok: true, value: { spec: this.nextSpec, differences } }
      },
      checkChange: async () => undefined,
      shutdown: () => {
        this.shutdowns++
      },
    })
    this.app = createApp({
      service: this.service,
      id: 'test',
      key: KEY,
      listenHost: '127.0.0.1',
      version: '9.9.9',
      clock: world.clock,
      logs: async (group, instance, lines) => {
        this.readLogs.push(instance)
        return world.provider.logs(group, instance, lines)
      },
    })
  }

  /** Starts a loop, and waits until the group is up. */
  static async start(): Promise<TestApi> {
    const world = new MemoryWorld()
    world.provider.bootMs = 100
    const time = setInterval(() => world.clock.advance(100), 2)
    const controller = await Controller.start(specification(), { ...world, random: () => 0.5 })
    const api = new TestApi(world, controller, time)
    await api.settled(2)
    return api
  }

  async close(): Promise<void> {
    await this.app.close()
    await this.controller.close()
    clearInterval(this.#time)
  }

  /** How many instances the group should have. */
  get desired(): number | undefined {
    return this.controller.state.memory.groups['my-group']?.desired
  }

  async settled(ready: number): Promise<void> {
    await eventually(async () => {
      const view = this.service.group('my-group')
      return view.ok && view.value.ready === ready && view.value.desired === ready
    })
  }

  async call(options: InjectOptions, key: string | null = KEY): Promise<Got> {
    const authorization = key === null ? {} : { authorization: `Bearer ${key}` }
    const response = await this.app.inject({
      ...options,
      headers: { ...authorization, ...options.headers },
    })
    const text = response.payload
    const body = /^[[{]/.test(text) ? (JSON.parse(text) as Record<string, unknown>) : {}
    return { status: response.statusCode, body, text, headers: response.headers }
  }

  get(path: string, key?: string | null): Promise<Got> {
    return this.call({ method: 'GET', url: path }, key)
  }

  post(path: string, payload: unknown, headers: Record<string, string> = {}): Promise<Got> {
    const body = typeof payload === 'string' ? payload : JSON.stringify(payload)
    const type = { 'content-type': 'application/json' }
    return this.call({
      method: 'POST',
      url: API + path,
      payload: body,
      headers: { ...type, ...headers },
    })
  }
}

/** A new API for each test of a file. */
export function apiOfEachTest(): () => TestApi {
  let api: TestApi
  beforeEach(async () => {
    api = await TestApi.start()
  })
  afterEach(() => api.close())
  return () => api
}

/** Every refusal has the one shape, a code of the catalogue, its status and its remedy. */
export function refusedWith(got: Got, code: keyof typeof ERRORS): void {
  assert.deepEqual(Object.keys(got.body), ['error'], got.text)
  const error = got.body.error as { code: string; message: string; remedy: string }
  assert.deepEqual(Object.keys(error).sort(), ['code', 'message', 'remedy'])
  assert.equal(error.code, code, error.message)
  assert.equal(error.remedy, ERRORS[code].remedy)
  assert.equal(got.status, ERRORS[code].status)
  assert.ok(error.message.length > 3)
}

/** Waits for something to become so. */
export async function eventually(look: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 1_000; n++) {
    if (await look()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.fail(`never: ${look}`)
}
