// The reference provider lives up to the Provider port.
import { groupSpec } from '../../../tests/simulation/loop.ts'
import { type ProviderSubject, providerConformance } from '../../testing/provider.ts'
import { MemoryClock } from './clock.ts'
import { MemoryProvider } from './provider.ts'

async function create(): Promise<ProviderSubject> {
  const clock = new MemoryClock()
  const provider = new MemoryProvider(clock)
  return {
    provider,
    group: groupSpec(),
    another: () => provider,
    crash: ({ id }) => provider.crash(id),
    pass: async (ms) => clock.advance(ms),
    dispose: () => provider.close(),
  }
}

providerConformance('memory', create)
