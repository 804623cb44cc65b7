// A controller that ends itself (SIGKILL) at a named moment: `up --file F --state S MOMENT COUNT`.
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { compose } from '../../src/compose.ts'
import { parseConfig } from '../../src/config/parse.ts'
import type { Ports } from '../../src/engine/controller.ts'

const [, file = '', , stateDir = '', moment = '', count = '1'] = process.argv.slice(3)
let left = Number(count)

/** Ends the process when the moment has come for the last time it was to be survived. */
function reached(name: string): void {
  if (name === moment && --left === 0) process.kill(process.pid, 'SIGKILL')
}

function wrap(ports: Ports): Ports {
  const { provider, balancer, store } = ports
  const apply = provider.apply.bind(provider)
  provider.apply = async (action, group, cancel) => {
    reached(`before ${action.kind}`)
    const outcome = await apply(action, group, cancel)
    reached(`after ${action.kind}`)
    if (action.kind === 'start') setTimeout(() => reached('during boot'), 200)
    return outcome
  }
  const configure = balancer.configure.bind(balancer)
  balancer.configure = async (groups, cancel) => {
    reached('before configure')
    const fault = await configure(groups, cancel)
    reached('after configure')
    return fault
  }
  const plan = store.plan.bind(store)
  store.plan = (tick) => {
    const fault = plan(tick)
    reached('planned')
    return fault
  }
  const finish = store.finish.bind(store)
  store.finish = (tick, memory) => {
    if (tick.plan.actions.length > 0) reached('before finish')
    return finish(tick, memory)
  }
  return ports
}

const parsed = parseConfig(readFileSync(file, 'utf8'), { dir: dirname(file), file })
if (!parsed.ok) throw new Error('the file is wrong')
const { spec, api } = parsed.config
const readSame = () => ({ ok: true, value: { spec, differences: [] } }) as const
await compose({ spec, stateDir, version: 'test', file, api, readFile: readSame, wrap })
