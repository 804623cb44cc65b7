// The door `plimsoll/testing`: conformance suites, one for each port that an adapter may implement.
export {
  type BalancerSubject,
  type BalancerTrait,
  balancerConformance,
} from './balancer.ts'
export { type MetricsSubject, metricsConformance } from './metrics.ts'
export { type ProviderSubject, providerConformance } from './provider.ts'
export { type StoreSubject, storeConformance } from './store.ts'
