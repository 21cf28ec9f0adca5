// Engine.IO 4 by the test kit's mirror: what its protocol asks of a server, by hand and by engine.io-client.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';

import { Socket } from 'engine.io-client';
import WebSocket from 'ws';

import { eventually, Server, within } from './server.mjs';
import { request } from './sockjs.mjs';

const WAIT_MS = 10_000;
const PING_INTERVAL = 300;
const PING_TIMEOUT = 200;
const KIT = { 'diagnostics.socketio_testkit': true, 'socketio.max_payload_bytes': 1_000_000, 'server.shards': 3 };
const FAST = { 'socketio.ping_interval_ms': PING_INTERVAL, 'socketio.ping_timeout_ms': PING_TIMEOUT };
const POLLING = '/engine.io/?EIO=4&transport=polling';
const WEBSOCKET = '/engine.io/?EIO=4&transport=websocket';
const RS = '\x1e';

const start = (t, settings = {}) => Server.start(t, { settings: { ...KIT, ...settings } });
const get = (server, query, headers) => request(server, 'GET', query, { headers });
const open = async (server) => JSON.parse((await get(server, POLLING)).text.slice(1)).sid;
const poll = (server, sid) => get(server, `${POLLING}&sid=${sid}`);
const post = (server, sid, body, headers) => request(server, 'POST', `${POLLING}&sid=${sid}`, { body, headers });

async function expectRefused(answer, code) {
  const { status, text } = await answer;
  assert.equal(status, 400, text);
  if (code !== undefined) assert.equal(JSON.parse(text).code, code);
}

// A WebSocket whose messages wait until they are asked for.
class Wire {
  constructor(server, query, options = {}) {
    this.messages = [];
    this.watchers = new Set();
    this.socket = new WebSocket(`ws://${server.host}${query}`, options);
    this.socket.on('message', (data, binary) => { this.messages.push(binary ? data : data.toString()); this.look(); });
    this.socket.on('error', () => {});
    this.ended = new Promise((done) => { this.socket.on('close', (code, reason) => done({ code, reason: reason.toString() })); });
    this.opened = new Promise((done, fail) => { this.socket.on('open', done).on('error', fail); });
    this.opened.catch(() => {});
    this.ended.then(() => this.look());
  }

  look() { for (const watcher of this.watchers) watcher(); }

  async next() {
    let look;
    const found = new Promise((done, fail) => {
      look = () => {
        if (this.messages.length > 0) done(this.messages.shift());
        else if (this.socket.readyState === WebSocket.CLOSED) fail(new Error('closed'));
      };
    });
    this.watchers.add(look);
    look();
    return within(WAIT_MS, 'a message', found).finally(() => this.watchers.delete(look));
  }

  send(data) { this.socket.send(data); }
  closed() { return within(WAIT_MS, 'the end of a WebSocket', this.ended); }
}

async function openWire(server, query, options) {
  const wire = new Wire(server, query, options);
  await within(WAIT_MS, 'a WebSocket', wire.opened);
  return wire;
}

// ---- handshakes ----

test('a session begins over HTTP or with a WebSocket', async (t) => {
  const server = await start(t, FAST);
  const answer = await get(server, POLLING);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/plain; ?charset=utf-8$/i);
  assert.equal(answer.headers['set-cookie'], undefined);
  const { sid, ...rest } = JSON.parse(answer.text.slice(1));
  assert.match(sid, /^[\w-]{22}$/);
  assert.deepEqual(rest, { upgrades: ['websocket'], pingInterval: PING_INTERVAL, pingTimeout: PING_TIMEOUT, maxPayload: 1_000_000 });

  const wire = await openWire(server, WEBSOCKET);
  const opened = await wire.next();
  assert.equal(opened[0], '0');
  assert.deepEqual(JSON.parse(opened.slice(1)).upgrades, []);
  wire.socket.close();
  await wire.closed();
});

