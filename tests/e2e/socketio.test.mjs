// Socket.IO: socket.io-client of three versions over each way, what CONNECT is told, what ends a seat and what brings
// it back.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Api } from './api.mjs';
import { needsBrowser, openBrowser, openPage } from './browser.mjs';
import { eventually, Server } from './server.mjs';
import { Polling, RawSocket, Seat, VERSIONS, WAYS } from './socketio.mjs';

const ROOM = 'rooms/one';
const PASSING = 'passing/one'; // whose events are not in the log

// Several shards: a session lives on one of them, its requests come to any.
async function start(t, settings = {}) {
  const topics = [{ pattern: 'rooms/*', publish: 'user', history_count: 1000 }, { pattern: 'passing/*', publish: 'user' }];
  const server = await Server.start(t, { settings: { 'server.shards': 3, 'server.drain_spread_ms': 0, ...settings }, topics });
  server.launchArgs[server.launchArgs.indexOf('127.0.0.1:0')] = server.host; // where clients look for it again
  const api = new Api(server);
  const john = await api.register({ name: 'John' });
  return { server, api, john, seat: (options = {}) => new Seat(t, server, { auth: { token: john.token }, ...options }) };
}

const publish = (account, data, topic = ROOM) => account.expect(200, 'POST', `/api/v1/topics/${topic}/events`, { body: { data } });
const numbers = (seat) => seat.events.filter(([name]) => name === 'message').map(([, data]) => data);

for (const [version, io] of VERSIONS) {
  for (const transports of WAYS) {
    test(`socket.io-client ${version} over ${transports.join(' and ')}: hears, asks, publishes, leaves`, async (t) => {
      const { server, john, seat } = await start(t);
      const one = seat({ io, transports });
      const [, welcome, meta, position] = await one.take('connection.established');
      assert.equal(welcome.user_id, john.id);
      assert.equal(welcome.client_id, one.socket.id);
      assert.equal(meta.recovered, false);
      assert.equal(position, `${meta.epoch}:${meta.seq}`);

      const asked = await one.ask('subscribe', { topic: ROOM });
      assert.equal(asked.ok, true);
      assert.equal(asked.data.topic, ROOM);
      const done = await one.ask('publish', { topic: ROOM, type: 'note', data: { n: 1.5, text: 'ü\u2028' } });
      assert.equal(done.ok, true);
      const [, data, about, at] = await one.take('note');
      assert.deepEqual(data, { n: 1.5, text: 'ü\u2028' });
      assert.deepEqual(about, { seq: done.data.seq, timestamp: done.data.timestamp, topic: ROOM });
      assert.equal(at, `${meta.epoch}:${done.data.seq}`);

      const bytes = Buffer.from([0, 1, 254, 255]);
      assert.equal((await one.ask('publish', { topic: ROOM, type: 'photo', data: bytes })).ok, true);
      const [, photo] = await one.take('photo');
      assert.deepEqual(Buffer.from(photo), bytes);

      const { ok, code, message } = await one.ask('subscribe', { topic: '' });
      assert.deepEqual({ ok, code }, { ok: false, code: 'invalid_topic' });
      assert.equal(typeof message, 'string');
      one.socket.emit('fly', {});
      assert.equal((await one.take('error'))[1].code, 'unknown_type');
      if (transports.length === 2) await eventually(10_000, 'the upgrade', () => one.socket.io.engine.transport.name === 'websocket');

      one.socket.close();
      const root = await rootOf(server);
      await eventually(10_000, 'nobody', async () => (await root.expect(200, 'GET', '/ws/stats')).total_clients === 0);
    });
  }
}

const roots = new WeakMap();
function rootOf(server) {
  if (!roots.has(server)) roots.set(server, new Api(server).member('superadmin'));
  return roots.get(server);
}

