// A log line can not drive the terminal it is shown on, nor hide what it says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { printable } from './printable.ts'

const ESC = String.fromCharCode(27)
const BEL = String.fromCharCode(7)
const at = (code: number) => String.fromCharCode(code)

const CASES: readonly (readonly [string, string, string])[] = [
  ['colour', `${ESC}[31mred${ESC}[0m`, 'red'],
  ['long parameters', `${ESC}[38;2;1;2;3mx`, 'x'],
  ['clear and home', `a${ESC}[2J${ESC}[Hb`, 'ab'],
  ['cursor query with intermediates', `a${ESC}[?25 qb`, 'ab'],
  ['title by OSC and BEL', `a${ESC}]0;owned${BEL}b`, 'ab'],
  ['link by OSC and ST', `${ESC}]8;;http://x${ESC}\\text${ESC}]8;;${ESC}\\`, 'text'],
  ['clipboard by OSC', `${ESC}]52;c;aGk=${BEL}`, ''],
  ['an OSC that never ends', `a${ESC}]0;owned and more`, 'a'],
  ['DCS', `a${ESC}P1$r0m${ESC}\\b`, 'ab'],
  ['reset', `a${ESC}cb`, 'ab'],
  ['keypad and character sets', `a${ESC}=${ESC}(0b`, 'ab'],
  ['C1 CSI', `a${at(0x9b)}31mb`, 'a31mb'],
  ['return and backspace', `safe\r\b\b\bevil`, 'safeevil'],
  ['NUL and DEL', `a${at(0)}b${at(127)}c`, 'abc'],
  ['bidi override and isolate', `a${at(0x202e)}b${at(0x2066)}c${at(0x2069)}d`, 'abcd'],
  ['arabic letter mark', `a${at(0x061c)}b`, 'ab'],
  ['line and paragraph separator', `a${at(0x2028)}b${at(0x2029)}c`, 'abc'],
]

for (const [name, given, expected] of CASES) {
  test(name, () => assert.equal(printable(given), expected))
}

test('tabs, other scripts and emoji stay', () => {
  const text = 'a\tb é 日本 עברית 👩‍👩‍👧'
  assert.equal(printable(text), text)
})

test('a long line is cut, and says so', () => {
  assert.equal(printable('x'.repeat(3_000)).length, 2_001)
  assert.equal(printable('x'.repeat(11), 10), `${'x'.repeat(10)}…`)
  assert.equal(printable('x'.repeat(10), 10), 'x'.repeat(10))
})

test('whatever comes in, nothing that controls comes out, and again changes nothing', () => {
  const nasty = fc.array(
    fc.constantFrom(ESC, BEL, '[', ']', '\\', 'm', '0', ';', 'P', at(0x9b), at(0x202e), 'a', '\n'),
    { maxLength: 40 },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        nasty.map((p) => p.join('')),
        fc.string({ unit: 'binary' }),
      ),
      (text) => {
        const clean = printable(text)
        const codes = [...clean].map((c) => c.codePointAt(0) ?? 0)
        const controls = codes.filter((c) => (c < 32 && c !== 9) || (c >= 127 && c < 160))
        assert.deepEqual(controls, [])
        assert.equal(printable(clean), clean)
      },
    ),
    { numRuns: 500 },
  )
})

test('a hostile line costs no time', () => {
  const began = performance.now()
  for (const part of [`${ESC}]`, `${ESC}[0`, ESC, `${ESC}[;`]) printable(part.repeat(60_000))
  assert.ok(performance.now() - began < 2_000, `${performance.now() - began} ms`)
})
