#!/usr/bin/env node
// Starts the command line; on a Node that is too old it says so in one line. Old syntax: such a
// Node must read it.
'use strict'

const parts = process.versions.node.split('.')
const isOld = Number(parts[0]) < 22 || (Number(parts[0]) === 22 && Number(parts[1]) < 18)

if (isOld) {
  process.stderr.write(
    `E_NODE_VERSION: plimsoll needs Node 22.18 or newer, and this is Node ${process.versions.node}.\n`,
  )
  process.exitCode = 1
} else {
  start()
}

// Node 22 warns on every start that its SQLite is experimental; whoever scales a shop can do
// nothing about it. Every other warning is printed as ever.
function quietSqlite() {
  const printers = process.listeners('warning')
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name === 'ExperimentalWarning' && warning.message.includes('SQLite')) return
    for (const print of printers) print.call(process, warning)
  })
}

function start() {
  quietSqlite()
  const fs = require('node:fs')
  const path = require('node:path')
  const url = require('node:url')
  // __dirname is the real folder also when npm's link in node_modules/.bin was called.
  const root = path.dirname(__dirname)
  const built = path.join(root, 'dist', 'cli', 'main.js')
  const source = path.join(root, 'src', 'cli', 'main.ts')
  // Where both exist, as in a checkout after a build, the source is what is meant.
  const main = fs.existsSync(source) ? source : built
  import(url.pathToFileURL(main).href).catch((error) => {
    const text = error instanceof Error ? error.stack : error
    process.stderr.write(`${text}\n`)
    process.exitCode = 1
  })
}
