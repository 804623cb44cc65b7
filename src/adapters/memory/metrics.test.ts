// The monitor in memory keeps the promises that real ones keep.
import { metricsConformance } from '../../testing/metrics.ts'
import { MemoryMetrics } from './metrics.ts'

metricsConformance('memory', async () => {
  const metrics = new MemoryMetrics({ now: () => 1_000 })
  const answers = { a: 42, b: 7, several: 'two series', nan: Number.NaN, infinite: 1 / 0 }
  for (const [query, answer] of Object.entries(answers)) metrics.answers.set(query, answer)
  metrics.answers.set('broken', 'the query is refused')
  return {
    metrics,
    from: { prometheus: 'http://127.0.0.1:9090', headers: {}, verify: true, maxAgeMs: 120_000 },
    queries: {
      good: ['a', 'b'],
      empty: 'none',
      several: 'several',
      nan: 'nan',
      infinite: 'infinite',
      broken: 'broken',
    },
    breakDown: async () => {
      metrics.down = 'out of order'
      return async () => {
        metrics.down = undefined
      }
    },
    dispose: () => metrics.close(),
  }
})
