// R4: when descriptors run out, those who are in stay served, the accept loop does not spin, and room is used again.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { Api, barrier } from '../e2e/api.mjs';
import { corohub, eventually, Server } from '../e2e/server.mjs';

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

test('T65: while all descriptors for connections are taken, the database, backups and key files have theirs', async (t) => {
  const server = await Server.start(t, {
    wrap: (command, args) => ['prlimit', [`--nofile=${DESCRIPTORS}:${DESCRIPTORS}`, command, ...args]],
  });
  const api = new Api(server);
  const root = await api.member('superadmin');
  const feed = await root.connect();

  // Each place is taken, and who is sent away comes back at once.
  let pressing = true;
  let refused = 0;
  const press = () => {
    if (!pressing) return;
    const socket = net.connect(server.port, '127.0.0.1').on('error', () => {}).on('data', (text) => { refused += /^HTTP\/1.1 503/.test(text); });
    socket.on('close', () => setTimeout(press, 50));
    t.after(() => socket.destroy());
  };
  for (let i = 0; i < CLIENTS; ++i) press();
  await eventually(10_000, 'some to be refused', async () => refused > 20);

  for (let i = 0; i < 3; ++i) {
    const backup = await corohub(['backup', join(server.directory, `backup${i}.db`), '--data-dir', server.data]);
    assert.equal(backup.code, 0, backup.output);
  }
  const rotated = await corohub(['keys', 'rotate', '--data-dir', server.data]);
  assert.equal(rotated.code, 0, rotated.output);
  await server.createUser({ name: 'Late', email: 'late@example.com', role: 'user', password: 'secure123' });
  const metrics = await (await fetch(`${await server.adminUrl()}/metrics`)).text();
  assert.match(metrics, /corohub_http_connections_refused_total\{reason="descriptors"\} [1-9]/, 'the admin listener has a share, too');
  assert.ok(!/out of memory|storage\.|Too many open files/.test(server.output), server.output);
  await feed.next('user.created', ({ data }) => data.name === 'Late'); // who was in is told
  pressing = false;
});
