// Topics as other people's programs see them: subscribe, publish, history, presence, typing, and what is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Api, barrier, Feed } from './api.mjs';
import { judge } from './asyncapi.mjs';
import { record } from './recording.mjs';
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

const inTopic = (feed, topic = ROOM) => feed.messages.filter((message) => message.topic === topic);
const payloads = (feed, topic = ROOM) => inTopic(feed, topic).filter(({ type }) => !/^(presence\.|typing$)/.test(type)).map(({ data }) => data);

// Everything that is an answer of a kind has the shape of that kind.
function checkAnswers(feed, id, name) {
  const at = feed.messages.findIndex((message) => message.id === id);
  assert.deepEqual(judge(feed.texts[at], [name]).complaints, []);
}

test('who is subscribed gets what is published, once, and nobody else does', async (t) => {
  const { admin, john, jane, feeds } = await party(t);
  const { epoch, seq: head } = feeds.john.welcome.data;
  const subscribed = await feeds.john.ask('subscribe', { topic: ROOM });
  assert.deepEqual(Object.keys(subscribed).sort(), ['epoch', 'recovered', 'seq', 'topic']);
  assert.equal(subscribed.topic, ROOM);
  assert.equal(subscribed.epoch, epoch);
  assert.ok(subscribed.seq >= head);
  checkAnswers(feeds.john, 'subscribe 1', 'subscribe.reply');

  const said = await feeds.john.ask('publish', { topic: ROOM, data: { text: 'mine' } });
  assert.equal(said.topic, ROOM);
  assert.ok(said.seq > head);
  assert.match(said.timestamp, TIME);
  checkAnswers(feeds.john, 'publish 2', 'publish.reply');
  const other = await feeds.jane.ask('publish', { topic: ROOM, type: 'note', data: { text: 'hers' } });
  assert.ok(other.seq > said.seq);
  await barrier(admin, feeds.john, feeds.jane, feeds.admin);

  const [mine, hers] = inTopic(feeds.john).filter(({ type }) => !type.startsWith('presence.'));
  assert.deepEqual(mine, { type: 'message', data: { text: 'mine' }, timestamp: said.timestamp, seq: said.seq, topic: ROOM });
  assert.deepEqual(hers, { type: 'note', data: { text: 'hers' }, timestamp: other.timestamp, seq: other.seq, topic: ROOM });
  assert.equal(payloads(feeds.john).length, 2);
  assert.deepEqual(payloads(feeds.jane), []); // whoever publishes need not be subscribed
  assert.deepEqual(payloads(feeds.admin), []);

  assert.equal((await feeds.john.ask('unsubscribe', { topic: ROOM })).topic, ROOM);
  await feeds.jane.ask('publish', { topic: ROOM, data: 1 });
  await barrier(admin, feeds.john);
  assert.equal(payloads(feeds.john).length, 2);
  await refused(feeds.john.ask('unsubscribe', { topic: ROOM }), 'not_subscribed');
  assert.ok(john.id !== jane.id);
});

