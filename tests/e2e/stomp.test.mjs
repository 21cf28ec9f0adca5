// STOMP with other people's clients, over WebSockets and over SockJS, beside the native protocol.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import stompit from 'stompit';
import webstomp from 'webstomp-client';
import { createWebSocketStream } from 'ws';

import { Api, barrier, Refused, WebSocket } from './api.mjs';
import { eventually, Server, within } from './server.mjs';
import { eventOf, frame, RawStomp, Stomp, StompError } from './stomp.mjs';

const ROOM = 'rooms/one';
const HERE = `/topic/${ROOM}`;
const MIB = 1 << 20;
const TRANSPORTS = ['websocket', 'xhr-streaming', 'xhr-polling'];
const ROUNDS = Number(process.env.COROHUB_RESUME_ROUNDS || 5);

async function party(t, { settings, ...options } = {}) {
  const server = await Server.start(t, { settings: { 'server.shards': 3, ...settings }, ...options });
  const api = new Api(server);
  const [admin, john, jane] = [await api.member('admin'), await api.register({ name: 'John' }), await api.register({ name: 'Jane' })];
  const open = async (account, more = {}) => {
    const stomp = await Stomp.open(server, { token: account.token, ...more });
    t.after(() => stomp.client.deactivate({ force: true }));
    return stomp;
  };
  return { server, api, admin, john, jane, open };
}

const refused = (promise, code) => assert.rejects(promise, (error) => {
  assert.equal(error.code, code, error.message);
  return true;
});

const log = async (account, topic, since) => (await account.request('GET', `/api/v1/topics/${topic}/history?limit=300${since ? `&since=${since}` : ''}`)).json.data;
const bearer = (token) => ({ Authorization: `Bearer ${token}` });

test('every place for a credential', async (t) => {
  const { server, john } = await party(t, { settings: { 'log.level': 'trace' } });
  const ways = {
    'the CONNECT header': { headers: bearer(john.token) },
    'the CONNECT header in small letters': { headers: { authorization: `Bearer ${john.token}` } },
    'login and passcode': { headers: { login: john.email, passcode: john.password } },
    'a token as passcode': { headers: { login: 'token', passcode: john.token } },
    'the address': { query: `?token=${john.token}` },
    'the header of the upgrade': { upgradeHeaders: bearer(john.token) },
  };
  for (const [what, way] of Object.entries(ways)) {
    for (const path of ['/ws', '/messenger/websocket']) {
      const stomp = await Stomp.open(server, { path, ...way });
      assert.equal(stomp.connected.version, '1.2', `${what} on ${path}`);
      await stomp.subscribe('/user/queue/messages');
      await john.expect(200, 'PATCH', '/api/v1/users/me', { body: { name: `John by ${what} on ${path}` } });
      const told = await stomp.next('MESSAGE', ({ headers }) => headers['corohub-type'] === 'profile.updated');
      assert.equal(JSON.parse(told.body).user_id, john.id);
      await stomp.disconnect();
    }
  }
  for (const secret of [john.token, john.password]) assert.doesNotMatch(server.output, new RegExp(secret), 'T26: it stands in no log');
});

test('bad credentials', async (t) => {
  const { server, john } = await party(t);
  const ways = [
    [{ headers: bearer('eyJhbGciOiJIUzI1NiJ9.e30.x') }, 'invalid_token'],
    [{ headers: { login: john.email, passcode: 'not the one' } }, 'invalid_credentials'],
    [{ headers: { login: 'nobody@example.com', passcode: 'secure123' } }, 'invalid_credentials'],
  ];
  for (const [way, code] of ways) {
    const raw = await RawStomp.open(server);
    raw.send(frame('CONNECT', { 'accept-version': '1.2', host: 'corohub', ...way.headers }));
    const { headers } = await raw.error();
    assert.equal(headers.code, code);
    assert.ok(headers.message);
    assert.equal((await raw.closed()).code, 1008);
  }
  for (const path of ['/ws', '/messenger/websocket']) {
    await assert.rejects(RawStomp.open(server, { path, query: '?token=no' }), (error) => error instanceof Refused && error.status === 401);
  }
});

