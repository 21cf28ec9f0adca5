// T39: a flood of logins waits or is sent away in its own corner; connections do not notice.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Api } from './api.mjs';
import { Server, eventually } from './server.mjs';

const LOGINS = 200;

test('T39: logins by the hundred', async (t) => {
  // The hash as it is in earnest.
  const api = new Api(await Server.start(t, { settings: { 'auth.argon2_memory_kib': 19_456, 'auth.argon2_passes': 2 } }));
  const root = await api.member('superadmin');
  const feed = await root.connect();
  const user = await api.register();

  const statuses = new Map();
  let done = false;
  const flood = Promise.all(Array.from({ length: LOGINS }, async () => {
    const answer = await api.request('POST', '/api/v1/auth/login', { body: { email: user.email, password: user.password } });
    statuses.set(answer.status, (statuses.get(answer.status) || 0) + 1);
    if (answer.status === 503) assert.equal(answer.json.code, 'overloaded');
  })).then(() => { done = true; });

  let broadcasts = 0;
  while (!done) {
    broadcasts += 1;
    await root.expect(200, 'POST', '/ws/broadcast', { body: { message: `during the flood ${broadcasts}` } });
    await feed.next('system.alert', ({ data }) => data.message === `during the flood ${broadcasts}`);
  }
  await flood;
  assert.ok([...statuses.keys()].every((status) => status === 200 || status === 503), JSON.stringify([...statuses]));
  assert.ok(statuses.get(200) > 0 && statuses.get(503) > 0, JSON.stringify([...statuses]));
  assert.ok(broadcasts > 10, `${broadcasts} broadcasts while ${LOGINS} logins waited`);
  await user.again(); // the corner is free again
});

// A heap that grows waits for the memory map of the process, and a hash holds that for milliseconds.
test('T39: a shard has its memory at hand', { skip: process.getuid() !== 0 && 'only root may look at its memory' }, async (t) => {
  const { pid } = await Server.start(t);
  const largest = () => Math.max(...[...readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^(\w+)-(\w+) rw-p \w+ 00:00 0 *$/gm)]
    .map(([, begin, end]) => parseInt(end, 16) - parseInt(begin, 16)));
  await eventually(5000, 'a prepared heap', () => largest() >= 32 << 20);
});
