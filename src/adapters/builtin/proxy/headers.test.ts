// Header rules: spoofing, hop-by-hop, framing.
import { strict as assert } from 'node:assert'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { framingOf, requestHeaders, responseHeaders } from './headers.ts'

const forwarding = { trust: false, arrivedAtMs: 1_700_000_000_000 }

function message(...raw: string[]): IncomingMessage {
  const made = new IncomingMessage(new Socket())
  made.rawHeaders = raw
  for (let i = 0; i < raw.length; i += 2) {
    made.headers[(raw[i] ?? '').toLowerCase()] = raw[i + 1]
  }
  made.httpVersion = '1.1'
  made.method = 'GET'
  return made
}

function sent(request: IncomingMessage, name: string): string[] {
  const out = requestHeaders(request, framingOf(request), forwarding)
  return out.filter((_, i) => i % 2 === 1 && out[i - 1]?.toLowerCase() === name)
}

test('a client cannot pass its own forwarding headers, in any spelling', () => {
  for (const name of ['X-Forwarded-For', 'x-forwarded-for', 'X_Forwarded_For', 'X_FORWARDED-FOR']) {
    const out = requestHeaders(message(name, '6.6.6.6'), { kind: 'none' }, forwarding)
    assert.ok(!out.includes('6.6.6.6'), name)
  }
  for (const name of ['Forwarded', 'X-Forwarded-Port', 'X-Real-IP', 'X-Request-Start']) {
    const out = requestHeaders(message(name, 'theirs'), { kind: 'none' }, forwarding)
    assert.ok(!out.includes('theirs'), name)
  }
})

test('headers that Connection names stay behind, but never those that the request needs', () => {
  const request = message(
    'Connection',
    'close, X-A, Host, Content-Length',
    'X-A',
    '1',
    'Host',
    'h',
    'Content-Length',
    '5',
  )
  assert.deepEqual(sent(request, 'x-a'), [])
  assert.deepEqual(sent(request, 'host'), ['h'])
  assert.deepEqual(sent(request, 'content-length'), ['5'])
  assert.deepEqual(sent(request, 'connection'), [])
})

test('exactly one framing is sent on', () => {
  assert.deepEqual(framingOf(message()), { kind: 'none' })
  assert.deepEqual(framingOf(message('Content-Length', '0')), { kind: 'none' })
  assert.deepEqual(framingOf(message('Content-Length', '7')), { kind: 'length', bytes: 7 })
  assert.deepEqual(framingOf(message('Transfer-Encoding', 'Chunked')), { kind: 'chunked' })
  assert.deepEqual(framingOf(message('Transfer-Encoding', 'gzip, chunked')), {
    kind: 'unsupported',
  })
  const old = message('Transfer-Encoding', 'chunked')
  old.httpVersion = '1.0'
  assert.deepEqual(framingOf(old), { kind: 'unsupported' })
  const post = message()
  post.method = 'POST'
  assert.deepEqual(sent(post, 'content-length'), ['0'])
  assert.deepEqual(sent(message(), 'content-length'), [])
})

test('repeated headers keep their number, order and spelling', () => {
  const response = message(
    'Set-Cookie',
    'a=1',
    'set-COOKIE',
    'b=2',
    'Keep-Alive',
    'timeout=5',
    'Content-Length',
    '3',
  )
  assert.deepEqual(responseHeaders(response), [
    'Set-Cookie',
    'a=1',
    'set-COOKIE',
    'b=2',
    'Content-Length',
    '3',
  ])
})

test('a strange Host is quoted in Forwarded', () => {
  const [forwarded] = sent(message('Host', 'a";for="1'), 'forwarded')
  assert.match(forwarded ?? '', /host="a\\";for=\\"1"/)
})