test('who comes without a credential says it with the first SUBSCRIBE', async (t) => {
  const { server, john, jane } = await party(t);
  const raw = await RawStomp.open(server, { path: '/messenger/websocket', protocols: [] });
  raw.send(frame('CONNECT', { 'accept-version': '1.1,1.2', host: 'corohub' }));
  await raw.next('CONNECTED');
  await raw.ask('SUBSCRIBE', { id: 1, destination: HERE, authorization: `Bearer ${john.token}` });
  await raw.publish(HERE, 'hello', { authorization: `Bearer ${john.token}` }); // people put it there, too
  const { headers } = await raw.said(HERE, 'hello');
  assert.equal(headers.subscription, '1');
  assert.equal(headers.authorization, undefined, 'a credential travels no further');

  const stranger = await RawStomp.open(server, { path: '/messenger/websocket', protocols: [] });
  stranger.send(frame('CONNECT', { 'accept-version': '1.2', host: 'corohub' }));
  await stranger.next('CONNECTED');
  stranger.send(frame('SUBSCRIBE', { id: 1, destination: HERE }));
  assert.equal((await stranger.error()).headers.code, 'unauthorized');
  assert.equal((await stranger.closed()).code, 1008);
  assert.ok(jane.id);
});

test('versions', async (t) => {
  const { server, john } = await party(t);
  for (const [versions, version, protocol] of [[['1.0'], '1.0', 'v10.stomp'], [['1.1', '1.0'], '1.1', 'v11.stomp'], [['1.2', '1.1', '1.0'], '1.2', 'v12.stomp']]) {
    const raw = await RawStomp.open(server, { protocols: versions.map((each) => `v${each.replace('.', '')}.stomp`) });
    assert.equal(raw.socket.protocol, protocol);
    raw.send(frame(version === '1.0' ? 'CONNECT' : 'STOMP', { 'accept-version': versions.join(), host: 'corohub', ...bearer(john.token) }));
    assert.equal((await raw.next('CONNECTED')).headers.version, version);
    // What 1.1 escapes, 1.0 does not, and a colon in a value is nothing special to either reader.
    raw.send(`SUBSCRIBE\nid:a\ndestination:${HERE}\nreceipt:s\n\n\0`);
    await raw.next('RECEIPT');
    const value = version === '1.0' ? 'a:b' : 'a\\cb';
    raw.send(`SEND\ndestination:${HERE}\nmine:${value}\nreceipt:${version}\n\n"${version}"\0`);
    await raw.next('RECEIPT', ({ headers }) => headers['receipt-id'] === version);
    assert.equal((await raw.said(HERE, version)).headers.mine, 'a:b');
  }
  const none = await RawStomp.open(server);
  none.send(frame('CONNECT', { 'accept-version': '2.0', host: 'corohub', ...bearer(john.token) }));
  assert.match((await none.error()).headers.version, /1\.2/);
  await none.closed();
});

test('side by side: the same log for every protocol and transport, in order, once', async (t) => {
  const { server, admin, john, jane, open } = await party(t);
  const native = await john.connect();
  await native.ask('subscribe', { topic: ROOM });
  const { epoch } = native.welcome.data;
  const readers = [await open(john), await open(john, { path: '/messenger/websocket' })];
  for (const transport of TRANSPORTS) readers.push(await open(john, { transport }));
  for (const reader of readers) await reader.subscribe(HERE);
  const publisher = await jane.connect();
  const writers = [
    (n) => publisher.ask('publish', { topic: ROOM, data: `native ${n}` }),
    (n) => jane.request('POST', `/api/v1/topics/${ROOM}/events`, { body: { type: 'note', data: `REST ${n}` } }),
    (n) => readers[0].send(HERE, `STOMP ${n}`, { type: 'said' }),
    (n) => readers[4].send(HERE, `SockJS ${n} é \u200d \u2028 "\\\0`),
  ];
  await Promise.all(writers.map(async (write) => { for (let n = 0; n < 20; ++n) await write(n); }));
  await readers[1].send(HERE, 'the last');
  const expected = await log(john, ROOM);
  assert.equal(expected.length, 81);
  await native.next('message', ({ data }) => data === 'the last');
  const got = native.messages.filter(({ topic, seq }) => topic === ROOM && seq);
  assert.deepEqual(got, expected);
  for (const reader of readers) {
    await reader.said(HERE, 'the last');
    assert.deepEqual(reader.in(HERE).map(eventOf), expected);
    assert.deepEqual(reader.messages.map(({ headers }) => headers['message-id']), expected.map(({ seq }) => `${epoch}:${seq}`));
    assert.ok(reader.messages.every(({ headers }) => headers['corohub-epoch'] === epoch));
  }
  assert.ok(admin.id && server.pid);
});

