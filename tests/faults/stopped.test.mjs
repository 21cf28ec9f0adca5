// R13: the whole process is stopped, as when a virtual machine is paused, and goes on: nobody is judged for the time in
// which he could not be heard.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Api, barrier } from '../e2e/api.mjs';
import { Server } from '../e2e/server.mjs';

const CLIENTS = 10;
const STOPPED_MS = 3_500; // longer than any deadline of these settings

test('R13: a stopped process that goes on keeps its healthy clients', async (t) => {
  const server = await Server.start(t, {
    settings: { 'ws.ping_interval_s': 1, 'ws.pong_timeout_s': 2, 'ws.message_timeout_s': 2, 'ws.write_timeout_s': 2 },
  });
  const api = new Api(server);
  const root = await api.member('superadmin');
  const feeds = await Promise.all(Array.from({ length: CLIENTS }, () => root.connect()));
  for (let round = 0; round < 2; ++round) {
    server.process.signal('SIGSTOP');
    await new Promise((wake) => setTimeout(wake, STOPPED_MS)); // the fault itself
    server.process.signal('SIGCONT');
    await server.process.printed(new RegExp(`(?:stood_still[^]*){${round + 1}}`));
    for (const feed of feeds) await barrier(root, feed);
  }
  for (const feed of feeds) assert.equal(feed.closedWith, undefined);

  // Its other deadlines hold as before.
  const silent = await root.connect({ autoPong: false });
  assert.deepEqual(await silent.closed(), { code: 1001, reason: 'pong_timeout' });
});
