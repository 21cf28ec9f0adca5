// T64: pings, pongs, and those who do not answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Api, barrier } from './api.mjs';
import { Server, within } from './server.mjs';

test('who does not answer pings is closed, who does stays', async (t) => {
  const api = new Api(await Server.start(t, { settings: { 'ws.ping_interval_s': 1, 'ws.pong_timeout_s': 2 } }));
  const root = await api.member('superadmin');
  const healthy = await root.connect();
  let pings = 0;
  healthy.socket.on('ping', () => { pings += 1; });

  const silent = await root.connect({ autoPong: false });
  const talker = await root.connect({ autoPong: false });
  const talking = setInterval(() => talker.socket.ping(), 200); // other traffic does not count
  t.after(() => clearInterval(talking));

  for (const feed of [silent, talker]) {
    assert.deepEqual(await feed.closed(), { code: 1001, reason: 'pong_timeout' });
  }
  await within(10_000, 'five pings', new Promise((done) => {
    healthy.socket.on('ping', () => { if (pings >= 5) done(); });
  }));
  await barrier(root, healthy);
});

test('a pong nobody asked for counts', async (t) => {
  const api = new Api(await Server.start(t, { settings: { 'ws.ping_interval_s': 1, 'ws.pong_timeout_s': 2 } }));
  const root = await api.member('superadmin');
  const feed = await root.connect({ autoPong: false });
  const silent = await root.connect({ autoPong: false });
  const ponging = setInterval(() => feed.socket.pong(), 300);
  t.after(() => clearInterval(ponging));
  for (let i = 0; i < 2; ++i) {
    const other = i === 0 ? silent : await root.connect({ autoPong: false });
    assert.equal((await other.closed()).reason, 'pong_timeout'); // so much time has passed
  }
  await barrier(root, feed);
});