test('a receipt comes after the commit, an idempotency key makes one event', async (t) => {
  const { john, open } = await party(t);
  const stomp = await open(john);
  for (const n of [1, 2]) {
    await stomp.send(HERE, { n }, { 'idempotency-key': `k${n}` });
    assert.equal((await log(john, ROOM)).length, n);
    await stomp.send(HERE, { n }, { 'idempotency-key': `k${n}` });
    assert.equal((await log(john, ROOM)).length, n);
  }
  await refused(stomp.send(HERE, { n: 3 }, { 'idempotency-key': 'k1' }), 'idempotency_mismatch');
});

test('what is sent arrives as it was given', async (t) => {
  const { john, jane, open } = await party(t);
  const [stomp, native] = [await open(john), await jane.connect()];
  await native.ask('subscribe', { topic: ROOM });
  await stomp.subscribe(HERE);
  const rows = [ // body, headers, data as native has it, content-type as STOMP has it
    ['{"a":[1,2.50],"b":"\\u00e9"}', { 'content-type': 'application/json' }, { a: [1, 2.5], b: 'é' }, 'application/json'],
    ['{"a":1}', {}, { a: 1 }, undefined],
    ['[1]', {}, [1], undefined],
    ['plain text, "quoted"', { 'content-type': 'text/plain' }, 'plain text, "quoted"', 'text/plain'],
    ['12', { 'content-type': 'application/json' }, 12, 'application/json'],
  ];
  for (const [i, [body, headers, data, type]] of rows.entries()) {
    await stomp.say(HERE, body, { ...headers, type: `row.${i}`, 'x-mine': 'a:b' });
    const message = await stomp.next('MESSAGE', (each) => each.headers['corohub-type'] === `row.${i}`);
    assert.equal(message.body, body);
    assert.equal(message.headers['content-type'], type);
    assert.equal(message.headers['x-mine'], 'a:b');
    assert.equal(message.headers['corohub-topic'], ROOM);
    assert.deepEqual((await native.next(`row.${i}`)).data, data);
  }
  const bytes = Buffer.from([0, 1, 2, 0xff, 0xfe, 0, 10]);
  await stomp.say(HERE, bytes, { 'content-type': 'application/octet-stream', type: 'bytes' });
  const message = await stomp.next('MESSAGE', (each) => each.headers['corohub-type'] === 'bytes');
  assert.deepEqual(message.binary, bytes);
  assert.equal((await native.next('bytes')).data, bytes.toString('base64'));
  await refused(stomp.say(HERE, '{"a":', { 'content-type': 'application/json' }), 'invalid_json');
});

test('a transaction: all or nothing', async (t) => {
  const { server, admin, john, jane, open } = await party(t);
  const native = await jane.connect();
  await native.ask('subscribe', { topic: ROOM });
  const there = async () => (await log(john, ROOM)).map(({ data }) => data);
  const stomp = await open(john);
  const put = (transaction, ...list) => list.forEach((data) => stomp.client.publish({ destination: HERE, body: JSON.stringify(data), headers: { transaction: transaction.id, 'content-type': 'application/json' } }));
  const first = stomp.client.begin();
  put(first, 1, 2, 3);
  const aborted = stomp.client.begin();
  put(aborted, 'never');
  await stomp.send(HERE, 'outside');
  assert.deepEqual(await there(), ['outside']);
  aborted.abort();
  first.commit();
  await stomp.send(HERE, 'behind');
  assert.deepEqual(await there(), ['outside', 1, 2, 3, 'behind']);

  // One that may not be done takes the others with it.
  const raw = await RawStomp.connect(server, john.token);
  await raw.ask('BEGIN', { transaction: 't' });
  for (const destination of [HERE, '/topic/public/news', HERE]) await raw.publish(destination, 'never', { transaction: 't' });
  await refused(raw.ask('COMMIT', { transaction: 't' }), 'forbidden');

  // One that was not committed before the connection broke never was.
  const broken = await RawStomp.connect(server, john.token);
  await broken.ask('BEGIN', { transaction: 't' });
  await broken.publish(HERE, 'lost', { transaction: 't' });
  broken.socket.terminate();
  const whole = await RawStomp.connect(server, john.token);
  await whole.ask('BEGIN', { transaction: 't' }); // the same name on another connection is another
  await whole.publish(HERE, 'kept', { transaction: 't' });
  await whole.ask('COMMIT', { transaction: 't' });
  await barrier(admin, native);
  assert.deepEqual(await there(), ['outside', 1, 2, 3, 'behind', 'kept']);
  assert.deepEqual(native.messages.filter(({ seq, topic }) => seq && topic).map(({ data }) => data), await there());
});

