// Which values of the file may be secrets, and are therefore never shown.
import type { Path } from './document.ts'

/** What stands in a message instead of a value that may be a secret. */
export const hidden = '(hidden)'

/** Below these of `metrics.prometheus` nothing is shown. */
const SECRETS = ['bearer', 'password', 'headers']

const REFERENCE = /^\$[A-Za-z_][A-Za-z0-9_]*$/

/** Whether a value may be a secret: by where it stands, or by how it looks. */
export function isSecret(path: Path, value: unknown): boolean {
  // Numbers can be secrets too: a PIN in env.
  if (typeof value === 'object' || typeof value === 'boolean') return false
  const text = String(value)
  if (REFERENCE.test(text)) return false
  return standsInSecretPlace(path) || /:\/\/[^/\s]*@/.test(text)
}

function standsInSecretPlace(path: Path): boolean {
  if (path[0] === 'groups') return path[3] === 'env'
  if (path[0] === 'metrics') return path.some((step) => SECRETS.includes(String(step)))
  // What is under `connections` is numbers; all else of a resource may be its URL.
  return path[0] === 'resources' && path[2] !== 'connections'
}