test('what is wrong with a request is said in the words of the protocol', async (t) => {
  const server = await start(t);
  const base = '/engine.io/';
  for (const [query, code] of [['', 0], ['?EIO=4', 0], ['?EIO=4&transport=abc', 0], ['?transport=polling', 5], ['?EIO=abc&transport=polling', 5], ['?EIO=3&transport=polling', 5], ['?EIO=4&transport=websocket', 3], ['?EIO=4&transport=polling&sid=nobody', 1], ['?EIO=4&transport=polling&sid=', 1]])
    await expectRefused(get(server, base + query), code);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) await expectRefused(request(server, method, POLLING, { body: 'x' }), 2);
  assert.equal((await request(server, 'HEAD', POLLING)).status, 400);
  const sid = await open(server);
  for (const method of ['PUT', 'PATCH', 'DELETE']) await expectRefused(request(server, method, `${POLLING}&sid=${sid}`, { body: 'x' }), 3);
  await expectRefused(get(server, `${WEBSOCKET}&sid=${sid}`), 3);
  await expectRefused(get(server, '/engine.io/?a', { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'SGVsbG8sIHdvcmxkIQ==' }), 0);
  assert.equal((await post(server, sid, '4a')).text, 'ok', 'none of this has hurt the session');
  for (const query of ['?transport=websocket', '?EIO=3&transport=websocket', '?EIO=4', '?EIO=4&transport=abc', '?EIO=4&transport=websocket&sid=nobody']) {
    const wire = new Wire(server, base + query);
    const refused = new Promise((done) => { wire.socket.on('unexpected-response', (_, response) => done(response.statusCode)); });
    assert.equal(await within(WAIT_MS, 'a refusal', refused), 400, query);
  }
});

