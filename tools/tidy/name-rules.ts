// Rules for the names of files and the size of folders.
import type { Objection, Rule, SourceFile } from './source.ts'

const MOST_ENTRIES = 20
const GRAB_BAGS = /^(utils?|helpers?|common|types?|misc|shared|lib|index)$/
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/

const ours = (file: SourceFile) => file.tree !== undefined && !file.path.startsWith('docs/')

/** Files are named in kebab-case after the concept inside; no grab-bags, no barrels. */
export const fileNames: Rule = (files) =>
  files.filter(ours).flatMap(({ path }): Objection[] => {
    const stem = (path.split('/').at(-1) ?? '').replace(/(\.test|\.d)?\.[a-z]+$/, '')
    // A published door is a barrel on purpose; there are two of them, named in package.json.
    const isDoor = path === 'src/testing/index.ts'
    if (!KEBAB.test(stem))
      return [{ path, line: 0, rule: 'kebab-case', message: 'name the file like-this.ts' }]
    if (!GRAB_BAGS.test(stem) || isDoor) return []
    return [{ path, line: 0, rule: 'grab-bag', message: 'name the file after the concept inside' }]
  })

/** A folder has at most 20 entries; tests stand beside their source and are not counted. */
export const folderSize: Rule = (files) => {
  const entries = new Map<string, Set<string>>()
  for (const { path } of files.filter((file) => ours(file) && !file.isTest)) {
    const parts = path.split('/')
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join('/')
      const inside = entries.get(folder) ?? new Set()
      entries.set(folder, inside.add(parts[depth] ?? ''))
    }
  }
  return [...entries]
    .filter(([, inside]) => inside.size > MOST_ENTRIES)
    .map(([path, inside]) => ({
      path,
      line: 0,
      rule: 'folder-size',
      message: `${inside.size} entries, at most ${MOST_ENTRIES}`,
    }))
}
