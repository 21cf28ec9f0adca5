// What the protocol's own suite asks of a server, in the fixture that exists for it (`diagnostics.socketio_testkit`).
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Server } from './server.mjs';
import { Polling, RawSocket } from './socketio.mjs';

const start = (t, settings = {}) => Server.start(t, { settings: { 'diagnostics.socketio_testkit': true, ...settings } });

async function connect(server) {
  const socket = await RawSocket.open(server);
  socket.send('40');
  await socket.next();
  await socket.next();
  return socket;
}

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
