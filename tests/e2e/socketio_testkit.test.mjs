// What the protocol's own suite asks of a server, in the fixture that exists for it (`diagnostics.socketio_testkit`).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import WebSocket from 'ws';

import { eventually, Server, within } from './server.mjs';
import { Polling, RawSocket } from './socketio.mjs';

const WAIT_MS = 10_000;

const start = (t, settings = {}) => Server.start(t, { settings: { 'diagnostics.socketio_testkit': true, ...settings } });

async function connect(server) {
  const socket = await RawSocket.open(server);
  socket.send('40');
  await socket.next();
  await socket.next();
  return socket;
}

const webSocket = (server, query) => new WebSocket(`ws://${server.host}/socket.io/?${query}`).on('error', () => {});
const closed = (socket) => within(WAIT_MS, 'the end of a WebSocket', new Promise((done) => { socket.on('close', done); }));
// One message at a time: what comes together with it is lost.
const one = async (socket) => String((await within(WAIT_MS, 'a message', once(socket, 'message')))[0]);

test('Engine.IO is all there at /socket.io/: handshakes and refusals', async (t) => {
  const server = await start(t, { 'socketio.ping_interval_ms': 300, 'socketio.ping_timeout_ms': 200, 'socketio.max_payload_bytes': 1_000_000 });
  const { sid, ...rest } = (await Polling.open(server)).handshake;
  assert.equal(typeof sid, 'string');
  assert.deepEqual(rest, { upgrades: ['websocket'], pingInterval: 300, pingTimeout: 200, maxPayload: 1_000_000 });
  assert.deepEqual((await RawSocket.open(server)).handshake.upgrades, []);
  const url = `${server.url}/socket.io/`;
  for (const query of ['transport=polling', 'EIO=abc&transport=polling', 'EIO=4', 'EIO=4&transport=abc']) assert.equal((await fetch(`${url}?${query}`)).status, 400, query);
  for (const method of ['POST', 'PUT']) assert.equal((await fetch(`${url}?EIO=4&transport=polling`, { method })).status, 400, method);
  for (const query of ['transport=websocket', 'EIO=abc&transport=websocket', 'EIO=4', 'EIO=4&transport=abc']) await closed(webSocket(server, query));
});

test('Engine.IO is all there at /socket.io/: the heartbeat, and the end that the client asks for', async (t) => {
  const server = await start(t, { 'socketio.ping_interval_ms': 300 });
  const polling = await Polling.open(server);
  const socket = webSocket(server, 'EIO=4&transport=websocket');
  await one(socket);
  for (let i = 0; i < 3; ++i) {
    const ping = one(socket);
    assert.deepEqual(await polling.poll(), ['2']);
    assert.equal((await polling.send('3')).status, 200);
    assert.equal(await ping, '2');
    socket.send('3');
  }
  const [last] = await Promise.all([polling.poll(), polling.send('1')]);
  assert.deepEqual(last, ['6']);
  assert.equal((await fetch(polling.url)).status, 400);
  socket.send('1');
  await closed(socket);
});

test('Engine.IO is all there at /socket.io/: whoever gives no pong, or never says CONNECT, is sent away', async (t) => {
  const server = await start(t, { 'socketio.ping_interval_ms': 300, 'socketio.ping_timeout_ms': 200 });
  const polling = await Polling.open(server);
  await closed(webSocket(server, 'EIO=4&transport=websocket'));
  await eventually(WAIT_MS, 'the end of a session', async () => (await fetch(polling.url)).status === 400);
});

