// What a run is judged by, added up second by second.

/** The figures of one run. */
export interface Score {
  readonly seconds: number
  readonly requests: number
  /** Percent of requests that waited too long. */
  readonly violationPercent: number
  /** Percent of minutes with traffic in which more than one request in a hundred did. */
  readonly violationMinutesPercent: number
  /** From request to end of each instance, boot and drain included. */
  readonly instanceHours: number
  /** Longest unbroken row of seconds with late requests. */
  readonly longestViolationS: number
  /** Mean seconds from the first late request to the last before half a quiet minute. */
  readonly recoverS: number
  /** Instances started. */
  readonly starts: number
}

/** A second or minute violates from this share of late requests on: the 99th percentile is late. */
const LATE_SHARE = 0.01
/** A violation is over when this many seconds passed without one. */
const QUIET_S = 30
const MINUTE_S = 60

/** Adds up one run. */
export class Tally {
  #seconds = 0
  #requests = 0
  #violated = 0
  #instanceSeconds = 0
  #minuteRequests = 0
  #minuteViolated = 0
  #minutes = 0
  #lateMinutes = 0
  #row = 0
  #longest = 0
  #episodes = 0
  #episodeSeconds = 0
  #episodeFrom = -1
  #lastLate = 0

  /** One second: requests, late ones among them, and instances that are billed. */
  add(requests: number, violated: number, billed: number): void {
    this.#requests += requests
    this.#instanceSeconds += billed
    this.#minuteRequests += requests
    if (violated > 0) {
      this.#violated += violated
      this.#minuteViolated += violated
    }
    if (violated > requests * LATE_SHARE) this.#late()
    else if (this.#row > 0 || this.#episodeFrom >= 0) this.#inTime()
    this.#seconds += 1
    if (this.#seconds % MINUTE_S === 0) this.#endMinute()
  }

  #late(): void {
    this.#row += 1
    if (this.#row > this.#longest) this.#longest = this.#row
    if (this.#episodeFrom < 0) this.#episodeFrom = this.#seconds
    this.#lastLate = this.#seconds
  }

  #inTime(): void {
    this.#row = 0
    if (this.#seconds - this.#lastLate >= QUIET_S) this.#endEpisode()
  }

  #endEpisode(): void {
    this.#episodes += 1
    this.#episodeSeconds += this.#lastLate + 1 - this.#episodeFrom
    this.#episodeFrom = -1
  }

  #endMinute(): void {
    if (this.#minuteRequests > 0) {
      this.#minutes += 1
      if (this.#minuteViolated > this.#minuteRequests * LATE_SHARE) this.#lateMinutes += 1
    }
    this.#minuteRequests = 0
    this.#minuteViolated = 0
  }

  /** The figures so far; the run is over then. */
  score(starts: number): Score {
    this.#endMinute()
    if (this.#episodeFrom >= 0) this.#endEpisode()
    return {
      seconds: this.#seconds,
      requests: this.#requests,
      violationPercent: percent(this.#violated, this.#requests),
      violationMinutesPercent: percent(this.#lateMinutes, this.#minutes),
      instanceHours: this.#instanceSeconds / 3_600,
      longestViolationS: this.#longest,
      recoverS: this.#episodes === 0 ? 0 : this.#episodeSeconds / this.#episodes,
      starts,
    }
  }
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole
}
