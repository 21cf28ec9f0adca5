// Topics as other people's programs see them: publish, history, and what is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Api, barrier, Feed } from './api.mjs';
import { judge } from './asyncapi.mjs';
import { Server } from './server.mjs';

const ROOM = 'rooms/one';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

// A server, an admin and two users, each with a connection.
async function party(t, options = {}) {
  const server = await Server.start(t, options);
  const api = new Api(server);
  const [admin, john, jane] = [await api.member('admin'), await api.register({ name: 'John' }), await api.register({ name: 'Jane' })];
  const feeds = {};
  for (const [name, account] of Object.entries({ admin, john, jane })) feeds[name] = await account.connect();
  return { server, api, admin, john, jane, feeds };
}

const refused = (promise, code) => assert.rejects(promise, (error) => {
  assert.equal(error.code, code, error.message);
  return true;
});

// Everything that is an answer of a kind has the shape of that kind.
function checkAnswers(feed, id, name) {
  const at = feed.messages.findIndex((message) => message.id === id);
  assert.deepEqual(judge(feed.texts[at], [name]).complaints, []);
}

test('what is published can be read as it was given', async (t) => {
  const { feeds: { john, jane } } = await party(t);
  const texts = ['null', '0', '-0.0', '1e2', '12345678901234567890123', '"\\u00e9\\/"', '[]', '[1,{"a":[]}]', '{"b":1,"a":2}', 'true', '"<script>"'];
  const said = [];
  for (const [i, text] of texts.entries()) {
    john.send(`{"type":"publish","id":${i},"data":{"topic":"${ROOM}","data":${text}}}`);
    said.push(await john.answer(i, text));
    checkAnswers(john, i, 'publish.reply');
    assert.match(said.at(-1).timestamp, TIME);
  }
  const { events } = await jane.ask('history', { topic: ROOM });
  assert.deepEqual(events.map(({ type, timestamp, seq, topic }) => ({ type, timestamp, seq, topic })), said.map((each) => ({ type: 'message', ...each })));
  const answer = jane.texts.find((text) => text.startsWith('{"type":"reply"'));
  assert.deepEqual([...answer.matchAll(/\{"type":"message","data":(.*?),"timestamp":/g)].map(([, text]) => text), texts);
});

test('names and types: what is none, what is nobody\'s, what is the server\'s', async (t) => {
  const { admin, feeds: { john, jane } } = await party(t);
  const bad = ['', '/', 'rooms/', '/rooms', 'rooms//one', 'rooms/.', 'rooms/..', 'rooms/a b', 'rooms/é', 'rooms/*', 'rooms/**', `rooms/${'x'.repeat(250)}`, 'rooms/a\u0000', 'rooms/a?b'];
  for (const topic of bad) {
    for (const type of ['publish', 'history']) await refused(john.ask(type, { topic, data: 1 }), 'invalid_topic');
  }
  for (const topic of ['nothing', 'rooms', 'rooms/one/two', 'admin', 'flags', 'flags/a', 'system', 'user/1', 'platform/x', 'feature/x', 'package/x', 'proxy_config_events', 'admin/ops']) {
    for (const type of ['publish', 'history']) await refused(john.ask(type, { topic, data: 1 }), 'forbidden');
  }
  const reserved = ['connection.established', 'connection.x', 'user.created', 'profile.x', 'password.changed', 'system.alert', 'health.x', 'auth.expiring',
    'presence.joined', 'typing', 'stream.gap', 'subscription.revoked', 'server.x', 'flag.x', 'reply', 'error'];
  for (const type of reserved) await refused(john.ask('publish', { topic: ROOM, type, data: 1 }), 'reserved_type');
  for (const type of ['', 'a b', 'x'.repeat(65), 7, 'é']) await refused(john.ask('publish', { topic: ROOM, type, data: 1 }), 'invalid_message');
  for (const type of ['m', 'typing.x', 'users', 'A.b_c:d-9', 'x'.repeat(64)]) await john.ask('publish', { topic: ROOM, type, data: 1 });
  await barrier(admin, john, jane); // the connection lives on
  assert.equal((await jane.ask('history', { topic: ROOM })).events.length, 5);
});

test('who may what is the rule\'s', async (t) => {
  const { feeds: { admin, john } } = await party(t);
  await refused(john.ask('publish', { topic: 'public/news', data: 1 }), 'forbidden');
  const said = await admin.ask('publish', { topic: 'public/news', data: { text: 'hello' } });
  assert.equal(said.seq, undefined); // nothing is kept of it
  assert.deepEqual((await john.ask('history', { topic: 'public/news' })).events, []);
  await admin.ask('publish', { topic: 'admin/ops/deep', data: 1 });
  await refused(john.ask('history', { topic: 'admin/ops/deep' }), 'forbidden');
});

test('T54b: messages of every wrong kind get an error each, and the connection lives on', async (t) => {
  const { admin, feeds: { john } } = await party(t, { settings: { 'limits.exempt_cidrs': ['127.0.0.0/8'] } });
  const rows = [
    ['', null, 'invalid_message'],
    ['hello', null, 'invalid_message'],
    ['[]', null, 'invalid_message'],
    ['7', null, 'invalid_message'],
    ['null', null, 'invalid_message'],
    ['{}', null, 'invalid_message'],
    ['{"type":"ping"', null, 'invalid_message'],
    ['{"type":"ping","type":"ping","id":1}', null, 'invalid_message'],
    ['{"type":7,"id":"a"}', 'a', 'invalid_message'],
    ['{"type":"dance","id":"b"}', 'b', 'unknown_type'],
    ['{"type":"subscribe.x","id":"c"}', 'c', 'unknown_type'],
    ['{"type":"ping","id":""}', null, 'invalid_message'],
    ['{"type":"ping","id":1.5}', null, 'invalid_message'],
    ['{"type":"ping","id":null}', null, 'invalid_message'],
    ['{"type":"ping","id":{}}', null, 'invalid_message'],
    [`{"type":"ping","id":"${'x'.repeat(65)}"}`, null, 'invalid_message'],
    ['{"type":"publish","id":8,"data":{"topic":"rooms/one"}}', 8, 'invalid_message'],
    ['{"type":"publish","id":9,"data":{"data":1}}', 9, 'invalid_message'],
    ['{"type":"publish","id":10,"data":{"topic":"rooms/one","data":1,"idempotency_key":7}}', 10, 'invalid_message'],
    ['{"type":"publish","id":11,"data":{"topic":"rooms/one","data":1,"idempotency_key":""}}', 11, 'invalid_message'],
    ['{"type":"history","id":12,"data":{"topic":"rooms/one","limit":0}}', 12, 'invalid_message'],
    ['{"type":"history","id":13,"data":{"topic":"rooms/one","limit":301}}', 13, 'invalid_message'],
    ['{"type":"history","id":14,"data":{"topic":"rooms/one","limit":"7"}}', 14, 'invalid_message'],
    ['{"type":"history","id":15,"data":{"topic":"rooms/one","since":"a:b:1"}}', 15, 'invalid_since'],
    ['{"type":"auth.refresh","id":20,"data":{"token":"eyJ"}}', 20, 'invalid_token'],
    ['{"type":"auth.refresh","id":21}', 21, 'invalid_message'],
    [`{"type":"publish","id":22,"data":{"topic":"rooms/one","data":${'['.repeat(40)}${']'.repeat(40)}}}`, null, 'invalid_message'],
    ['{"type":"connection.established","id":23,"data":{}}', 23, 'unknown_type'],
    ['{"type":"reply","id":24,"ok":true,"data":{}}', 24, 'unknown_type'],
  ];
  const got = (n) => john.messages.filter(({ type }) => type === 'error' || type === 'reply').slice(0, n);
  for (const [text, id, codes] of rows) {
    const before = got().length;
    john.send(text);
    john.send('{"type":"ping","id":"after"}');
    while (got().length < before + 2) await john.next('reply', () => got().length >= before + 2);
    const answer = got().slice(before).find((each) => each.type === 'error');
    assert.ok(answer, `${text} was not refused`);
    assert.equal(answer.id, id, text);
    assert.ok([].concat(codes).includes(answer.data.code), `${text}: ${answer.data.code}: ${answer.data.message}`);
  }
  await barrier(admin, john);
});

test('history: what was said before, page by page', async (t) => {
  const { feeds: { john, jane } } = await party(t);
  const seqs = [];
  for (let i = 0; i < 7; ++i) seqs.push((await john.ask('publish', { topic: ROOM, data: i })).seq);
  const { epoch } = john.welcome.data;
  const all = await jane.ask('history', { topic: ROOM });
  checkAnswers(jane, 'history 1', 'history.reply');
  assert.deepEqual(all.events.map(({ data, seq, topic }) => [data, seq, topic]), seqs.map((seq, i) => [i, seq, ROOM]));
  assert.equal(all.more, false);
  const first = await jane.ask('history', { topic: ROOM, since: `${epoch}:${seqs[1]}`, limit: 2 });
  assert.deepEqual(first.events.map(({ data }) => data), [2, 3]);
  assert.equal(first.more, true);
  const rest = await jane.ask('history', { topic: ROOM, since: first.next });
  assert.deepEqual(rest.events.map(({ data }) => data), [4, 5, 6]);
  assert.equal(rest.more, false);
  const empty = await jane.ask('history', { topic: 'rooms/empty' });
  assert.deepEqual(empty.events, []);
});

test('an idempotency key: one event, whatever is repeated, also across a restart', async (t) => {
  const { server, john, feeds } = await party(t, { settings: { 'auth.access_ttl_s': 3600 } });
  const once = { topic: ROOM, data: { n: 1 }, idempotency_key: 'k1' };
  const first = await feeds.john.ask('publish', once);
  assert.deepEqual(await feeds.john.ask('publish', once), first);
  await refused(feeds.john.ask('publish', { ...once, data: { n: 2 } }), 'idempotency_mismatch');
  assert.notEqual((await feeds.admin.ask('publish', once)).seq, first.seq); // another user's key
  assert.notEqual((await feeds.john.ask('publish', { ...once, topic: 'rooms/two' })).seq, first.seq);
  assert.equal((await feeds.jane.ask('history', { topic: ROOM })).events.length, 2);
  await server.crash();
  await server.launch();
  const again = await Feed.open(server, { token: john.token });
  assert.deepEqual(await again.ask('publish', once), first);
});

test('T25: a fresh token, only of the same user and login', async (t) => {
  const { admin, john, jane, feeds } = await party(t);
  await john.refresh();
  const { token_expires_at: until } = await feeds.john.ask('auth.refresh', { token: john.token });
  assert.match(until, TIME);
  await refused(feeds.john.ask('auth.refresh', { token: jane.token }), 'invalid_token');
  const elsewhere = await john.again();
  await refused(feeds.john.ask('auth.refresh', { token: elsewhere.token }), 'invalid_token');
  await barrier(admin, feeds.john);
});