test('events leave no position that is none: volatile ones end with their meta, reserved types are messages', async (t) => {
  const { john, seat } = await start(t);
  const one = seat();
  await one.take('connection.established');
  const short = seat({ auth: { token: john.token, recovery: false } });
  await short.take('connection.established');
  for (const each of [one, short]) await each.ask('subscribe', { topic: ROOM });
  await one.ask('publish', { topic: ROOM, type: 'disconnect', data: 'a text' });
  const [, data, meta, position] = await one.take('message');
  assert.deepEqual([data, meta.type, typeof position], ['a text', 'disconnect', 'string']);
  assert.deepEqual(await short.take('message'), ['message', 'a text']);
  assert.equal(one.socket.connected, true);
  for (const each of [one, short]) await each.ask('subscribe', { topic: PASSING });
  await one.ask('publish', { topic: PASSING, type: 'note', data: 'a text' });
  const [, note, about, ...rest] = await one.take('note');
  assert.deepEqual([note, about.topic, 'seq' in about, rest], ['a text', PASSING, false, []]);
  assert.deepEqual(await short.take('note'), ['note', 'a text']);
});

test('T1: CONNECT is told why not, in words and a code, and the connection stays for the next', async (t) => {
  const { server, john, seat } = await start(t);
  const refused = async (namespace, auth, extra = {}) => {
    const one = seat({ namespace, auth, reconnection: false, ...extra });
    const [, { message, data }] = await one.take('(connect_error)');
    return { message, data };
  };
  assert.deepEqual(await refused('/', {}), { message: 'unauthorized', data: { code: 'unauthorized' } });
  assert.deepEqual(await refused('/', { token: 'nonsense' }), { message: 'unauthorized', data: { code: 'invalid_token' } });
  assert.deepEqual(await refused('/nowhere', { token: john.token }), { message: 'Invalid namespace', data: undefined });
  const handshake = seat({ auth: {}, extraHeaders: { Authorization: `Bearer ${john.token}` } });
  await handshake.take('connection.established');
  const address = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling&token=${john.token}`);
  assert.equal(address.status, 400);
});

test('a seat that goes for good is told so, and its client stays away', async (t) => {
  const { server, api, john, seat } = await start(t);
  const root = await rootOf(server);
  const kicked = seat();
  await kicked.take('connection.established');
  await root.expect(204, 'DELETE', `/api/v1/admin/connections/${kicked.socket.id}`);
  assert.equal((await kicked.take('(disconnect)'))[1], 'io server disconnect');
  const second = await api.login(john.email, john.password);
  const left = seat({ auth: { token: second.token } });
  await left.take('connection.established');
  await second.expect(204, 'POST', '/api/v1/auth/logout');
  assert.equal((await left.take('(disconnect)'))[1], 'io server disconnect');
  assert.equal(kicked.socket.active, false);
  assert.equal(left.socket.active, false);
});

test('T31: of several seats on one connection one ends, and the others go on', async (t) => {
  const { server, api, john } = await start(t);
  const root = await rootOf(server);
  const ann = await api.register({ name: 'Ann' });
  const role = (name) => root.expect(200, 'PUT', `/api/v1/admin/users/${ann.id}/role`, { body: { role: name } });
  await role('admin');
  await ann.refresh();
  const both = (auth, more = {}) => {
    const one = new Seat(t, server, { auth, ...more });
    return [one, Seat.beside(t, one, '/admin', auth)];
  };
  for (const transports of WAYS) {
    const [plain, admin] = both({ token: ann.token }, { transports });
    await plain.take('connection.established');
    await admin.take('admin_connected');
    await plain.ask('subscribe', { topic: ROOM });

    await root.expect(204, 'DELETE', `/api/v1/admin/connections/${admin.socket.id}`);
    assert.equal((await admin.take('(disconnect)'))[1], 'io server disconnect');
    admin.socket.connect();
    await admin.take('admin_connected', 2);

    await role('user');
    assert.equal((await admin.take('(disconnect)', 2))[1], 'io server disconnect');
    await publish(john, 'still here');
    await plain.find('an event behind it', ([, data]) => data === 'still here');
    assert.equal(plain.socket.connected, true);
    plain.socket.close();
    await role('admin');
    await ann.refresh();
  }
});

test('T31: a key of a service listens, publishes nothing, and its end is told in that namespace', async (t) => {
  const { server, seat } = await start(t);
  const root = await rootOf(server);
  const { id, key } = await root.expect(201, 'POST', '/api/v1/admin/api-keys', { body: { name: 'A gateway', scopes: ['flags:read'] } });
  const one = seat({ auth: { token: key } });
  assert.equal((await one.take('connection.established'))[1].user_id, null);
  assert.equal((await one.ask('subscribe', { topic: 'flags' })).ok, true);
  assert.equal((await one.ask('publish', { topic: ROOM, data: 1 })).code, 'forbidden');
  await root.expect(204, 'DELETE', `/api/v1/admin/api-keys/${id}`);
  assert.equal((await one.take('(disconnect)'))[1], 'io server disconnect');
});

test('T25: the end of a token brings the client back with a new one, and nothing is lost or doubled', async (t) => {
  const { john, seat } = await start(t, { 'auth.access_ttl_s': 5 });
  let asked = 0;
  const one = seat({ auth: (say) => { asked += 1; (asked === 1 ? Promise.resolve() : john.refresh()).then(() => say({ token: john.token })); } });
  await one.take('connection.established');
  await one.ask('subscribe', { topic: ROOM });
  await publish(john, 1);
  await one.take('message');
  const [, reason] = await one.take('(disconnect)');
  assert.notEqual(reason, 'io server disconnect');
  const again = await one.take('connection.established', 2);
  assert.equal(again[2].recovered, true);
  assert.equal(one.socket.recovered, true);
  await publish(john, 2);
  await one.take('message', 2);
  assert.deepEqual(numbers(one), [1, 2]);
});

test('T74: a connection that broke is recovered with its topics: each durable event once', async (t) => {
  const { john, seat } = await start(t);
  for (const transports of WAYS) {
    const one = seat({ transports });
    await one.take('connection.established');
    const topic = `rooms/${transports.join('-')}`;
    await one.ask('subscribe', { topic });
    await one.ask('subscribe', { topic: PASSING }); // of which the log has nothing
    const id = one.socket.id;
    let breaks = 0;
    for (let i = 0; i < 5; ++i) {
      await publish(john, i, topic);
      if (i % 2 === 1) continue;
      await eventually(20_000, 'a connection', () => one.socket.connected);
      one.socket.io.engine.close();
      await one.take('(disconnect)', ++breaks); // an upgrade that is under way ends first
    }
    await one.find('the last one', ([, data]) => data === 4);
    await eventually(20_000, 'recovery', () => one.socket.connected && one.socket.recovered);
    assert.notEqual(one.socket.id, id);
    await publish(john, 'passing', PASSING);
    await one.find('what passes', ([, data]) => data === 'passing');
    assert.deepEqual(numbers(one), [0, 1, 2, 3, 4, 'passing']);
  }
});

test('R1, R2: kill -9 and a drain: own events come once; topics of `/` are to be asked for again, from the last position', async (t) => {
  const { server, john, seat } = await start(t, { 'auth.access_ttl_s': 3600 });
  const root = await rootOf(server);
  const alert = (message) => root.expect(200, 'POST', '/ws/broadcast', { body: { message } });
  const one = seat();
  await one.take('connection.established');
  await one.ask('subscribe', { topic: ROOM });
  for (const [round, end] of [() => server.crash(), () => server.stop()].entries()) {
    await alert(`live ${round}`);
    await publish(john, `live ${round}`);
    await one.find('the live event', ([, data]) => data === `live ${round}`);
    await end();
    assert.notEqual((await one.take('(disconnect)', round + 1))[1], 'io server disconnect');
    await server.launch();
    await alert(`missed ${round}`);
    await publish(john, `missed ${round}`);
    const [, gap] = await one.take('stream.gap', round + 1);
    assert.equal(gap.reason, 'session_lost');
    assert.equal(one.socket.recovered, false);
    await one.find('the missed alert', ([name, data]) => name === 'system.alert' && data.message === `missed ${round}`);
    const { data } = await one.ask('subscribe', { topic: ROOM, since: gap.from });
    assert.equal(data.recovered, true);
    await one.find('the missed event', ([, said]) => said === `missed ${round}`);
  }
  const rounds = ['live 0', 'missed 0', 'live 1', 'missed 1'];
  assert.deepEqual(numbers(one), rounds);
  assert.deepEqual(one.events.filter(([name]) => name === 'system.alert').map(([, { message }]) => message), rounds);
});

test('T54f: what is no packet ends its connection, and no other', async (t) => {
  const { server, john, seat } = await start(t);
  const neighbour = seat();
  await neighbour.take('connection.established');
  const connect = `40${JSON.stringify({ token: john.token })}`;
  const bad = ['42', '42[]', '42{}', '43', '42["disconnect"]', '47', '4abc', '42/admin,["hey"]', connect, '451-["hey",{"_placeholder":true,"num":1}]', '45511-["hey"]', '44{"message":"no"}'];
  for (const packet of bad) {
    const raw = await RawSocket.open(server);
    raw.send(connect);
    await raw.next();
    await raw.next();
    raw.send(packet);
    if (packet.startsWith('451-')) raw.send(Buffer.from('abc'));
    assert.equal((await raw.closed).code, 1002, packet);
    const polling = await Polling.open(server);
    await polling.send(connect);
    await polling.poll();
    await polling.send(packet);
    if (packet.startsWith('451-')) await polling.send('bYWJj');
    const last = await fetch(polling.url);
    if (last.status === 200) assert.equal(await last.text(), '1', packet);
    else assert.equal((await last.json()).code, 1, packet);
  }
  assert.equal((await neighbour.ask('ping')).ok, true);
});

test('a Buffer is base64 to others, and theirs a Buffer', async (t) => {
  const { john, seat } = await start(t);
  const one = seat();
  await one.take('connection.established');
  await one.ask('subscribe', { topic: ROOM });
  const feed = await john.connect();
  await feed.ask('subscribe', { topic: ROOM });
  await one.ask('publish', { topic: ROOM, type: 'photo', data: Buffer.from([1, 2, 255]) });
  assert.equal((await feed.next('photo')).data, 'AQL/');
  assert.equal((await one.ask('publish', { topic: ROOM, data: { deep: Buffer.from('x') } })).code, 'invalid_message');
  assert.equal((await one.ask('subscribe', { topic: Buffer.from('x') })).code, 'invalid_message');
});

// An empty page of another origin, which may connect since the server is on loopback alone.
async function site(t) {
  const pages = createServer((request, response) => { response.setHeader('Content-Type', 'text/html'); response.end(); });
  await new Promise((done) => pages.listen(0, '127.0.0.1', done));
  t.after(() => { pages.closeAllConnections(); pages.close(); });
  return `http://127.0.0.1:${pages.address().port}/`;
}

// In a page. The oldest client has neither emitWithAck() nor recovery.
async function visit({ url, token, transports, topic }) {
  const socket = window.io(url, { auth: { token }, transports, forceNew: true, reconnectionDelay: 50 });
  const next = (name) => new Promise((done) => { socket.once(name, (...event) => done(event)); });
  const ask = (...event) => new Promise((done) => { socket.emit(...event, done); });
  await next('connection.established');
  const { ok } = await ask('subscribe', { topic });
  const photo = next('photo');
  await ask('publish', { topic, type: 'photo', data: new Uint8Array([1, 2, 255]) });
  const [bytes] = await photo;
  const { engine } = socket.io;
  if (transports.length === 2 && engine.transport.name !== 'websocket') await new Promise((done) => { engine.once('upgrade', done); });
  const again = next('connection.established');
  engine.close();
  const [, { recovered }] = await again;
  if (!recovered) await ask('subscribe', { topic });
  const note = next('note');
  await ask('publish', { topic, type: 'note', data: 7 });
  const [data, { topic: where }] = await note;
  socket.close();
  return { ok, bytes: [...new Uint8Array(bytes)], recovered, data, where };
}

test('socket.io-client in a browser: each version and way, with Buffers and a return', { ...needsBrowser, timeout: 120_000 }, async (t) => {
  const { server, john } = await start(t);
  const url = await site(t);
  const browser = await openBrowser(t);
  for (const [version, , name] of VERSIONS) {
    const page = await openPage(browser, url, { expected: /favicon/ });
    await page.addScriptTag({ path: fileURLToPath(new URL(`./node_modules/${name}/dist/socket.io.min.js`, import.meta.url)) });
    for (const transports of WAYS) {
      const got = await page.evaluate(visit, { url: server.url, token: john.token, transports, topic: ROOM });
      assert.deepEqual(got, { ok: true, bytes: [1, 2, 255], recovered: version !== '3.1', data: 7, where: ROOM }, `${version} ${transports}`);
    }
    assert.deepEqual(page.complaints, [], version);
  }
});