test('what is published arrives as it was given', async (t) => {
  const { admin, feeds: { john } } = await party(t);
  await john.ask('subscribe', { topic: ROOM });
  const texts = ['null', '0', '-0.0', '1e2', '12345678901234567890123', '"\\u00e9\\/"', '[]', '[1,{"a":[]}]', '{"b":1,"a":2}', 'true', '"<script>"'];
  for (const [i, text] of texts.entries()) {
    john.send(`{"type":"publish","id":${i},"data":{"topic":"${ROOM}","data":${text}}}`);
    await john.answer(i, text);
  }
  await barrier(admin, john);
  const events = john.texts.filter((text) => text.startsWith('{"type":"message"'));
  assert.deepEqual(events.map((text) => text.match(/^\{"type":"message","data":(.*),"timestamp":/)[1]), texts);
});

test('subscribing again is no second subscription', async (t) => {
  const { admin, feeds: { john, jane } } = await party(t);
  for (let i = 0; i < 3; ++i) await john.ask('subscribe', { topic: ROOM });
  await jane.ask('publish', { topic: ROOM, data: 'once' });
  await barrier(admin, john);
  assert.deepEqual(payloads(john), ['once']);
});

test('names and types: what is none, what is nobody\'s, what is the server\'s', async (t) => {
  const { admin, feeds: { john, jane } } = await party(t);
  const bad = ['', '/', 'rooms/', '/rooms', 'rooms//one', 'rooms/.', 'rooms/..', 'rooms/a b', 'rooms/é', 'rooms/*', 'rooms/**', `rooms/${'x'.repeat(250)}`, 'rooms/a\u0000', 'rooms/a?b'];
  for (const topic of bad) {
    for (const type of ['subscribe', 'publish', 'history', 'presence', 'unsubscribe', 'typing']) {
      const data = { topic, ...(type === 'publish' ? { data: 1 } : {}), ...(type === 'typing' ? { typing: true } : {}) };
      await refused(john.ask(type, data), 'invalid_topic');
    }
  }
  for (const topic of ['nothing', 'rooms', 'rooms/one/two', 'admin', 'flags/a', 'system', 'user/1', 'platform/x', 'feature/x', 'package/x', 'platform', 'feature', 'package', 'proxy_config_events', 'admin/ops']) {
    for (const type of ['subscribe', 'publish', 'history', 'presence']) {
      await refused(john.ask(type, { topic, ...(type === 'publish' ? { data: 1 } : {}) }), 'forbidden');
    }
  }
  const reserved = ['connection.established', 'connection.x', 'user.created', 'profile.x', 'password.changed', 'system.alert', 'health.x', 'auth.expiring',
    'presence.joined', 'typing', 'stream.gap', 'subscription.revoked', 'server.x', 'flag.x', 'reply', 'error'];
  for (const type of reserved) await refused(john.ask('publish', { topic: ROOM, type, data: 1 }), 'reserved_type');
  for (const type of ['', 'a b', 'x'.repeat(65), 7, 'é']) await refused(john.ask('publish', { topic: ROOM, type, data: 1 }), 'invalid_message');
  await jane.ask('subscribe', { topic: ROOM });
  for (const type of ['m', 'typing.x', 'users', 'A.b_c:d-9', 'x'.repeat(64)]) await john.ask('publish', { topic: ROOM, type, data: 1 });
  await barrier(admin, john, jane); // the connection lives on
  assert.equal(payloads(jane).length, 5);
});

test('who may what is the rule\'s', async (t) => {
  const { admin, feeds: { admin: root, john } } = await party(t);
  await john.ask('subscribe', { topic: 'public/news' });
  await refused(john.ask('publish', { topic: 'public/news', data: 1 }), 'forbidden');
  const said = await root.ask('publish', { topic: 'public/news', data: { text: 'hello' } });
  assert.equal(said.seq, undefined); // nothing is kept of it
  const event = await john.next('message', ({ topic }) => topic === 'public/news');
  assert.deepEqual(event.data, { text: 'hello' });
  assert.equal(event.seq, undefined);
  assert.equal(event.timestamp, said.timestamp);
  await root.ask('subscribe', { topic: 'admin/ops/deep' });
  await root.ask('publish', { topic: 'admin/ops/deep', data: 1 });
  await refused(john.ask('subscribe', { topic: 'admin/ops/deep' }), 'forbidden');
  await barrier(admin, root, john);
  assert.equal(payloads(root, 'admin/ops/deep').length, 1);
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
    ['{"type":"subscribe","id":1}', 1, 'invalid_message'],
    ['{"type":"subscribe","id":2,"data":[]}', 2, 'invalid_message'],
    ['{"type":"subscribe","id":3,"data":{}}', 3, 'invalid_message'],
    ['{"type":"subscribe","id":4,"data":{"topic":7}}', 4, ['invalid_message', 'invalid_topic']],
    ['{"type":"subscribe","id":5,"data":{"topic":"rooms/one","since":"x"}}', 5, 'invalid_since'],
    ['{"type":"subscribe","id":6,"data":{"topic":"rooms/one","since":-1}}', 6, ['invalid_since', 'invalid_message']],
    ['{"type":"subscribe","id":7,"data":{"topic":"rooms/one","since":"18446744073709551616"}}', 7, 'invalid_since'],
    ['{"type":"publish","id":8,"data":{"topic":"rooms/one"}}', 8, 'invalid_message'],
    ['{"type":"publish","id":9,"data":{"data":1}}', 9, 'invalid_message'],
    ['{"type":"publish","id":10,"data":{"topic":"rooms/one","data":1,"idempotency_key":7}}', 10, 'invalid_message'],
    ['{"type":"publish","id":11,"data":{"topic":"rooms/one","data":1,"idempotency_key":""}}', 11, 'invalid_message'],
    ['{"type":"history","id":12,"data":{"topic":"rooms/one","limit":0}}', 12, 'invalid_message'],
    ['{"type":"history","id":13,"data":{"topic":"rooms/one","limit":301}}', 13, 'invalid_message'],
    ['{"type":"history","id":14,"data":{"topic":"rooms/one","limit":"7"}}', 14, 'invalid_message'],
    ['{"type":"history","id":15,"data":{"topic":"rooms/one","since":"a:b:1"}}', 15, 'invalid_since'],
    ['{"type":"typing","id":16,"data":{"topic":"rooms/one","typing":true}}', 16, 'not_subscribed'],
    ['{"type":"typing","id":17,"data":{"topic":"rooms/one","typing":"yes"}}', 17, 'invalid_message'],
    ['{"type":"typing","id":18,"data":{"topic":"rooms/one"}}', 18, 'invalid_message'],
    ['{"type":"unsubscribe","id":19,"data":{"topic":"rooms/one"}}', 19, 'not_subscribed'],
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

test('subscribe with since: what was missed, then what comes, once each', async (t) => {
  const { admin, feeds: { john, jane } } = await party(t);
  const { seq } = await john.ask('publish', { topic: ROOM, data: 'known' });
  for (const data of ['missed 1', 'missed 2']) await john.ask('publish', { topic: ROOM, data });
  const { epoch } = jane.welcome.data;
  const reply = await jane.ask('subscribe', { topic: ROOM, since: `${epoch}:${seq}` });
  assert.equal(reply.recovered, true);
  await john.ask('publish', { topic: ROOM, data: 'live' });
  await barrier(admin, jane);
  await jane.next('message', ({ data }) => data === 'live');
  assert.deepEqual(payloads(jane), ['missed 1', 'missed 2', 'live']);

  const late = await jane.ask('subscribe', { topic: 'rooms/two', since: 'other:1' });
  assert.equal(late.recovered, false);
  const gap = await jane.next('stream.gap');
  assert.equal(gap.data.reason, 'foreign_epoch');
});

// The first events behind the welcome of an event stream.
async function streamed(server, account, query, count) {
  const response = await fetch(`${server.url}/api/v1/events/stream?${query}`, { headers: { Authorization: `Bearer ${account.token}` } });
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of response.body) {
    text += decoder.decode(bytes, { stream: true });
    const events = [...text.matchAll(/^data: (.*)\n\n/gm)].map(([, data]) => data);
    if (events.length <= count) continue;
    events.forEach(record);
    return events.slice(1, count + 1).map((data) => JSON.parse(data)); // leaving the loop ends the stream
  }
  throw new Error(`the stream ended: ${text}`);
}

test('resume with topics named at connect, on all transports', async (t) => {
  const { server, admin, john, jane, feeds } = await party(t);
  await feeds.john.ask('subscribe', { topic: ROOM });
  const { seq } = await feeds.jane.ask('publish', { topic: ROOM, data: 'known' });
  const { epoch } = feeds.john.welcome.data;
  await feeds.john.next('message');
  feeds.john.socket.terminate();
  await feeds.jane.ask('publish', { topic: ROOM, data: 'missed' });
  await admin.expect(200, 'POST', '/ws/broadcast', { body: { message: 'missed too' } });
  const back = await Feed.open(server, { query: { token: john.token, topic: ROOM, since: `${epoch}:${seq}` } });
  assert.equal(back.welcome.data.recovered, true);
  await feeds.jane.ask('publish', { topic: ROOM, data: 'live' });
  await back.next('message', ({ data }) => data === 'live');
  const durable = back.messages.filter((message) => message.seq !== undefined && message.type !== 'connection.established');
  assert.deepEqual(durable.map(({ data }) => data.message || data), ['missed', 'missed too', 'live']);

  const query = `since=${epoch}:${seq}&topic=${encodeURIComponent(ROOM)}`;
  assert.deepEqual(await streamed(server, john, query, durable.length), durable);
  const page = await john.request('GET', `/api/v1/events?${query}`);
  assert.deepEqual(page.json.data, durable);
  const poll = await john.request('GET', `/api/v1/events/poll?${query}&timeout=0`);
  assert.deepEqual(poll.json.data, durable);
  const without = await john.request('GET', `/api/v1/events?since=${epoch}:${seq}`);
  assert.deepEqual(without.json.data.map(({ type }) => type), ['system.alert']);
  assert.equal((await john.request('GET', '/api/v1/events?topic=admin/ops')).status, 403);
  assert.equal((await jane.request('GET', '/api/v1/events?topic=a%20b')).status, 400);
});

test('an idempotency key: one event, whatever is repeated, also across a restart', async (t) => {
  const { server, admin, john, jane, feeds } = await party(t, { settings: { 'auth.access_ttl_s': 3600 } });
  await feeds.jane.ask('subscribe', { topic: ROOM });
  const once = { topic: ROOM, data: { n: 1 }, idempotency_key: 'k1' };
  const first = await feeds.john.ask('publish', once);
  assert.deepEqual(await feeds.john.ask('publish', once), first);
  await refused(feeds.john.ask('publish', { ...once, data: { n: 2 } }), 'idempotency_mismatch');
  assert.notEqual((await feeds.admin.ask('publish', once)).seq, first.seq); // another user's key
  assert.notEqual((await feeds.john.ask('publish', { ...once, topic: 'rooms/two' })).seq, first.seq);
  const rest = await john.request('POST', `/api/v1/topics/${ROOM}/events`, { body: { data: { n: 1 } }, headers: { 'Idempotency-Key': 'k1' } });
  assert.ok(rest.status < 300, rest.text);
  assert.equal(rest.json.data.seq, first.seq);
  await barrier(admin, feeds.jane);
  assert.equal(payloads(feeds.jane).length, 2);

  await server.crash();
  await server.launch();
  const again = await Feed.open(server, { token: john.token });
  assert.equal((await again.ask('publish', once)).seq, first.seq);
  assert.ok(jane.id);
});

test('a right that is lost takes the subscription with it, and a gained one works at once', async (t) => {
  const { api, admin, john, feeds } = await party(t);
  const root = await api.member('superadmin');
  await root.expect(200, 'PUT', `/api/v1/admin/users/${john.id}/role`, { body: { role: 'admin' } });
  await feeds.john.ask('subscribe', { topic: 'admin/ops' });
  await feeds.admin.ask('publish', { topic: 'admin/ops', data: 'before' });
  await feeds.john.next('message', ({ data }) => data === 'before');
  await root.expect(200, 'PUT', `/api/v1/admin/users/${john.id}/role`, { body: { role: 'user' } });
  await feeds.admin.ask('publish', { topic: 'admin/ops', data: 'after' });
  const revoked = await feeds.john.next('subscription.revoked');
  assert.deepEqual(revoked.data, { topic: 'admin/ops' });
  await barrier(admin, feeds.john);
  assert.deepEqual(payloads(feeds.john, 'admin/ops'), ['before']);
  await refused(feeds.john.ask('subscribe', { topic: 'admin/ops' }), 'forbidden');
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

test('T50: who is there: told to the others, once a user, with names and nothing else', async (t) => {
  const { server, admin, john, jane, feeds } = await party(t);
  const person = (account, name) => ({ user_id: account.id, name });
  await feeds.john.ask('subscribe', { topic: ROOM });
  await feeds.jane.ask('subscribe', { topic: ROOM });
  const joined = await feeds.john.next('presence.joined', ({ topic, data }) => topic === ROOM && data.users.some(({ user_id: id }) => id === jane.id));
  assert.deepEqual(joined.data, { users: [person(jane, 'Jane')], count: 2 });
  assert.equal(joined.seq, undefined);

  const there = await feeds.jane.ask('presence', { topic: ROOM });
  checkAnswers(feeds.jane, 'presence 2', 'presence.reply');
  assert.deepEqual(there, { users: [person(john, 'John'), person(jane, 'Jane')], count: 2 });
  const outside = await feeds.admin.ask('presence', { topic: ROOM }); // may subscribe, so may ask
  assert.deepEqual(outside, there);
  assert.deepEqual((await admin.request('GET', `/api/v1/topics/${ROOM}/presence`)).json.data, there);

  // Another tab is not another person, and a tab less is nobody less.
  const tab = await jane.connect();
  await tab.ask('subscribe', { topic: ROOM });
  assert.equal((await feeds.john.ask('presence', { topic: ROOM })).count, 2);
  await tab.close();
  // Whoever is back within five seconds was never away.
  feeds.jane.socket.terminate();
  const back = await Feed.open(server, { token: jane.token });
  await back.ask('subscribe', { topic: ROOM });
  await back.close();
  const left = await feeds.john.next('presence.left');
  assert.deepEqual(left.data, { users: [person(jane, 'Jane')], count: 1 });
  assert.equal(left.topic, ROOM);
  assert.equal(feeds.john.count('presence.joined'), 1);
  assert.equal(feeds.john.count('presence.left'), 1);
  const told = feeds.jane.messages.filter(({ type }) => type === 'presence.joined').flatMap(({ data }) => data.users);
  assert.ok(told.every(({ user_id: id }) => id !== jane.id), 'nobody is told of himself');

  for (const topic of ['admin/ops', 'nothing']) {
    assert.equal((await john.request('GET', `/api/v1/topics/${topic}/presence`)).status, 403);
    await refused(feeds.john.ask('presence', { topic }), 'forbidden');
  }
});

test('who is online: told to admins, asked by REST', async (t) => {
  const { server, api, admin, john, feeds } = await party(t);
  const joe = await api.register({ name: 'Joe' });
  const ids = (users) => admin.request('GET', `/api/v1/presence?users=${users}`);
  const feed = await Feed.open(server, { token: joe.token });
  const online = await feeds.admin.next('user.online', ({ data }) => data.user_id === joe.id);
  assert.equal(online.seq, undefined);
  const answer = await ids(`${joe.id},${john.id},999`);
  assert.equal(answer.status, 200, answer.text);
  await feed.close();
  await feeds.admin.next('user.offline', ({ data }) => data.user_id === joe.id);
  assert.equal(feeds.john.count('user.online'), 0);
  assert.equal((await ids('x')).status >= 400, true);
});

test('typing: to the others, ended by speaking, by leaving, and by itself', async (t) => {
  const { admin, john, feeds } = await party(t);
  for (const feed of [feeds.john, feeds.jane]) await feed.ask('subscribe', { topic: ROOM });
  await feeds.john.ask('typing', { topic: ROOM, typing: true });
  const begun = await feeds.jane.next('typing', ({ data }) => data.typing);
  assert.deepEqual(begun.data, { user_id: john.id, name: 'John', typing: true });
  assert.equal(begun.topic, ROOM);
  assert.equal(begun.seq, undefined);
  await feeds.john.ask('publish', { topic: ROOM, data: 'said' });
  const ended = await feeds.jane.next('typing', ({ data }) => !data.typing);
  assert.deepEqual(ended.data, { user_id: john.id, name: 'John', typing: false });
  await barrier(admin, feeds.john, feeds.jane);
  assert.equal(feeds.john.count('typing'), 0, 'never to its author');

  await feeds.jane.ask('typing', { topic: ROOM, typing: true }); // and forgets it
  await feeds.john.next('typing', ({ data }) => data.typing);
  await feeds.john.next('typing', ({ data }) => !data.typing);
});

test('the same over REST', async (t) => {
  const { admin, john, jane, feeds } = await party(t);
  await feeds.jane.ask('subscribe', { topic: ROOM });
  const said = await john.request('POST', `/api/v1/topics/${ROOM}/events`, { body: { type: 'note', data: { text: 'by REST' } } });
  assert.ok(said.status === 200 || said.status === 201, said.text);
  assert.deepEqual(Object.keys(said.json.data).sort(), ['seq', 'timestamp', 'topic']);
  assert.match(said.headers.get('corohub-position'), new RegExp(`:${said.json.data.seq}$`));
  const event = await feeds.jane.next('note');
  assert.deepEqual(event, { type: 'note', data: { text: 'by REST' }, timestamp: said.json.data.timestamp, seq: said.json.data.seq, topic: ROOM });
  const history = await jane.request('GET', `/api/v1/topics/${ROOM}/history`);
  assert.equal(history.status, 200, history.text);
  assert.deepEqual(history.json.data, [event]);
  for (const [account, method, path, body, status, code] of [
    [john, 'POST', 'public/news/events', { data: 1 }, 403, 'forbidden'],
    [john, 'POST', 'nothing/events', { data: 1 }, 403, 'forbidden'],
    [john, 'GET', 'admin/ops/history', undefined, 403, 'forbidden'],
    [john, 'POST', `${ROOM}/events`, { type: 'user.created', data: 1 }, undefined, 'reserved_type'],
    [john, 'POST', `${ROOM}/events`, {}, 422, 'validation_failed'],
    [john, 'POST', 'rooms/a%20b/events', { data: 1 }, 400, 'invalid_topic'],
    [john, 'GET', `${ROOM}/history?since=x`, undefined, 400, 'invalid_since'],
    [john, 'GET', `${ROOM}/history?limit=301`, undefined, 422, 'validation_failed'],
    [{ request: (...args) => admin.api.request(...args) }, 'GET', `${ROOM}/history`, undefined, 401, 'unauthorized'],
  ]) {
    const answer = await account.request(method, `/api/v1/topics/${path}`, { body });
    assert.equal(answer.json?.code, code, `${method} ${path}: ${answer.text}`);
    if (status) assert.equal(answer.status, status, `${method} ${path}`);
  }
});

test('a backend publishes to a user, a role, a topic, to all', async (t) => {
  const { admin, john, feeds } = await party(t);
  await feeds.jane.ask('subscribe', { topic: ROOM });
  const publish = (to, data) => admin.request('POST', '/api/v1/publish', { body: { to, type: 'order.paid', data } });
  for (const [to, name] of [[{ user_id: john.id }, 'to john'], [{ role: 'admin' }, 'to admins'], [{ topic: ROOM }, 'to a room'], [{ all: true }, 'to all']]) {
    const answer = await publish(to, name);
    assert.ok(answer.status === 200 || answer.status === 201, `${JSON.stringify(to)}: ${answer.text}`);
  }
  await Promise.all(['john', 'jane', 'admin'].map((name) => feeds[name].next('order.paid', ({ data }) => data === 'to all')));
  const heard = (name) => feeds[name].messages.filter(({ type }) => type === 'order.paid').map(({ data }) => data);
  assert.deepEqual(heard('john'), ['to john', 'to all']);
  assert.deepEqual(heard('jane'), ['to a room', 'to all']);
  assert.deepEqual(heard('admin'), ['to admins', 'to all']);
  assert.equal((await john.request('POST', '/api/v1/publish', { body: { to: { all: true }, type: 'x', data: 1 } })).status, 403);
  for (const body of [{ to: {}, type: 'x', data: 1 }, { type: 'x', data: 1 }, { to: { all: true, role: 'admin' }, type: 'x', data: 1 }, { to: { all: true }, type: 'user.created', data: 1 }, { to: { all: true }, type: 'x' }]) {
    const answer = await admin.request('POST', '/api/v1/publish', { body });
    assert.ok(answer.status >= 400 && answer.status < 500, `${JSON.stringify(body)}: ${answer.text}`);
  }
});

test('T59: subscriptions have a number', async (t) => {
  const { feeds: { john } } = await party(t);
  for (let i = 0; i < 128; ++i) await john.ask('subscribe', { topic: `rooms/${i}` });
  await refused(john.ask('subscribe', { topic: 'rooms/128' }), 'rate_limited');
  await john.ask('unsubscribe', { topic: 'rooms/0' });
  await john.ask('subscribe', { topic: 'rooms/128' });
});

test('T59: subscriptions have a rate', async (t) => {
  const { feeds: { john } } = await party(t, { settings: { 'limits.exempt_cidrs': [] } });
  const asked = Array.from({ length: 100 }, (_, i) => john.ask(i % 2 === 0 ? 'subscribe' : 'unsubscribe', { topic: ROOM }));
  const answers = await Promise.allSettled(asked);
  const no = answers.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.code);
  assert.ok(no.length > 0 && no.length <= 50, `${no.length} of 100 refused`);
  assert.ok(no.every((code) => code === 'rate_limited' || code === 'not_subscribed'), no.join());
  assert.ok(no.includes('rate_limited'));
});
