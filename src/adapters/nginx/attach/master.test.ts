// What is read of other people's NGINX: titles of masters, dumps of configurations, the kernel.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { parseDump, parseTitle, reads } from './master.ts'
import { addressOf } from './sharing.ts'

test('a title says how to read the same configuration', () => {
  const argv = (words: string) => parseTitle(`nginx: master process ${words}`)
  assert.deepEqual(argv('/usr/sbin/nginx -g daemon on; master_process on;'), [
    '-g',
    'daemon on; master_process on;',
  ])
  assert.deepEqual(argv('nginx -p /srv/my site/ -c/etc/n.conf -q -s reload'), [
    ...['-p', '/srv/my site/', '-c', '/etc/n.conf'],
  ])
  assert.deepEqual(argv('./nginx'), [])
})

test('a dump says what would be read, comments aside', () => {
  const found = parseDump(`# configuration file /etc/nginx/nginx.conf:
error_log /var/log/nginx/error.log warn; # include never/*.conf;
http {
  # include commented/*.conf;
  include conf.d/*.conf; include "/srv/sites/*";
}
# configuration file /etc/nginx/conf.d/a.conf:
server { listen 80 default_server; listen [::]:80; }
`)
  assert.deepEqual(found.includes, ['/etc/nginx/conf.d/*.conf', '/srv/sites/*'])
  assert.deepEqual(found.listens, ['80 default_server', '[::]:80'])
  assert.equal(found.errorLog, '/var/log/nginx/error.log')
  assert.ok(reads(found, '/etc/nginx/conf.d/plimsoll-1.conf'))
  assert.ok(reads(found, '/srv/sites/plimsoll-1.conf'))
  assert.ok(!reads(found, '/etc/nginx/conf.d/plimsoll-1.txt'))
  for (const folder of ['commented', 'never', 'conf.d/deeper']) {
    assert.ok(!reads(found, `/etc/nginx/${folder}/plimsoll-1.conf`))
  }
})

test('a listen is compared as we would write it', () => {
  const addresses = ['80 default_server', '*:80', 'localhost:8080', '[::]:443 ssl', '10.0.0.1']
  assert.deepEqual(addresses.map(addressOf), [
    ...['0.0.0.0:80', '0.0.0.0:80', '127.0.0.1:8080', '[::]:443', '10.0.0.1:80'],
  ])
})
