// The known word that a mistyped one was probably meant to be.

/** The nearest of the known words, or undefined when none is near. */
export function nearestWord(given: string, known: readonly string[]): string | undefined {
  const word = plain(given).slice(0, 60)
  if (word === '') return undefined
  const ranked = known
    .map((candidate) => ({ candidate, distance: distanceBetween(word, plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best !== undefined && best.distance <= allowance(word) ? best.candidate : undefined
}

/** Half a prefix, like `min` for `min_instances`, is as near as one wrong letter. */
function distanceBetween(word: string, candidate: string): number {
  if (word.length >= 3 && (candidate.startsWith(word) || word.startsWith(candidate))) return 1
  return editDistance(word, candidate)
}

function allowance(word: string): number {
  return Math.max(1, Math.floor(word.length / 3))
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[_\-\s]/g, '')
}

/**
 * Letters to insert, delete, replace or swap with their neighbour, to get from one word to another.
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        at(last, j) + 1,
        at(row, j - 1) + 1,
        at(last, j - 1) + same,
        swapped ? at(beforeLast, j - 2) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
