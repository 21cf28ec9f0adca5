// STOMP and SockJS as no honest client speaks them. Each gets the protocol's answer; who stands by does not notice.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { Api } from './api.mjs';
import { Server, within } from './server.mjs';
import { request, SockJsSession } from './sockjs.mjs';
import { frame, RawStomp, Stomp } from './stomp.mjs';

const HERE = '/topic/rooms/one';

// A server and, on every protocol, somebody who must not notice.
async function crowd(t, options) {
  const server = await Server.start(t, options);
  const api = new Api(server);
  const [jane, eve] = [await api.register({ name: 'Jane' }), await api.register({ name: 'Eve' })];
  const native = await jane.connect();
  await native.ask('subscribe', { topic: 'rooms/one' });
  const readers = [await Stomp.open(server, { token: jane.token }), await Stomp.open(server, { token: jane.token, transport: 'xhr-streaming' })];
  for (const reader of readers) await reader.subscribe(HERE);
  const unmoved = async () => {
    for (const [i, reader] of readers.entries()) {
      await reader.send(HERE, i);
      await reader.said(HERE, i);
      assert.deepEqual(reader.bodies(HERE), [0, 1].slice(0, reader.bodies(HERE).length), 'nothing else was ever published');
      assert.equal(reader.closedWith, undefined);
    }
    await native.next('message', ({ data }) => data === 1);
    assert.equal(native.closedWith, undefined);
    for (const reader of readers) await reader.client.deactivate();
  };
  return { server, api, eve, unmoved };
}

const CONNECTED_ROWS = [ // what is said once CONNECTED is there, and the code of its ERROR
  ['a second CONNECT', frame('CONNECT', { 'accept-version': '1.2', host: 'x' })],
  ['an unknown command', frame('DANCE', {})],
  ['a command in small letters', frame('send', { destination: HERE }, '1')],
  ['the server\'s command', frame('MESSAGE', { destination: HERE, subscription: 1, 'message-id': 1 }, '1')],
  ['no command', ' \n\n\0'],
  ['SUBSCRIBE without id', frame('SUBSCRIBE', { destination: HERE })],
  ['SUBSCRIBE without destination', frame('SUBSCRIBE', { id: 1 })],
  ['SUBSCRIBE with a body', frame('SUBSCRIBE', { id: 1, destination: HERE }, 'x')],
  ['SUBSCRIBE with a selector', frame('SUBSCRIBE', { id: 1, destination: HERE, selector: 'a = 1' })],
  ['SUBSCRIBE with an unknown ack', frame('SUBSCRIBE', { id: 1, destination: HERE, ack: 'sometimes' })],
  ['the same id twice', frame('SUBSCRIBE', { id: 1, destination: HERE }) + '|' + frame('SUBSCRIBE', { id: 1, destination: HERE })],
  ['UNSUBSCRIBE of nothing', frame('UNSUBSCRIBE', { id: 7 })],
  ['SEND without destination', frame('SEND', {}, '1')],
  ['SEND to nowhere', frame('SEND', { destination: '/nowhere' }, '1')],
  ['SEND into the user\'s queue', frame('SEND', { destination: '/user/queue/messages' }, '1')],
  ['SEND of a reserved type', frame('SEND', { destination: HERE, type: 'user.created' }, '1'), 'reserved_type'],
  ['SEND in a transaction that is none', frame('SEND', { destination: HERE, transaction: 't' }, '1')],
  ['COMMIT of nothing', frame('COMMIT', { transaction: 't' })],
  ['BEGIN twice', frame('BEGIN', { transaction: 't' }) + '|' + frame('BEGIN', { transaction: 't' })],
  ['BEGIN without a name', frame('BEGIN', {})],
  ['a line without colon', `SEND\ndestination:${HERE}\nbroken\n\n1\0`],
  ['a header without name', `SEND\ndestination:${HERE}\n:x\n\n1\0`],
  ['an unknown escape', `SEND\ndestination:${HERE}\nmine:a\\tb\n\n1\0`],
  ['a length that is no number', `SEND\ndestination:${HERE}\ncontent-length:x\n\n1\0`],
  ['a length that is negative', `SEND\ndestination:${HERE}\ncontent-length:-1\n\n1\0`],
  ['a length with nothing behind it', `SEND\ndestination:${HERE}\ncontent-length:1\n\n123\0`],
  ['a length past every limit', `SEND\ndestination:${HERE}\ncontent-length:99999999999999999999\n\n1\0`],
  ['a body past the limit', frame('SEND', { destination: HERE }, '1'.repeat(70_000))],
  ['101 headers', frame('SEND', { destination: HERE, ...Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`h${i}`, i])) }, '1')],
  ['a header of 9 KiB', frame('SEND', { destination: HERE, mine: 'x'.repeat(9 << 10) }, '1')],
  ['JSON that is none', frame('SEND', { destination: HERE, 'content-type': 'application/json' }, '{'), 'invalid_json'],
  ['65 in a transaction', [frame('BEGIN', { transaction: 't' }), ...Array.from({ length: 65 }, () => frame('SEND', { destination: HERE, transaction: 't' }, '1'))].join('|')],
  ['text that is not UTF-8', Buffer.concat([Buffer.from(`SEND\ndestination:${HERE}\nmine:`), Buffer.from([0xff, 0xfe]), Buffer.from('\n\n1\0')])],
];

