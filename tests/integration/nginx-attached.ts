// For tests: an attached balancer, the installation that it is attached to, and instances.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAttachBalancer } from '../../src/adapters/nginx/attach/balancer.ts'
import { findProcesses } from '../../src/adapters/nginx/process.ts'
import type { Balancer } from '../../src/core/ports.ts'
import { NEVER, Stage } from '../../src/testing/balancer/stage.ts'
import { Distribution } from './nginx-distribution.ts'
import { systemClock } from './nginx-subject.ts'

/** All of it; the installation runs, and nothing is attached yet. */
export class Attached {
  readonly distribution: Distribution
  readonly stateDir: string
  readonly balancer: Balancer
  readonly stage: Stage

  private constructor(distribution: Distribution) {
    this.distribution = distribution
    this.stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'plimsoll-attach-')))
    this.balancer = this.another()
    this.stage = new Stage({
      balancer: this.balancer,
      arePortsKnown: true,
      kill: () => distribution.kill(),
      another: () => this.another(),
      dispose: () => this.dispose(),
    })
  }

  static async create(): Promise<Attached> {
    const distribution = await Distribution.create()
    await distribution.start()
    return new Attached(distribution)
  }

  another(dir = this.distribution.confD): Balancer {
    return createAttachBalancer({ stateDir: this.stateDir, clock: systemClock, dir })
  }

  /** Pids of the workers: a reload makes them others. */
  get workers(): readonly number[] {
    const { workers } = findProcesses(this.distribution.folder)
    return workers.map(({ pid }) => pid).sort((a, b) => a - b)
  }

  async dispose(): Promise<void> {
    await this.balancer.stop(0, NEVER)
    await this.distribution.dispose()
    rmSync(this.stateDir, { recursive: true, force: true })
  }
}