test('several subscriptions to one destination, each with its own id and acknowledgements', async (t) => {
  const { john, open } = await party(t);
  const stomp = await open(john);
  const [auto, client, single] = [await stomp.subscribe(HERE), await stomp.subscribe(HERE, { ack: 'client' }), await stomp.subscribe(HERE, { ack: 'client-individual', id: 'mine' })];
  await stomp.send(HERE, 1);
  const copies = await stomp.until('three copies', () => stomp.in(HERE).length === 3 && stomp.in(HERE));
  assert.deepEqual(copies.map(({ headers }) => headers.subscription).sort(), [auto.id, client.id, 'mine'].sort());
  assert.equal(single.id, 'mine');
  for (const { headers, message } of copies) {
    assert.equal(headers.ack !== undefined, headers.subscription !== auto.id, 'only who acknowledges is given what to acknowledge with');
    if (headers.subscription === client.id) message.ack();
    if (headers.subscription === 'mine') message.nack();
  }
  await stomp.unsubscribe(client.id);
  await stomp.send(HERE, 2);
  await stomp.until('two copies', () => stomp.in(HERE).length === 5);
  assert.deepEqual(stomp.in(HERE).slice(3).map(({ headers }) => headers.subscription).sort(), [auto.id, 'mine'].sort());
  await stomp.subscribe(HERE); // whatever was redelivered would have come before this one's receipt
  assert.equal(stomp.in(HERE).length, 5);
});

test('100 subscriptions on one socket', async (t) => {
  const { john, open } = await party(t);
  const stomp = await open(john);
  const topics = Array.from({ length: 100 }, (_, i) => `/topic/rooms/${i}`);
  await Promise.all(topics.map((destination, i) => stomp.subscribe(destination, { id: `of ${i}` })));
  await Promise.all(topics.map((destination, i) => stomp.send(destination, i)));
  await stomp.until('all of them', () => stomp.messages.length === 100);
  for (const { headers, body } of stomp.messages) {
    assert.equal(headers.destination, topics[body]);
    assert.equal(headers.subscription, `of ${body}`);
  }
});

test('T49: what a role may hear, and no longer may', async (t) => {
  const { api, admin, john, open } = await party(t);
  const root = await api.member('superadmin');
  await refused((await open(john)).subscribe('/topic/admin/ops'), 'forbidden');
  await refused((await open(john)).send('/topic/public/news', 1), 'forbidden');
  for (const destination of ['/topic/nothing', '/topic/../x', '/queue/x', 'x', '/topic/']) await assert.rejects((await open(john)).subscribe(destination), StompError, destination);

  await root.expect(200, 'PUT', `/api/v1/admin/users/${john.id}/role`, { body: { role: 'admin' } });
  const [stomp, polled] = [await open(john), await open(john, { transport: 'xhr-polling' })];
  const [ours] = [await open(admin)];
  for (const reader of [stomp, polled]) {
    await reader.subscribe('/user/queue/subscription');
    await reader.subscribe('/topic/admin/ops');
    await reader.subscribe(HERE);
  }
  await ours.send('/topic/admin/ops', 'before');
  for (const reader of [stomp, polled]) await reader.said('/topic/admin/ops', 'before');
  await root.expect(200, 'PUT', `/api/v1/admin/users/${john.id}/role`, { body: { role: 'user' } });
  await ours.send('/topic/admin/ops', 'after');
  await ours.send(HERE, 'still here');
  for (const reader of [stomp, polled]) {
    await reader.said(HERE, 'still here');
    assert.deepEqual(reader.bodies('/topic/admin/ops'), ['before']);
    const [told] = reader.bodies('/user/queue/subscription');
    assert.equal(told.type, 'connection_status');
    assert.match(told.message, /admin\/ops/);
  }
});