test('T54c: frames after CONNECT', { timeout: 120_000 }, async (t) => {
  const { server, eve, unmoved } = await crowd(t);
  await Promise.all(CONNECTED_ROWS.map(async ([what, said, code]) => {
    const raw = await RawStomp.connect(server, eve.token);
    for (const text of Buffer.isBuffer(said) ? [said] : said.split('|')) raw.send(text);
    const { headers } = await raw.error().catch((error) => assert.fail(`${what}: ${error.message}`));
    assert.match(headers.code, code ? new RegExp(`^${code}$`) : /^[a-z_]+$/, what);
    assert.ok(headers.message, what);
    const end = await raw.closed();
    assert.ok(end.code === 1002 || end.code === 1008 || end.code === 1009 || end.code === 1003 || end.code === 1007, `${what}: ${JSON.stringify(end)}`);
    assert.equal(raw.messages.length, 0, what);
  }));
  await unmoved();
});

test('T54c: frames before CONNECT', async (t) => {
  const { server, eve, unmoved } = await crowd(t);
  const rows = [
    ['SEND', frame('SEND', { destination: HERE, Authorization: `Bearer ${eve.token}` }, '1')],
    ['SUBSCRIBE', frame('SUBSCRIBE', { id: 1, destination: HERE, Authorization: `Bearer ${eve.token}` })],
    ['DISCONNECT', frame('DISCONNECT', {})],
    ['no version of ours', frame('CONNECT', { 'accept-version': '3.0', host: 'x' })],
    ['a heart-beat that is none', frame('CONNECT', { 'accept-version': '1.2', host: 'x', 'heart-beat': 'often', Authorization: `Bearer ${eve.token}` })],
    ['two credentials', frame('CONNECT', { 'accept-version': '1.2', host: 'x', Authorization: 'Bearer no', login: 'a', passcode: 'b' })],
    ['HTTP', 'GET / HTTP/1.1\r\n\r\n\0'],
    ['JSON', '{"type":"ping"}'],
  ];
  for (const [what, text] of rows) {
    const raw = await RawStomp.open(server);
    raw.send(text);
    if (what === 'JSON') raw.send('\0');
    await raw.error().catch((error) => assert.fail(`${what}: ${error.message}`));
    await raw.closed();
  }
  await unmoved();
});

