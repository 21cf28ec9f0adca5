// R4: when descriptors run out, those who are in stay served, the accept loop does not spin, and room is used again.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';

import { Api, barrier } from '../e2e/api.mjs';
import { eventually, Server } from '../e2e/server.mjs';

const DESCRIPTORS = 96;
const CLIENTS = 300;

// Processor time of a process so far, in seconds.
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

test('R4: out of descriptors, and back', async (t) => {
  const server = await Server.start(t, {
    wrap: (command, args) => ['prlimit', [`--nofile=${DESCRIPTORS}:${DESCRIPTORS}`, command, ...args]],
  });
  const api = new Api(server);
  const root = await api.member('superadmin');
  const feed = await root.connect();

  const sockets = Array.from({ length: CLIENTS }, () => net.connect(server.port, '127.0.0.1').on('error', () => {}));
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  await eventually(10_000, 'some to be sent away, or to wait', async () => sockets.some((socket) => !socket.connecting));

  // While 300 press to get in: who is in is served, and a core is not burnt over it.
  const before = cpuSeconds(server.pid);
  const began = Date.now();
  const seen = feed.socket;
  for (let i = 0; i < 20; ++i) {
    await new Promise((done) => { seen.once('pong', done); seen.ping(); });
    await new Promise((wake) => setTimeout(wake, 50));
  }
  const share = (cpuSeconds(server.pid) - before) / ((Date.now() - began) / 1000);
  assert.ok(share < 0.5, `${Math.round(share * 100)} % of a core`);

  for (const socket of sockets) socket.destroy();
  await eventually(10_000, 'a new connection', async () => {
    const other = await root.connect();
    await other.close();
    return true;
  });
  await barrier(root, feed); // the database and the first connection were never touched
});