test('T2 pages of other origins are refused, and ours may read refusals', async (t) => {
  const server = await start(t, { 'ws.allowed_origins': ['https://app.example.com'] });
  const page = { Origin: 'https://app.example.com' };
  const foreign = { Origin: 'https://evil.example.com' };
  assert.equal((await get(server, POLLING, foreign)).status, 403);
  assert.equal((await get(server, POLLING, { 'Sec-Fetch-Site': 'cross-site' })).status, 403);
  const opened = await get(server, POLLING, page);
  assert.equal(opened.headers['access-control-allow-origin'], page.Origin);
  assert.equal(opened.headers['access-control-allow-credentials'], 'true');
  const { sid } = JSON.parse(opened.text.slice(1));
  assert.equal((await post(server, sid, '4a', foreign)).status, 403);
  const refused = await get(server, '/engine.io/?EIO=4', page);
  assert.equal(refused.status, 400);
  assert.equal(refused.headers['access-control-allow-origin'], page.Origin);
  const preflight = await request(server, 'OPTIONS', `${POLLING}&sid=${sid}`, { headers: { ...page, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' } });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers['access-control-allow-methods'], /POST/);
  assert.equal(preflight.headers['access-control-allow-origin'], page.Origin);
  assert.equal((await request(server, 'OPTIONS', POLLING, { headers: foreign })).status, 403);
  const wire = new Wire(server, WEBSOCKET, { origin: foreign.Origin });
  const status = new Promise((done) => { wire.socket.on('unexpected-response', (_, response) => done(response.statusCode)); });
  assert.equal(await within(WAIT_MS, 'a refusal', status), 403);
});

test('T26 a session is named in no log', async (t) => {
  const server = await start(t, { 'log.level': 'debug' });
  const sid = await open(server);
  await post(server, sid, '4a');
  await poll(server, sid);
  const wire = await openWire(server, `${WEBSOCKET}&sid=${sid}`);
  wire.send('2probe');
  assert.equal(await wire.next(), '3probe');
  wire.send('5');
  await expectRefused(poll(server, sid), 3);
  await server.stop();
  assert.match(server.output, /\/engine\.io\//);
  assert.ok(!server.output.includes(sid));
});

// ---- messages ----

test('messages come back, by polls', async (t) => {
  const server = await start(t);
  for (const payload of ['4hello', `4test1${RS}4test2${RS}4test3`, `4hello${RS}bAQIDBA==`, '4\u20ac']) {
    const sid = await open(server);
    const sent = await post(server, sid, payload);
    assert.equal(sent.status, 200);
    assert.equal(sent.text, 'ok');
    const polled = await poll(server, sid);
    assert.equal(polled.status, 200);
    assert.equal(polled.text, payload);
  }
  const sid = await open(server);
  await expectRefused(post(server, sid, 'abc'));
  await expectRefused(poll(server, sid), 1);
});

test('messages come back, by a WebSocket', async (t) => {
  const server = await start(t);
  const wire = await openWire(server, WEBSOCKET);
  await wire.next();
  wire.send('4hello');
  assert.equal(await wire.next(), '4hello');
  wire.send(Buffer.from([1, 2, 3, 4]));
  assert.deepEqual(await wire.next(), Buffer.from([1, 2, 3, 4]));
  wire.send(`4${'x'.repeat(900_000)}`);
  assert.equal((await wire.next()).length, 900_001);
  wire.send('abc');
  assert.equal((await wire.closed()).code, 1002);
});

test('T10 a payload has a limit', async (t) => {
  const server = await start(t, { 'socketio.max_payload_bytes': 100_000 });
  const sid = await open(server);
  assert.equal((await post(server, sid, `4${'x'.repeat(99_999)}`)).status, 200);
  assert.equal((await poll(server, sid)).text.length, 100_000);
  const large = await post(server, sid, `4${'x'.repeat(100_000)}`);
  assert.equal(large.status, 413);
  assert.equal(JSON.parse(large.text).code, 3);
  const wire = await openWire(server, WEBSOCKET);
  await wire.next();
  wire.send(`4${'x'.repeat(100_000)}`);
  assert.equal((await wire.closed()).code, 1009);
});

// ---- polls that are not as they should be ----

test('T54g two polls at once end their session', async (t) => {
  const server = await start(t);
  const sid = await open(server);
  const [one, other] = await Promise.all([poll(server, sid), poll(server, sid)]);
  assert.deepEqual([one.status, other.status].sort(), [200, 400]);
  assert.equal((one.status === 200 ? one : other).text, '1');
  await expectRefused(poll(server, sid), 1);
});

test('a client may give a poll up and ask again at once', async (t) => {
  const server = await start(t, FAST);
  await Promise.all(Array.from({ length: 20 }, async () => {
    const sid = await open(server);
    const givenUp = http.get({ host: '127.0.0.1', port: server.port, path: `${POLLING}&sid=${sid}`, agent: false }).on('error', () => {});
    await within(WAIT_MS, 'a request that is sent', once(givenUp, 'finish'));
    givenUp.destroy();
    const next = await poll(server, sid);
    assert.equal(next.status, 200);
    assert.equal(next.text, '2');
  }));
});

// ---- heartbeat and end ----

test('pings and pongs', async (t) => {
  const server = await start(t, FAST);
  const polls = async () => {
    const sid = await open(server);
    for (let i = 0; i < 3; ++i) {
      assert.equal((await poll(server, sid)).text, '2');
      assert.equal((await post(server, sid, '3')).status, 200);
    }
  };
  const sockets = async () => {
    const wire = await openWire(server, WEBSOCKET);
    await wire.next();
    for (let i = 0; i < 3; ++i) {
      assert.equal(await wire.next(), '2');
      wire.send('3');
    }
    wire.socket.close();
  };
  const silent = async () => {
    const wire = await openWire(server, WEBSOCKET);
    assert.equal((await wire.closed()).code, 1001);
  };
  const gone = async () => {
    const sid = await open(server);
    assert.equal((await poll(server, sid)).text, '2');
    await eventually(WAIT_MS, 'the end', async () => (await post(server, sid, '6')).status === 400);
    await expectRefused(poll(server, sid), 1);
  };
  await Promise.all([polls(), sockets(), silent(), gone()]);
});

test('a client ends its session', async (t) => {
  const server = await start(t);
  for (let i = 0; i < 20; ++i) {
    const sid = await open(server);
    const [polled, posted] = await Promise.all([poll(server, sid), post(server, sid, '1')]);
    assert.equal(polled.status, 200, 'whichever comes first');
    assert.equal(polled.text, '6');
    assert.equal(posted.text, 'ok');
    await expectRefused(poll(server, sid), 1);
  }
  const wire = await openWire(server, WEBSOCKET);
  await wire.next();
  wire.send('1');
  assert.equal((await wire.closed()).code, 1000);
});

test('R2 sessions end with the server, and polls that wait are answered', async (t) => {
  const server = await start(t);
  const sid = await open(server);
  const waiting = poll(server, sid);
  const wire = await openWire(server, WEBSOCKET);
  await wire.next();
  await post(server, sid, '3');
  await server.stop();
  assert.equal((await wire.closed()).code, 1001);
  assert.equal((await waiting).text, '1');
});

// ---- upgrades ----

test('a session moves from polls to a WebSocket, whichever shard each comes to', async (t) => {
  const server = await start(t);
  for (let i = 0; i < 12; ++i) {
    const sid = await open(server);
    const wire = await openWire(server, `${WEBSOCKET}&sid=${sid}`);
    wire.send('2probe');
    assert.equal(await wire.next(), '3probe');
    const polled = await poll(server, sid);
    assert.equal(polled.status, 200);
    assert.equal(polled.text, '6');
    wire.send('5');
    wire.send('4hello');
    assert.equal(await wire.next(), '4hello');
    await expectRefused(poll(server, sid), 3);
    wire.socket.close();
  }
});

test('requests of a session that has moved are refused, and it goes on', async (t) => {
  const server = await start(t);
  for (let i = 0; i < 30; ++i) {
    const sid = await open(server);
    const wire = await openWire(server, `${WEBSOCKET}&sid=${sid}`);
    wire.send('2probe');
    wire.send('5');
    await expectRefused(poll(server, sid), 3);
    const second = await openWire(server, `${WEBSOCKET}&sid=${sid}`);
    await second.closed();
    wire.send('4hello');
    assert.equal(await wire.next(), '3probe');
    assert.equal(await wire.next(), '4hello');
    wire.socket.close();
  }
});

test('a WebSocket that breaks before the upgrade is done leaves the session polling', async (t) => {
  const server = await start(t);
  const sid = await open(server);
  const waiting = poll(server, sid);
  const first = await openWire(server, `${WEBSOCKET}&sid=${sid}`);
  first.socket.terminate();
  const second = await openWire(server, `${WEBSOCKET}&sid=${sid}`);
  second.send('4nonsense');
  await second.closed();
  assert.equal((await post(server, sid, '4a')).text, 'ok');
  assert.equal((await waiting).text, '4a');
  const third = await openWire(server, `${WEBSOCKET}&sid=${sid}`);
  third.send('2probe');
  assert.equal(await third.next(), '3probe');
  third.socket.terminate();
  await eventually(WAIT_MS, 'polls that wait', async () => {
    const polled = poll(server, sid);
    await post(server, sid, '4b');
    return /4b/.test((await polled).text);
  });
});

// ---- another's client ----

// Connects, and resolves once it is as far as `transports` lets it go.
function connect(server, options) {
  const socket = new Socket(`ws://${server.host}`, { path: '/engine.io/', ...options });
  const upgrades = options.transports.length > 1 && options.upgrade !== false;
  const ready = new Promise((done, fail) => {
    socket.on(upgrades ? 'upgrade' : 'open', () => done(socket));
    socket.on('close', (reason) => fail(new Error(reason)));
  });
  return { socket, ready: within(WAIT_MS, 'a client', ready) };
}

for (const [name, transports] of [['polls', ['polling']], ['has a WebSocket', ['websocket']], ['upgrades', ['polling', 'websocket']]]) {
  test(`engine.io-client ${name}`, async (t) => {
    const server = await start(t, FAST);
    const got = [];
    const { socket, ready } = connect(server, { transports });
    socket.on('message', (data) => got.push(typeof data === 'string' ? data : Buffer.from(data)));
    const sent = [];
    // From the first moment on, through the upgrade and behind it.
    const send = (data) => { sent.push(data); socket.send(data); };
    socket.on('open', () => { for (let i = 0; i < 200; ++i) send(`early ${i}`); });
    const ticking = setInterval(() => send(`tick ${sent.length}`), 1);
    t.after(() => clearInterval(ticking));
    await ready;
    for (let i = 0; i < 100; ++i) send(i % 3 === 0 ? Buffer.from([0, i, 255]) : `late ${i} \u20ac`);
    let pings = 0;
    socket.on('ping', () => { ++pings; });
    await eventually(WAIT_MS, 'three pings', () => pings >= 3);
    clearInterval(ticking);
    await eventually(WAIT_MS, 'all of it', () => got.length >= sent.length);
    assert.deepEqual(got, sent, 'nothing is lost, doubled or out of order');
    assert.equal(socket.transport.name, transports.at(-1));
    const closed = new Promise((done) => { socket.once('close', done); });
    socket.close();
    await within(WAIT_MS, 'the end', closed);
  });
}
