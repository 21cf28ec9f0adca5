// R3: a full disk answers 503, loses nothing that was acknowledged, and is survived without a restart.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { Api, barrier } from '../e2e/api.mjs';
import { eventually, Server } from '../e2e/server.mjs';

const probe = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', '/mnt']);
const skip = probe.status === 0 ? false : 'mounting a small file system needs root and unshare(1)';

test('R3: the disk is full, and then it is not', { skip, timeout: 120_000 }, async (t) => {
  // The server lives in a mount namespace of its own, where its data directory is a tmpfs of 8 MiB.
  const script = 'mkdir -p "$0" && mount -t tmpfs -o size=8m,mode=0700 tmpfs "$0" && exec "$@"';
  const server = await Server.start(t, {
    settings: { 'health.disk_free_min_bytes': 0 },
    wrap: (command, args) => ['unshare', ['-m', 'sh', '-c', script, args[args.indexOf('--data-dir') + 1], command, ...args]],
  });
  const api = new Api(server);
  const inside = `/proc/${server.pid}/root${server.data}`;
  const user = await api.register({ name: 'user 0' });
  const [, fragment] = await server.process.printed(/\/setup#(?:token=)?(\S+)/);
  const root = await api.expect(201, 'POST', '/api/v1/setup', { body: { token: fragment, name: 'Root', email: 'root@example.com', password: 'secure123' } });
  const admin = await api.login(root.user.email, 'secure123');
  const feed = await user.connect();

  // Fill it, then write until it shows; the write-ahead log has some room of its own.
  const filler = `${inside}/filler`;
  const { bavail, bsize } = statfsSync(inside);
  try {
    writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - 64 * 1024)));
  } catch (error) {
    assert.equal(error.code, 'ENOSPC');
  }
  let acknowledged = 0;
  let refused = 0;
  for (let number = 1; refused < 20 && number < 5000; ++number) {
    const answer = await user.request('PATCH', '/api/v1/users/me', { body: { name: `user ${number}` } });
    if (answer.status === 200) {
      assert.equal(refused, 0, 'a write after the first refusal');
      acknowledged = number;
      continue;
    }
    refused += 1;
    assert.equal(answer.status, 503, answer.text);
    assert.equal(answer.json.code, 'storage_full');
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
  }
  assert.equal(refused, 20);

  // Reading, counting and the connection itself go on.
  assert.equal((await user.expect(200, 'GET', '/api/v1/users/me')).name, `user ${acknowledged}`);
  assert.equal((await admin.expect(200, 'GET', '/ws/stats')).total_clients, 1);
  assert.equal(feed.closedWith, undefined);
  // Another kind of write needs other pages: there may be room for it in what is allocated.
  const broadcast = (await admin.request('POST', '/ws/broadcast', { body: { message: 'x' } })).status;
  assert.ok(broadcast === 503 || broadcast === 200, `${broadcast}`);

  rmSync(filler);
  await eventually(10_000, 'a write', async () => (await user.request('PATCH', '/api/v1/users/me', { body: { name: 'after' } })).status === 200);
  await feed.next('profile.updated', () => feed.count('profile.updated') === acknowledged + 1);
  await barrier(admin, feed);
  assert.equal(feed.count('system.alert'), broadcast === 200 ? 2 : 1); // a refused one was not kept for later

  // What the connection saw is what the log has.
  const seen = feed.messages.filter(({ seq }) => seq !== undefined);
  const log = [];
  for (let since = `${feed.welcome.data.epoch}:${feed.welcome.data.seq}`, more = true; more;) {
    const page = (await user.request('GET', `/api/v1/events?limit=300&since=${since}`)).json;
    log.push(...page.data);
    ({ next: since, more } = page.meta);
  }
  assert.deepEqual(seen, log);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});
