// Many connections, and a few that do not read.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { Api, barrier } from './api.mjs';
import { eventually, Server } from './server.mjs';

const CONNECTIONS = 1000;
const AT_A_TIME = 50;

test('a broadcast reaches a thousand connections, once each and in order', async (t) => {
  const api = new Api(await Server.start(t));
  const root = await api.member('superadmin');
  const rootFeed = await root.connect();
  const user = await api.register();
  const feeds = [];
  while (feeds.length < CONNECTIONS) {
    feeds.push(...await Promise.all(Array.from({ length: AT_A_TIME }, () => user.connect())));
  }
  const stats = await root.expect(200, 'GET', '/ws/stats');
  assert.equal(stats.total_clients, CONNECTIONS + 1);
  assert.deepEqual(stats.by_role, { user: CONNECTIONS, admin: 0, superadmin: 1 });

  const sent = [];
  for (let i = 0; i < 20; ++i) {
    const answer = await root.expect(200, 'POST', '/ws/broadcast', { body: { message: `alert ${i}` } });
    assert.equal(answer.recipients, CONNECTIONS + 1);
    sent.push(answer.seq);
  }
  await barrier(root, rootFeed, ...feeds);
  for (const feed of feeds) {
    const seen = feed.messages.filter(({ type }) => type === 'system.alert').map(({ seq }) => seq);
    assert.deepEqual(seen.slice(0, -1), sent);
  }

  // T46: half leave abruptly; the counts come back exactly.
  for (const feed of feeds.slice(0, CONNECTIONS / 2)) feed.socket.terminate();
  await eventually(10_000, 'half of them to be gone', async () => {
    const now = await root.expect(200, 'GET', '/ws/stats');
    assert.equal(now.total_clients, now.by_role.user + now.by_role.admin + now.by_role.superadmin);
    return now.total_clients === CONNECTIONS / 2 + 1;
  });
  for (const feed of feeds) feed.socket.terminate();
});

test('T60: one that does not read is closed, and nobody else notices', async (t) => {
  const server = await Server.start(t, { settings: { 'ws.write_timeout_s': 2 } });
  const api = new Api(server);
  const root = await api.member('superadmin');
  const healthy = await root.connect();
  const user = await api.register();

  const blocked = net.connect(server.port, '127.0.0.1');
  t.after(() => blocked.destroy());
  blocked.on('error', () => {});
  const head = new Promise((done) => blocked.once('data', done));
  blocked.write(`GET /ws?token=${user.token} HTTP/1.1\r\nHost: ${server.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
  assert.match((await head).toString('latin1'), /^HTTP\/1\.1 101 /);
  blocked.pause(); // from here on nothing is read

  const body = { message: 'x'.repeat(4000), metadata: { padding: 'y'.repeat(7000) } };
  const clients = async () => (await root.expect(200, 'GET', '/ws/stats')).total_clients;
  let broadcasts = 0;
  while (broadcasts < 5000 && (await clients()) === 2) {
    for (let i = 0; i < 50; ++i, ++broadcasts) await root.expect(200, 'POST', '/ws/broadcast', { body });
  }
  await eventually(10_000, 'the blocked one to be gone', async () => (await clients()) === 1);
  await barrier(root, healthy);
  const seqs = healthy.messages.filter(({ type }) => type === 'system.alert').map(({ seq }) => seq);
  assert.equal(seqs.length, broadcasts + 1);
  assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b));
});

test('a healthy client survives a burst of 900 events', async (t) => {
  const api = new Api(await Server.start(t));
  const root = await api.member('superadmin');
  const user = await api.register();
  const feed = await user.connect();
  await Promise.all(Array.from({ length: 900 }, (_, i) => root.expect(200, 'POST', '/ws/broadcast', { body: { message: `burst ${i}` } })));
  await barrier(root, feed);
  assert.equal(feed.count('system.alert'), 901);
});

test('R11: a thousand that come back together get what each missed, and those who stayed miss nothing', { timeout: 120_000 }, async (t) => {
  const server = await Server.start(t, { settings: { 'auth.access_ttl_s': 3600 } });
  const api = new Api(server);
  const root = await api.member('superadmin');
  const user = await api.register();
  const stayed = await user.connect();
  const { epoch, seq: start } = stayed.welcome.data;
  const missed = [];
  for (let i = 0; i < 50; ++i) missed.push((await root.expect(200, 'POST', '/ws/broadcast', { body: { message: `missed ${i}` } })).seq);

  const coming = Promise.all(Array.from({ length: CONNECTIONS }, () => user.connect({ query: { token: user.token, since: `${epoch}:${start}` } })));
  const live = [];
  for (let i = 0; i < 20; ++i) live.push((await root.expect(200, 'POST', '/ws/broadcast', { body: { message: `live ${i}` } })).seq);
  const feeds = await coming;
  await barrier(root, stayed, ...feeds);
  for (const feed of [stayed, ...feeds]) {
    const seen = feed.messages.filter(({ type }) => type === 'system.alert').map(({ seq }) => seq);
    assert.deepEqual(seen.slice(0, -1), [...missed, ...live]);
    if (feed !== stayed) assert.equal(feed.welcome.data.recovered, true);
    feed.socket.terminate();
  }
});