test('T54c: what a client names comes back as a name, and makes no header', async (t) => {
  const { server, eve, unmoved } = await crowd(t);
  const raw = await RawStomp.connect(server, eve.token);
  const name = 'x\ndestination:/topic/admin\r\\';
  await raw.ask('SUBSCRIBE', { id: name, destination: '/topic/rooms/two' });
  const receipt = await raw.ask('SEND', { destination: '/topic/rooms/two', 'a\nb:c': 'd\ne:f', subscription: 'forged', 'message-id': 'forged', 'corohub-seq': '1', 'content-type': 'text/plain' }, 'x');
  assert.match(receipt['receipt-id'], /^SEND /);
  const { headers } = await raw.next('MESSAGE');
  assert.equal(headers.subscription, name);
  assert.equal(headers.destination, '/topic/rooms/two');
  assert.equal(headers['a\nb:c'], 'd\ne:f');
  assert.match(headers['message-id'], /^[\w-]+:\d+$/);
  assert.notEqual(headers['corohub-seq'], '1');
  raw.send(frame('SEND', { destination: '/nowhere', receipt: 'a\nmessage:forged' }));
  const error = await raw.error();
  assert.equal(error.headers['receipt-id'], 'a\nmessage:forged');
  await unmoved();
});

test('T14: a stranger may say little', async (t) => {
  const { server, unmoved } = await crowd(t, { settings: { 'stomp.max_message_bytes': 1 << 20, 'ws.outbox_max_bytes': 16 << 20 } });
  const raw = await RawStomp.open(server);
  raw.send(frame('CONNECT', { 'accept-version': '1.2', host: 'x', big: 'x'.repeat(70_000) }));
  await raw.closed();
  const many = await RawStomp.open(server);
  many.send(frame('CONNECT', { 'accept-version': '1.2', host: 'x' }));
  await many.next('CONNECTED');
  for (let i = 0; i < 10; ++i) many.send(frame('SEND', { destination: HERE }, '1'));
  await many.closed();
  await unmoved();
});

test('one who never reads is closed, and nobody waits for it', { timeout: 120_000 }, async (t) => {
  const { server, api, eve, unmoved } = await crowd(t, { settings: { 'ws.outbox_max_bytes': 300_000 } });
  const slow = await RawStomp.connect(server, eve.token);
  await slow.ask('SUBSCRIBE', { id: 1, destination: '/topic/rooms/big' });
  slow.socket.pause();
  const writer = await api.register();
  const feed = await Stomp.open(server, { token: writer.token });
  for (let i = 0; i < 400; ++i) await feed.send('/topic/rooms/big', 'x'.repeat(60_000));
  slow.socket.resume();
  const { code } = await slow.closed();
  assert.ok(code === 1013 || code === 1006, String(code));
  await feed.disconnect();
  await unmoved();
});

// ---- SockJS ----

// A connection on which a client says what it likes, and all that came until its end.
function exchange(server, bytes) {
  const socket = net.connect(server.port, '127.0.0.1');
  let answer = '';
  const closed = new Promise((done) => socket.on('close', () => done(answer)));
  socket.setEncoding('latin1').on('data', (text) => { answer += text; }).on('error', () => {});
  socket.write(bytes);
  return within(15_000, () => `an end; got ${answer.slice(0, 200)}`, closed).finally(() => socket.destroy());
}

test('T54e: bodies of xhr_send that are none', async (t) => {
  const { server, eve, unmoved } = await crowd(t);
  const session = new SockJsSession(server, { query: `?token=${eve.token}` });
  assert.equal((await session.poll()).text, 'o\n');
  const rows = [
    ['', 500], ['[', 500], ['["a', 500], ['{}', 500], ['"a"', 500], ['[1]', 500], ['["a",2]', 500], ['["a"] x', 500], ['\xff', 500],
    [`["${'x'.repeat(140_000)}"]`, 413], ['['.repeat(30_000), 500],
  ];
  for (const [body, status] of rows) {
    const answer = await session.post('xhr_send', { body: Buffer.from(body, 'latin1') });
    assert.equal(answer.status, status, `${body.slice(0, 40)}: ${answer.text}`);
  }
  // The session lives, and nothing of those was taken.
  await session.say(frame('CONNECT', { 'accept-version': '1.2', host: 'x' }));
  assert.match((await session.take(1))[0], /^CONNECTED\n/);
  // A lone surrogate is no reason to end anything.
  assert.equal((await session.post('xhr_send', { body: '["\\n\\ud800"]' })).status, 204);
  await unmoved();
});

