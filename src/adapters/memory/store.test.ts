// The reference store keeps what the Store port promises.
import { type StoreSubject, storeConformance } from '../../testing/store.ts'
import { MemoryStore } from './store.ts'

function create(mostTicks?: number): StoreSubject {
  const store = new MemoryStore(mostTicks)
  return {
    store,
    reopen: () => store,
    breakWrites: () => {
      store.broken = true
      return () => {
        store.broken = false
      }
    },
    dispose: () => store.close(),
  }
}

storeConformance('memory', create)
