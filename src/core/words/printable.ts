// Text that came from elsewhere, made safe to show: a log line must not be able to drive a
// terminal.

// Escape sequences (ECMA-48 CSI, OSC and its like, the short forms), then every other control
// character but tab, then what breaks lines or turns their direction (UAX #9).
const SEQUENCES = new RegExp(
  [
    '\\u001b\\[[0-?]*[ -/]*[@-~]',
    '\\u001b[\\]PX^_][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\)?',
    '\\u001b[ -/]*[0-~]?',
    '[\\u0000-\\u0008\\u000a-\\u001f\\u007f-\\u009f]',
    '[\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]',
  ].join('|'),
  'g',
)

/** One line without control sequences and direction marks, cut to `most` characters. */
export function printable(line: string, most = 2_000): string {
  const clean = line.replace(SEQUENCES, '')
  return clean.length > most ? `${clean.slice(0, most)}…` : clean
}