test('Engine.IO is all there at /socket.io/: a session moves to a WebSocket, and what comes behind is ignored', async (t) => {
  const server = await start(t);
  const polling = await Polling.open(server);
  const query = `EIO=4&transport=websocket&sid=${polling.handshake.sid}`;
  const socket = webSocket(server, query);
  await once(socket, 'open');
  socket.send('2probe');
  assert.equal(await one(socket), '3probe');
  socket.send('5');
  await eventually(WAIT_MS, 'the end of polls', async () => (await fetch(polling.url)).status === 400);
  await closed(webSocket(server, query));
  socket.send('40');
  assert.match(await one(socket), /^40\{/);
});

test('a client that asks for one message at a time misses none of CONNECT, and hears nothing when it leaves', async (t) => {
  const server = await start(t, { 'socketio.ping_interval_ms': 300 });
  // A machine that stands still for a moment makes one of two again.
  await eventually(WAIT_MS, '`auth` apart from CONNECT', async () => {
    const socket = webSocket(server, 'EIO=4&transport=websocket');
    await one(socket);
    socket.send('40');
    assert.match(await one(socket), /^40\{/);
    const came = await one(socket);
    socket.send('41');
    const next = await one(socket);
    socket.close();
    assert.equal(next, '2', 'only the heartbeat goes on');
    return came === '42["auth",{}]';
  });
});

test('CONNECT: `/` and /custom without a credential, with what it said in `auth`; others are invalid', async (t) => {
  const server = await start(t, { 'socketio.ping_interval_ms': 300, 'socketio.ping_timeout_ms': 200, 'socketio.max_payload_bytes': 1_000_000 });
  for (const [namespace, said] of [['', ''], ['', '{"token":"123"}'], ['/custom,', ''], ['/custom', ''], ['/custom,', '{"token":"abc"}']]) {
    const socket = await RawSocket.open(server);
    assert.equal(socket.handshake.pingInterval, 300);
    assert.equal(socket.handshake.pingTimeout, 200);
    assert.equal(socket.handshake.maxPayload, 1_000_000);
    socket.send(`40${namespace}${said}`);
    const head = namespace ? '/custom,' : '';
    const connected = await socket.next();
    assert.ok(connected.startsWith(`40${head}{`), connected);
    assert.deepEqual(Object.keys(JSON.parse(connected.slice(2 + head.length))), ['sid']);
    assert.equal(await socket.next(), `42${head}["auth",${said || '{}'}]`);
    socket.close();
  }
  const socket = await RawSocket.open(server);
  socket.send('40/random');
  assert.equal(await socket.next(), '44/random,{"message":"Invalid namespace"}');
  socket.send('4abc');
  await socket.closed;
});

test('whoever leaves a namespace is not answered, and may come back', async (t) => {
  const server = await start(t);
  const socket = await connect(server);
  socket.send('40/custom');
  await socket.next();
  await socket.next();
  socket.send('41/custom', '42["message","to the other one"]');
  assert.equal(await socket.next(), '42["message-back","to the other one"]');
  socket.send('41', '40');
  assert.match(await socket.next(), /^40\{/);
  assert.equal(await socket.next(), '42["auth",{}]');
});

test('messages and acknowledgements, as they were, with and without Buffers', async (t) => {
  const server = await start(t);
  const socket = await connect(server);
  socket.send('42["message",1,"2",{"3":[true]}]', '42456["message-with-ack",1,"2",{"3":[false]}]', '42["message"]', '420["message-with-ack"]');
  assert.equal(await socket.next(), '42["message-back",1,"2",{"3":[true]}]');
  assert.equal(await socket.next(), '43456[1,"2",{"3":[false]}]');
  assert.equal(await socket.next(), '42["message-back"]');
  assert.equal(await socket.next(), '430[]');
  const placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
  for (const [said, answered] of [[`452-["message",${placeholders}]`, `452-["message-back",${placeholders}]`],
    [`452-789["message-with-ack",${placeholders}]`, `462-789[${placeholders}]`]]) {
    socket.send(said, Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6]));
    assert.equal(await socket.next(), answered);
    assert.deepEqual(await socket.next(), Buffer.from([1, 2, 3]));
    assert.deepEqual(await socket.next(), Buffer.from([4, 5, 6]));
  }
  const polling = await Polling.open(server);
  await polling.send('40');
  await polling.poll();
  await polling.poll();
  await polling.send(`452-["message",${placeholders}]`, 'bAQID', 'bBAUG');
  const [head, ...buffers] = await polling.poll();
  assert.equal(head, `452-["message-back",${placeholders}]`);
  assert.deepEqual(buffers, ['bAQID', 'bBAUG']);
});

test('what has not its form ends the connection', async (t) => {
  const server = await start(t);
  for (const bad of ['4abc', '42{}', '42abc["message-with-ack",1,"2",{"3":[false]}]']) {
    const socket = await connect(server);
    socket.send(bad);
    await socket.closed;
  }
});