test('T29: a logout ends it, with the reason last', async (t) => {
  const { admin, john, open } = await party(t);
  const other = await open(admin);
  await other.subscribe(HERE);
  const readers = [await open(john)];
  for (const transport of TRANSPORTS) readers.push(await open(john, { transport }));
  for (const reader of readers) await reader.subscribe(HERE);
  await john.expect(204, 'POST', '/api/v1/auth/logout');
  for (const reader of readers) {
    assert.deepEqual(await reader.closed(), { code: 1008, reason: 'logged_out' });
    assert.equal((await reader.error()).headers.code, 'logged_out');
  }
  await other.send(HERE, 'still here');
  await other.said(HERE, 'still here');
});

test('R2: a server that ends says so, to each in its words', async (t) => {
  const { server, john, open } = await party(t, { settings: { 'server.drain_spread_ms': 0 } });
  const readers = [await open(john)];
  for (const transport of TRANSPORTS) readers.push(await open(john, { transport }));
  for (const reader of readers) await reader.subscribe(HERE);
  const { code } = await server.stop();
  assert.equal(code, 0);
  for (const [i, reader] of readers.entries()) {
    assert.equal((await reader.error()).headers.code, 'draining');
    const end = await reader.closed();
    // Who polls has had the answer to its poll; whether it can ask once more is a matter of time.
    if (TRANSPORTS[i - 1] !== 'xhr-polling') assert.deepEqual(end, { code: 1001, reason: 'draining' });
  }
});

test('a login by password ends with its connection', async (t) => {
  const { server, john } = await party(t);
  const logins = async () => (await john.expect(200, 'GET', '/api/v1/auth/sessions')).length;
  const before = await logins();
  const stomp = await Stomp.open(server, { headers: { login: john.email, passcode: john.password } });
  assert.equal(await logins(), before + 1);
  await stomp.disconnect();
  await eventually(5_000, 'its end', async () => (await logins()) === before);
});

test('what is for the user alone, what is for all, and what was asked for only', async (t) => {
  const { admin, john, open } = await party(t);
  const stomp = await open(john);
  await stomp.subscribe('/topic/system');
  const say = (body) => admin.expect(200, 'POST', '/ws/broadcast', { body });
  await say({ message: 'to all' });
  await stomp.until('the alert', () => stomp.in('/topic/system').length === 1);
  assert.match(stomp.in('/topic/system')[0].body, /to all/);
  await stomp.subscribe('/user/queue/messages');
  await say({ message: 'to him', to: { user_id: john.id } });
  await say({ message: 'the last' });
  await stomp.until('the alerts', () => stomp.in('/topic/system').length === 2 && stomp.in('/user/queue/messages').length >= 1);
  const mine = stomp.in('/user/queue/messages');
  assert.deepEqual(mine.map(({ headers, body }) => [headers['corohub-type'], JSON.parse(body).message]), [['system.alert', 'to him']]);
});

test('presence and typing only who asks for them, by types', async (t) => {
  const { john, jane, open } = await party(t);
  const [all, plain] = [await open(john), await open(john)];
  await all.subscribe(HERE, { types: '*' });
  await plain.subscribe(HERE);
  const native = await jane.connect();
  await native.ask('subscribe', { topic: ROOM });
  await all.next('MESSAGE', ({ headers, body }) => headers['corohub-type'] === 'presence.joined' && body.includes('Jane'));
  await native.ask('publish', { topic: ROOM, data: 'hello' });
  await plain.said(HERE, 'hello');
  assert.equal(plain.messages.length, 1);
  const [volatile_] = all.messages;
  assert.match(volatile_.headers['message-id'], /^-:\d+$/);
});

test('heart-beats: who is silent is gone, on either side', async (t) => {
  const { server, john, open } = await party(t);
  const both = await open(john, { heartbeat: [1000, 1000], discardWebsocketOnCommFailure: true });
  const [his, ours] = both.connected['heart-beat'].split(',').map(Number);
  assert.ok(his > 0 && ours > 0, both.connected['heart-beat']);
  const sockjs = await open(john, { heartbeat: [1000, 1000], transport: 'xhr-streaming', discardWebsocketOnCommFailure: true });
  const silent = await RawStomp.connect(server, john.token, { headers: { 'heart-beat': '1000,0' } });
  const quiet = await RawStomp.connect(server, john.token, { headers: { 'heart-beat': '0,1000' } });
  const end = await silent.closed(); // it promised one a second
  assert.ok(end.code >= 1001, JSON.stringify(end));
  await eventually(5_000, 'two heart-beats', () => quiet.heartbeats >= 2);
  assert.equal(quiet.closedWith, undefined); // promised none, and got some
  await both.send(HERE, 'alive');
  await sockjs.send(HERE, 'alive');

  server.process.signal('SIGSTOP'); // lost: neither closed nor heard of
  t.after(() => server.process.signal('SIGCONT'));
  await Promise.all([both.closed(), sockjs.closed()]);
});

