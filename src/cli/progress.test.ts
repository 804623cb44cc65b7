// Progress: a bar on a terminal, lines elsewhere, and nothing for what is soon done.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createProgress } from './progress.ts'

function stage(isTTY: boolean, columns = 80) {
  let nowMs = 5
  let said = ''
  const stream = {
    isTTY,
    columns,
    write: (text: string) => {
      said += text
    },
  }
  const progress = createProgress(stream, () => nowMs)
  const at = (ms: number, share: number, whose: string): string => {
    nowMs = 5 + ms
    said = ''
    progress.at(share, whose)
    return said
  }
  const end = (): string => {
    said = ''
    progress.end()
    return said
  }
  return { at, end }
}

test('on a terminal one bar, drawn over and taken away', () => {
  const { at, end } = stage(true)
  assert.equal(at(1_900, 0.4, 'a'), '')
  assert.equal(
    at(2_000, 0.5, 'long name'),
    `\r[${'#'.repeat(15)}${'-'.repeat(15)}]  50 % long name`,
  )
  assert.equal(at(2_050, 0.6, 'b'), '')
  assert.match(at(2_200, 1, 'b'), /^\r\[#{30}\] 100 % b {8}$/)
  assert.match(end(), /^\r +\r$/)
  assert.equal(end(), '')
})

test('a narrow terminal is not wrapped', () => {
  assert.equal(stage(true, 20).at(3_000, 0.5, 'x').length, 20)
})

test('elsewhere a line for each turn', () => {
  const { at, end } = stage(false)
  assert.equal(at(100, 0.1, 'a'), '')
  assert.equal(at(2_500, 0.2, 'a'), '')
  assert.equal(at(2_600, 0.31, 'b'), ' 31 % done; now b\n')
  assert.equal(at(9_000, 0.4, 'b'), '')
  assert.equal(end(), '')
})
