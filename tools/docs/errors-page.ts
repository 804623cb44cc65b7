// The reference page of errors, from the catalogue.
import { ERRORS } from '../../src/core/errors.ts'

/** The text of errors.md. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([code, { status, remedy }]) => `| \`${code}\` | ${status} | ${remedy} |`)
  return `# Errors

Generated from the catalogue by \`npm run docs\`; do not edit. Every error has one of these codes; the
command line and the HTTP API show the same remedy.

| code | HTTP status | what to do |
|---|---|---|
${rows.join('\n')}
`
}