test('R1: a client that resumes misses nothing across kill -9', { timeout: 60_000 + ROUNDS * 20_000 }, async (t) => {
  const { server, john } = await party(t, { settings: { 'auth.access_ttl_s': 3600 } });
  server.launchArgs[server.launchArgs.indexOf('127.0.0.1:0')] = server.host; // where the clients look for it again
  const native = await john.connect();
  const begin = `${native.welcome.data.epoch}:${native.welcome.data.seq}`;
  // What a page would do: subscribe again from the last message it had. sockjs-client does not always see that a stream
  // broke off in the middle; heart-beats do.
  const resuming = (transport) => {
    const reader = new Stomp(server, { token: john.token, transport, reconnect: 50, heartbeat: [1000, 1000], discardWebsocketOnCommFailure: true, onConnect: () => subscribe() });
    t.after(() => reader.client.deactivate({ force: true }));
    reader.rounds = 0;
    const subscribe = () => {
      const since = reader.in(HERE).at(-1)?.headers['message-id'] ?? begin;
      reader.client.watchForReceipt(`round ${reader.rounds}`, ({ headers }) => {
        reader.take({ command: 'RECEIPT', headers });
        ++reader.rounds;
        reader.look();
      });
      reader.client.subscribe(HERE, (message) => reader.take(reader.received(message)), { since, receipt: `round ${reader.rounds}` });
    };
    return reader;
  };
  const readers = [undefined, 'websocket', 'xhr-streaming'].map(resuming);
  const everywhere = (round) => Promise.all(readers.map((reader, i) => reader.until(`round ${round} of reader ${i}`, () => reader.rounds > round, 30_000)));
  await everywhere(0);
  for (let round = 0; round < ROUNDS; ++round) {
    const writer = await RawStomp.connect(server, john.token);
    let n = 0;
    const writing = (async () => { for (;; ++n) await writer.publish(HERE, `${round}.${n}`); })().catch(() => {});
    await eventually(20_000, 'some writes', () => n > 30);
    await server.crash();
    await writing;
    await server.launch();
    await everywhere(round + 1);
  }
  const last = await RawStomp.connect(server, john.token);
  await last.publish(HERE, 'end');
  const expected = [];
  for (let since = begin, more = true; more;) {
    const page = (await john.request('GET', `/api/v1/topics/${ROOM}/history?limit=300&since=${since}`)).json;
    expected.push(...page.data);
    ({ next: since, more } = page.meta);
  }
  for (const reader of readers) {
    await reader.said(HERE, 'end');
    assert.deepEqual(reader.in(HERE).map(eventOf), expected);
    const receipts = reader.frames.filter(({ command }) => command === 'RECEIPT');
    assert.ok(receipts.every(({ headers }) => headers['corohub-recovered'] === 'true' && /^\d+$/.test(headers['corohub-seq'])));
  }
});

test('where the log can not reach, a gap is told', async (t) => {
  const { john, open } = await party(t, { topics: [{ pattern: 'rooms/*', publish: 'user', history_count: 3 }] });
  const stomp = await open(john);
  const native = await john.connect();
  const { epoch, seq } = native.welcome.data;
  for (let n = 1; n <= 10; ++n) await stomp.send(HERE, n);
  const { receipt } = await stomp.subscribe(HERE, { since: `${epoch}:${seq}` });
  assert.equal(receipt['corohub-recovered'], 'false');
  await stomp.said(HERE, 10);
  const [gap, ...rest] = stomp.in(HERE);
  assert.equal(gap.body, '');
  assert.match(gap.headers['corohub-gap'], new RegExp(`^${seq}-\\d+ expired$`));
  assert.deepEqual(rest.map(({ body }) => JSON.parse(body)), [8, 9, 10]);
  assert.equal(gap.headers['message-id'], `${epoch}:${Number(rest[0].headers['corohub-seq']) - 1}`);
  const { receipt: plain } = await stomp.subscribe(HERE);
  assert.equal(plain['corohub-recovered'], undefined);
  await refused(stomp.subscribe(HERE, { since: 'nonsense' }), 'invalid_since');
});