test('T54e: a session that is not yours, and paths that are none', async (t) => {
  const { server, api, eve, unmoved } = await crowd(t);
  const mallory = await api.register({ name: 'Mallory' });
  const session = new SockJsSession(server, { query: `?token=${eve.token}` });
  await session.poll();
  await session.say(frame('CONNECT', { 'accept-version': '1.2', host: 'x' }));
  const stranger = new SockJsSession(server, { id: session.id, query: `?token=${mallory.token}` });
  assert.equal((await stranger.poll()).status, 404);
  assert.equal((await stranger.say('x')).status, 404);
  const nobody = new SockJsSession(server, { id: session.id, query: '?token=no' });
  assert.equal((await nobody.poll()).status, 401);
  assert.match((await session.take(1))[0], /^CONNECTED\n/);

  const missing = new SockJsSession(server, { query: `?token=${eve.token}` });
  assert.equal((await missing.say('x')).status, 404, 'nobody is there');
  for (const path of ['/ws//a/xhr', '/ws/a//xhr', '/ws/a.b/c/xhr', '/ws/a/c.d/xhr', '/ws/a/b/', '/ws/a/b/nothing', '/ws/a/b/c/xhr', '/ws/a/b/jsonp_send', `/ws/a/${'x'.repeat(300)}/xhr`]) {
    assert.equal((await request(server, 'POST', path)).status, 404, path);
  }
  for (const transport of ['htmlfile', 'jsonp']) assert.equal((await request(server, 'GET', `/ws/a/b/${transport}?c=x`)).status, 404, transport);
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  // An upgrade where there is none is an ordinary request, as CVE-2020-7693 taught.
  const answer = await exchange(server, `GET /ws/a/b/xhr HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\n${upgrade.replace('Connection: Upgrade\r\n', '')}\r\n`);
  assert.match(answer, /^HTTP\/1\.1 405 /);
  const foreign = await exchange(server, `GET /ws/a/b/websocket HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n${upgrade}\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  assert.match(foreign, /^HTTP\/1\.1 403 /);
  const elsewhere = await request(server, 'POST', '/ws/a/b/xhr', { headers: { Origin: 'https://evil.example' } });
  assert.equal(elsewhere.status, 403);
  assert.equal((await request(server, 'GET', '/ws/a/b/eventsource', { headers: { 'Sec-Fetch-Site': 'cross-site' } })).status, 403);
  await unmoved();
});

test('two receivers of one session: the second is told, and takes nothing from the first', async (t) => {
  const { server, eve, unmoved } = await crowd(t);
  const session = new SockJsSession(server, { query: `?token=${eve.token}` });
  const first = await session.stream();
  await first.until(/o\n/);
  assert.equal((await session.poll()).text, 'c[2010,"Another connection still open"]\n');
  const second = await session.stream();
  await second.until(/c\[2010,"Another connection still open"\]\n/);
  await second.closed();
  await session.say(frame('CONNECT', { 'accept-version': '1.2', host: 'x' }));
  await first.until(/a\["CONNECTED/);
  first.abort();
  await unmoved();
});

test('messages that are none over the websocket of SockJS', async (t) => {
  const { server, eve, unmoved } = await crowd(t);
  for (const text of ['[', '{}', '[1]', 'x', '["a"', '"x']) {
    const raw = await RawStomp.open(server, { path: '/ws/000/abc/websocket', query: `?token=${eve.token}`, protocols: [] });
    raw.send(text);
    const { code } = await raw.closed();
    assert.ok(code >= 1000, text);
  }
  await unmoved();
});
