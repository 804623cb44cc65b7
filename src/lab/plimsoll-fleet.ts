// The plant's instances as the core knows instances. They are made anew only when one of them
// enters another phase: most seconds nothing changes.
import type { Instance, Phase, Reading } from '../core/model.ts'
import type { PlantInstance, PlantPhase, Seen } from './policy.ts'

/** The wall time at which every run begins: a Monday, midnight UTC. */
export const START_MS = 1_767_571_200_000

const PHASES: Readonly<Record<PlantPhase, Phase>> = {
  booting: 'starting',
  ready: 'ready',
  draining: 'draining',
}
const NO_READING: Reading = { kind: 'missing', reason: 'the lab measures the group' }

/** One group's instances, as values. */
export class Fleet {
  lastNumber = 0
  readonly #group: string
  #version = -1
  #snapshot: readonly Instance[] = []
  #known = new Map<string, Instance>()

  constructor(group: string) {
    this.#group = group
  }

  /** The instances there are now. */
  at(seen: Seen): readonly Instance[] {
    if (seen.version === this.#version) return this.#snapshot
    this.#version = seen.version
    const known = new Map<string, Instance>()
    this.#snapshot = (['ready', 'booting', 'draining'] as const).flatMap((phase) =>
      seen.instances(phase).map((instance) => this.#instance(instance, phase, seen, known)),
    )
    this.#known = known
    return this.#snapshot
  }

  #instance(
    { id, startedAtS, readyAtS }: PlantInstance,
    plantPhase: PlantPhase,
    seen: Seen,
    known: Map<string, Instance>,
  ): Instance {
    const phase = PHASES[plantPhase]
    const key = `${id}.${phase}`
    this.lastNumber = Math.max(this.lastNumber, id)
    const phaseAtS = { booting: startedAtS, ready: readyAtS, draining: seen.nowS }[plantPhase]
    const instance: Instance = this.#known.get(key) ?? {
      id: `${this.#group}-${id}`,
      group: this.#group,
      phase,
      generation: 'lab.0',
      host: '127.0.0.1',
      port: 1,
      startedAtMs: START_MS + startedAtS * 1_000,
      phaseAtMs: START_MS + phaseAtS * 1_000,
      cpuPercent: NO_READING,
      memoryBytes: NO_READING,
    }
    known.set(key, instance)
    return instance
  }
}