test('bodies of 3 MiB, where they are allowed', async (t) => {
  const { server, john, open } = await party(t, {
    settings: { 'stomp.max_message_bytes': 3_407_872, 'events.max_bytes': 3_407_872, 'ws.outbox_max_bytes': 16 * MIB },
    topics: [
      { pattern: 'rooms/*', publish: 'user', history_count: 10, max_bytes: 3_407_872 },
      { pattern: 'small/*', publish: 'user', max_bytes: 1024 },
    ],
  });
  const readers = [await open(john), await open(john, { splitLargeFrames: true })];
  const text = JSON.stringify('0123456789abcdef'.repeat((3 * MIB) / 16).slice(2));
  assert.equal(text.length, 3 * MIB);
  for (const reader of readers) await reader.subscribe(HERE);
  for (const [i, reader] of readers.entries()) {
    await reader.say(HERE, text, { 'content-type': 'application/json', type: `big.${i}` });
    for (const each of readers) {
      const message = await each.next('MESSAGE', ({ headers }) => headers['corohub-type'] === `big.${i}`, 30_000);
      assert.equal(message.body, text);
    }
  }
  await refused(readers[0].send('/topic/small/one', 'x'.repeat(2000)), 'payload_too_large');
  const bystander = readers[1];
  const raw = await RawStomp.connect(server, john.token);
  raw.send(frame('SEND', { destination: HERE }, 'x'.repeat(3_500_000)));
  assert.equal((await raw.error()).headers.code, 'payload_too_large');
  assert.deepEqual(await raw.closed(), { code: 1009, reason: 'message_too_big' });
  await bystander.send(HERE, 'unmoved');
  await bystander.said(HERE, 'unmoved');
});

test('DISCONNECT is answered, then it ends', async (t) => {
  const { server, john } = await party(t);
  const raw = await RawStomp.connect(server, john.token);
  raw.send(frame('SEND', { destination: HERE, 'content-type': 'application/json' }, '"the last word"'));
  raw.send(frame('DISCONNECT', { receipt: 'bye' }));
  assert.equal((await raw.next('RECEIPT')).headers['receipt-id'], 'bye');
  assert.equal((await raw.closed()).code, 1000);
  assert.deepEqual((await log(john, ROOM)).map(({ data }) => data), ['the last word']);
});

test('a second opinion: webstomp-client, and stompit on a stream of frames cut anywhere', async (t) => {
  const { server, john } = await party(t);
  const old = webstomp.over(new WebSocket(`ws://${server.host}/ws`, ['v12.stomp', 'v11.stomp', 'v10.stomp']), { debug: false, heartbeat: false });
  await within(10_000, 'CONNECTED', new Promise((done, fail) => { old.connect('token', john.token, done, fail); }));
  const heard = [];
  let look = () => {};
  const subscribed = new Promise((done) => { old.onreceipt = done; });
  old.subscribe(HERE, (message) => { heard.push(JSON.parse(message.body)); look(); }, { receipt: 'r' });
  await within(10_000, 'the receipt', subscribed);
  old.send(HERE, JSON.stringify('from webstomp'));

  const socket = new WebSocket(`ws://${server.host}/messenger/websocket`, []);
  await new Promise((done, fail) => socket.on('open', done).on('error', fail));
  const client = await within(10_000, 'stompit', new Promise((done, fail) => {
    stompit.connect({ connect: (options, connected) => { const stream = createWebSocketStream(socket); setImmediate(connected); return stream; }, connectHeaders: { host: 'corohub', login: 'token', passcode: john.token } }, (error, connection) => (error ? fail(error) : done(connection)));
  }));
  client.on('error', () => {}); // the server ends before it
  const sending = client.send({ destination: HERE, 'content-type': 'application/json', receipt: 'x' }, { onReceipt: () => {} });
  for (const part of ['"from ', 'stom', 'pit"']) sending.write(part);
  sending.end();
  await within(10_000, () => `both; came ${heard}`, new Promise((done) => { look = () => heard.length >= 2 && done(); look(); }));
  assert.deepEqual(heard.sort(), ['from stompit', 'from webstomp']);
  old.disconnect();
});
