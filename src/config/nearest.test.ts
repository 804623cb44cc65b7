// Nearest words: what a slip of the finger or another habit of spelling still finds, and what it
// does not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editDistance, nearestWord } from './nearest.ts'

const KEYS = ['min_instances', 'max_instances', 'threshold', 'settle', 'cooldown', 'http', 'run']

test('slips and other spellings find their word', () => {
  const meant = {
    min_instance: 'min_instances',
    maxInstances: 'max_instances',
    max: 'max_instances',
    treshold: 'threshold',
    htpt: 'http',
    coldown: 'cooldown',
  }
  for (const [given, word] of Object.entries(meant)) assert.equal(nearestWord(given, KEYS), word)
})

test('what is far from every word finds none', () => {
  for (const given of ['schedule', '', 'x', 'zzzzzz'])
    assert.equal(nearestWord(given, KEYS), undefined)
  assert.equal(nearestWord('anything', []), undefined)
})

test('the distance counts insertions, deletions, replacements and swaps', () => {
  assert.equal(editDistance('', 'abc'), 3)
  assert.equal(editDistance('abc', 'abc'), 0)
  assert.equal(editDistance('abc', 'acb'), 1)
  assert.equal(editDistance('kitten', 'sitting'), 3)
})
