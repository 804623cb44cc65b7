// Rules that need only the text: sizes, line lengths, words that must not be there.
import { codeFiles, type Objection, type Rule, type SourceFile } from './source.ts'

const MOST_LINES = 400
const MOST_COLUMNS = 100

/** A file has at most 400 lines. */
export const fileWall: Rule = (files) =>
  codeFiles(files).flatMap(({ path, lines }) => {
    // The last element is what follows the final line break.
    const count = lines.at(-1) === '' ? lines.length - 1 : lines.length
    const message = `${count} lines, at most ${MOST_LINES}`
    return count > MOST_LINES ? [{ path, line: 0, rule: 'file-wall', message }] : []
  })

/** A line has at most 100 columns, except for a text literal that can't be broken. */
export const lineLength: Rule = (files) =>
  codeFiles(files).flatMap(({ path, lines }) =>
    lines.flatMap((text, index) => {
      const isComment = /^\s*(\/\/|\/?\*)/.test(text)
      if (text.length <= MOST_COLUMNS || (!isComment && /['"`/]/.test(text))) return []
      const message = `${text.length} columns, at most ${MOST_COLUMNS}`
      return [{ path, line: index + 1, rule: 'line-length', message }]
    }),
  )

interface Ban {
  readonly rule: string
  readonly pattern: RegExp
  readonly message: string
  readonly where: (file: SourceFile) => boolean
}

const inCode = (file: SourceFile) => file.tree !== undefined
const inTests = (file: SourceFile) => file.isTest
const everywhere = () => true

// Spelled apart, so that this file does not object to itself.
const word = (...parts: string[]) => parts.join('')

const BANS: readonly Ban[] = [
  {
    rule: 'no-unfinished',
    pattern: new RegExp(`\\b(${word('TO', 'DO')}|${word('FIX', 'ME')}|${word('X', 'XX')})\\b`),
    message: 'finish it, or open an issue',
    where: inCode,
  },
  {
    rule: 'no-only',
    pattern: new RegExp(
      `\\b(test|it|describe|suite)\\.${word('on', 'ly')}\\(|\\b${word('on', 'ly')}: true`,
    ),
    message: 'would leave out every other test',
    where: inTests,
  },
  {
    rule: 'no-skip',
    pattern: new RegExp(
      `\\b(test|it|describe|suite)\\.(${word('sk', 'ip')}|${word('to', 'do')})\\(`,
    ),
    message: 'say why with { skip: reason } where a part of the world is missing, or delete it',
    where: inTests,
  },
  {
    rule: 'no-silencing',
    pattern: new RegExp(
      word('@ts-', '(ignore|nocheck|expect-error)|biome-', 'ignore|(es|ox)lint-', 'disable'),
    ),
    message: 'correct the code instead',
    where: inCode,
  },
  {
    rule: 'no-machine-paths',
    pattern: new RegExp(word('/wo', 'rk/|/ro', 'ot/|/home/', '[a-z]+/')),
    message: 'a path of one machine',
    where: everywhere,
  },
  {
    rule: 'no-registry-hosts',
    pattern: new RegExp(
      word(
        'registry',
        '\\.npm|npm',
        'js\\.org|pypi',
        '\\.org|proxy\\.golang',
        '\\.org|registry',
        '\\.yarn',
      ),
    ),
    message: 'the host of a package registry',
    where: everywhere,
  },
]

/** Words that must not be there. */
export const bannedWords: Rule = (files) => files.flatMap(bannedIn)

function bannedIn(file: SourceFile): readonly Objection[] {
  const bans = BANS.filter((ban) => ban.where(file))
  return file.lines.flatMap((text, index) =>
    bans
      .filter((ban) => ban.pattern.test(text))
      .map(({ rule, message }) => ({ path: file.path, line: index + 1, rule, message })),
  )
}

/** The change log keeps what is coming on top. */
export const changelog: Rule = (files) => {
  const log = files.find((file) => file.path === 'CHANGELOG.md')
  const first = log?.lines.find((line) => line.startsWith('## '))
  if (first !== undefined && /^## \[?Unreleased\]?/.test(first)) return []
  const message = 'CHANGELOG.md needs `## Unreleased` as its first section'
  return [{ path: 'CHANGELOG.md', line: 0, rule: 'changelog', message }]
}
