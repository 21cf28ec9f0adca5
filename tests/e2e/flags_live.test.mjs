// Changes of flags as they arrive: on native connections, event streams, polls, STOMP and SockJS; who hears what, and that
// nothing of it is missed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import EventSource from 'eventsource';

import { barrier, Feed, Refusal, Refused } from './api.mjs';
import { needsBrowser, openBrowser } from './browser.mjs';
import { change, define, flip, holder, makeEnvironment, makeFlag, makeNamespace, N, office, serviceKey, V } from './flags.mjs';
import { eventually } from './server.mjs';
import { frame, RawStomp, Stomp } from './stomp.mjs';

const ROUNDS = Number(process.env.COROHUB_RESUME_ROUNDS || 5);
const FLAG_EVENT = /^flag\./;

async function bank(t, options) {
  const rig = await office(t, options);
  await makeNamespace(rig.admin, 'bep', { access: 'public' });
  await makeNamespace(rig.admin, 'inner');
  await makeNamespace(rig.admin, 'shut', { access: 'clients' });
  await makeFlag(rig.admin, 'bep', 'new-feature', { state: 'DISABLED' });
  await makeFlag(rig.admin, 'bep', 'hidden', { state: 'DISABLED', client_visible: false });
  await makeFlag(rig.admin, 'bep', 'below', { state: 'DISABLED', parent: 'hidden' });
  return rig;
}

async function listening(account, ...topics) {
  const feed = await account.connect();
  for (const topic of topics) await feed.ask('subscribe', { topic });
  return feed;
}

const may = async (feed, topic) => feed.ask('subscribe', { topic }).then(() => true, (error) => { assert.ok(error instanceof Refusal, error.message); return false; });
const flagsOf = ({ messages }) => messages.filter(({ type }) => FLAG_EVENT.test(type));
const what = ({ data }) => `${data.flag_key} ${data.action}`;

test('T51: an event says who changed what, and nothing of its rule', async (t) => {
  const { admin, john } = await bank(t);
  const feed = await listening(john, 'flags', 'flags/bep');
  const made = await makeFlag(admin, 'bep', 'one', { state: 'DISABLED', targeting: { if: [{ '==': [{ var: 'secret' }, 'word'] }, 'on'] }, metadata: { private: 'thing' } });
  await flip(admin, 'bep', 'one', 'enable');
  await flip(admin, 'bep', 'one', 'disable');
  await define(admin, 'bep', 'one', { state: 'ENABLED', targeting: null });
  await define(admin, 'bep', 'one', { metadata: null });
  await change(admin, 'PATCH', `${N('bep')}/flags/one`, { name: 'One' });
  await change(admin, 'PATCH', `${N('bep')}/flags/one`, { name: 'One' });
  await change(admin, 'DELETE', `${N('bep')}/flags/one`);
  await barrier(admin, feed);
  const events = flagsOf(feed);
  assert.deepEqual(events.map(({ type, data }) => [type, data.action, data.enabled]), [
    ['flag.created', 'created', false], ['flag.updated', 'enabled', true], ['flag.updated', 'disabled', false], ['flag.updated', 'enabled', true],
    ['flag.updated', 'updated', true], ['flag.updated', 'updated', true], ['flag.deleted', 'deleted', false],
  ], 'once each, though two of its topics are heard');
  for (const { topic, seq, data } of events) {
    assert.equal(topic, 'flags/bep');
    assert.ok(Number.isInteger(seq));
    assert.deepEqual([data.namespace, data.environment, data.flag_id, data.flag_key, data.source, data.changed_by], ['bep', 'default', made.id, 'one', 'api', admin.id]);
    assert.ok(Array.isArray(data.changes) && Number.isInteger(data.version));
  }
  assert.deepEqual(events[1].data.changes, ['state']);
  assert.deepEqual([...events[3].data.changes].sort(), ['state', 'targeting']);
  assert.deepEqual(events[5].data.changes, ['name']);
  for (const text of feed.texts.filter((each) => each.includes('"flag.'))) assert.doesNotMatch(text, /secret|word|private|thing/);
});

test('administrators follow the features of all namespaces and environments by one topic', async (t) => {
  const { admin, john } = await bank(t);
  await makeEnvironment(admin, 'shut', 'staging');
  await makeFlag(admin, 'shut', 'closed', { state: 'DISABLED' });
  const both = await listening(admin, 'feature', 'flags');
  const feed = await listening(admin, 'feature');
  const { welcome: { data: before } } = await admin.connect();
  await flip(admin, 'shut', 'closed', 'enable', 'staging');
  await flip(admin, 'bep', 'hidden', 'enable');
  await barrier(admin, feed, both);
  const expected = ['shut/staging closed enabled', 'bep/default hidden enabled'];
  const told = ({ messages }) => flagsOf({ messages }).map((event) => `${event.data.namespace}/${event.data.environment} ${what(event)}`);
  assert.deepEqual(told(feed), expected);
  assert.deepEqual(told(both), expected, 'once, though two topics bring some of them');
  const { events } = await feed.ask('history', { topic: 'feature', since: `${before.epoch}:${before.seq}` });
  assert.deepEqual(told({ messages: events }), expected);
  assert.equal(await may(await john.connect(), 'feature'), false);
});

test('each other flag that a change alters has an event of its own, with its cause', async (t) => {
  const { admin, john } = await bank(t);
  await admin.expect(201, 'POST', `${V('bep')}/segments`, { body: { key: 'beta', rule: { var: 'beta' } } });
  await makeFlag(admin, 'bep', 'user', { targeting: { if: [{ $ref: 'beta' }, 'on', 'off'] } });
  await makeFlag(admin, 'bep', 'parent');
  await makeFlag(admin, 'bep', 'child', { parent: 'parent' });
  await makeFlag(admin, 'bep', 'grandchild', { parent: 'child' });
  await makeFlag(admin, 'bep', 'off-child', { parent: 'parent', state: 'DISABLED' });
  const feed = await listening(john, 'flags/bep');
  await change(admin, 'PUT', `${V('bep')}/segments/beta`, { rule: { '!': [{ var: 'beta' }] } });
  await flip(admin, 'bep', 'parent', 'disable');
  await flip(admin, 'bep', 'parent', 'enable');
  await barrier(admin, feed);
  const [segment, ...others] = flagsOf(feed).map(({ data }) => [data.flag_key, data.action, data.enabled, data.cause ?? null]);
  assert.deepEqual(segment, ['user', 'updated', true, 'segment:beta']);
  const group = (from) => others.slice(from, from + 3);
  for (const [from, action, enabled] of [[0, 'disabled', false], [3, 'enabled', true]]) {
    assert.deepEqual(group(from)[0], ['parent', action, enabled, null]);
    assert.deepEqual(group(from).slice(1).map(([key]) => key).sort(), ['child', 'grandchild']);
    for (const [, did, is, cause] of group(from).slice(1)) assert.deepEqual([did, is], [action, enabled], cause);
    assert.equal(group(from).find(([key]) => key === 'child')[3], 'parent:parent');
  }
  assert.equal(others.length, 6, 'a switch that does not flip says nothing');
});

test('T48, T51: who may not see a flag hears nothing of it: live, resumed, in history, in polls', async (t) => {
  const { server, admin, john } = await bank(t);
  const [mine, all] = [await listening(john, 'flags/bep'), await listening(admin, 'flags')];
  const stomp = await Stomp.open(server, { token: john.token });
  await stomp.subscribe('/topic/flags');
  const position = mine.welcome.data;
  for (const how of ['enable', 'disable']) {
    for (const key of ['hidden', 'new-feature', 'below']) await flip(admin, 'bep', key, how);
  }
  await barrier(admin, mine, all);
  const seen = ['new-feature enabled', 'new-feature disabled'];
  const everything = ['hidden enabled', 'new-feature enabled', 'below enabled', 'hidden disabled', 'below disabled', 'new-feature disabled'];
  assert.deepEqual(flagsOf(mine).map(what), seen);
  // A child goes with its parent: its own later switch flips nothing more.
  for (const each of everything) assert.ok(flagsOf(all).map(what).includes(each), each);
  await stomp.next('MESSAGE', ({ body }) => JSON.parse(body).action === 'disabled');
  assert.deepEqual(stomp.bodies('/topic/flags').map(({ flagKey, action }) => `${flagKey} ${action}`), seen);

  const since = `${position.epoch}:${position.seq}`;
  const resumed = await john.connect({ query: { token: john.token, since, topic: 'flags/bep' } });
  await barrier(admin, resumed);
  assert.deepEqual(flagsOf(resumed).map(what), seen);
  const hidden = (list) => list.filter(({ data }) => ['hidden', 'below'].includes(data?.flag_key)).length;
  for (const path of [`/api/v1/topics/flags/bep/history?limit=300`, `/api/v1/events?topic=flags/bep&limit=300&since=${since}`, `/api/v1/events/poll?topic=flags/bep&since=${since}&timeout=1`]) {
    const own = (await john.request('GET', path)).json.data;
    assert.deepEqual(own.filter(({ type }) => type === 'flag.updated').map(what).slice(-2), seen, path);
    assert.equal(hidden(own), 0, path);
    assert.ok(hidden((await admin.request('GET', path)).json.data) > 0, path);
  }
  const { events } = await mine.ask('history', { topic: 'flags/bep', limit: 300 });
  assert.equal(hidden(events), 0);

  // What becomes visible is heard of from then on; what is hidden, no more.
  await change(admin, 'PATCH', `${N('bep')}/flags/hidden`, { client_visible: true });
  await flip(admin, 'bep', 'hidden', 'enable');
  await mine.next('flag.updated', (event) => what(event) === 'hidden enabled');
  const count = flagsOf(mine).length;
  await change(admin, 'PATCH', `${N('bep')}/flags/new-feature`, { client_visible: false });
  await flip(admin, 'bep', 'new-feature', 'enable');
  await barrier(admin, mine);
  assert.ok(flagsOf(mine).slice(count).every(({ data }) => data.flag_key !== 'new-feature' || data.action === 'updated'), JSON.stringify(flagsOf(mine).slice(count)));
  assert.equal(flagsOf(mine).slice(count).filter(({ data }) => data.flag_key === 'new-feature').length, 0, 'judged as it is after the change');
});

test('T51: who may subscribe, and that nobody publishes there', async (t) => {
  const { server, api, admin, john } = await bank(t);
  const mine = await john.connect();
  assert.deepEqual([await may(mine, 'flags'), await may(mine, 'flags/bep'), await may(mine, 'flags/inner'), await may(mine, 'flags/shut'), await may(mine, 'flags/nobody')], [true, true, true, false, false]);
  for (const feed of [mine, await admin.connect()]) await assert.rejects(feed.ask('publish', { topic: 'flags/bep', data: 1 }), Refusal);
  assert.equal((await admin.request('POST', '/api/v1/topics/flags/bep/events', { body: { data: 1 } })).status, 403);
  await assert.rejects(Feed.open(server), (error) => error instanceof Refused && error.status === 401);
  await assert.rejects(Feed.open(server, { headers: { Authorization: 'Bearer chk_nothing' } }), (error) => error.status === 401);
  assert.equal((await john.request('GET', '/api/v1/topics/flags/shut/history')).status >= 403, true);
  assert.equal((await api.request('GET', '/api/v1/topics/flags/bep/history')).status, 401);

  // The right goes, and the hearing with it.
  await change(admin, 'PATCH', N('inner'), { access: 'clients' });
  await makeFlag(admin, 'inner', 'late');
  await barrier(admin, mine);
  assert.ok(flagsOf(mine).every(({ data }) => data.namespace !== 'inner'));
});

test('environments have topics of their own; the default one moves', async (t) => {
  const { admin, john } = await bank(t);
  await makeEnvironment(admin, 'bep', 'staging');
  const [main, staging] = [await listening(john, 'flags/bep'), await listening(john, 'flags/bep/staging')];
  await flip(admin, 'bep', 'new-feature', 'enable', 'staging');
  await flip(admin, 'bep', 'new-feature', 'enable');
  await barrier(admin, main, staging);
  assert.deepEqual(flagsOf(main).map(({ data }) => data.environment), ['default']);
  assert.deepEqual(flagsOf(staging).map(({ topic, data }) => [topic, data.environment]), [['flags/bep/staging', 'staging']]);
  await change(admin, 'PATCH', V('bep', 'staging'), { is_default: true });
  await flip(admin, 'bep', 'new-feature', 'disable', 'staging');
  await main.next('flag.updated', ({ data }) => data.environment === 'staging' && data.action === 'disabled');
});

test('what is about namespaces and segments is for admins', async (t) => {
  const { admin, john } = await bank(t);
  const [mine, theirs] = [await listening(john, 'flags/bep'), await admin.connect()];
  await makeNamespace(admin, 'new');
  await change(admin, 'PATCH', N('new'), { name: 'New' });
  await makeEnvironment(admin, 'new', 'staging');
  await admin.expect(201, 'POST', `${V('new')}/segments`, { body: { key: 'beta', rule: { '==': [{ var: 'x' }, 'secret'] } } });
  await change(admin, 'PUT', `${V('new')}/segments/beta`, { rule: { var: 'x' } });
  await change(admin, 'DELETE', `${V('new')}/segments/beta`);
  await change(admin, 'DELETE', N('new'));
  await barrier(admin, mine, theirs);
  const types = (feed) => feed.messages.map(({ type }) => type).filter((type) => /^(namespace|segment)\./.test(type));
  assert.deepEqual(types(theirs), ['namespace.created', 'namespace.updated', 'namespace.updated', 'segment.created', 'segment.updated', 'segment.deleted', 'namespace.deleted']);
  assert.deepEqual(types(mine), []);
  const made = theirs.messages.find(({ type }) => type === 'segment.created').data;
  assert.deepEqual([made.namespace, made.environment, made.key, made.changed_by], ['new', 'default', 'beta', admin.id]);
  assert.ok(!theirs.texts.some((text) => text.includes('secret')));
});

test('kill -9, again and again: every change that was answered, in order, once', async (t) => {
  const { server, admin, john } = await bank(t);
  server.launchArgs[server.launchArgs.indexOf('127.0.0.1:0')] = server.host;
  const first = await listening(john, 'flags');
  const { epoch, seq } = first.welcome.data;
  let position = `${epoch}:${seq}`;
  const heard = [];
  const answered = [];
  let feed = first;
  for (let round = 0; round < ROUNDS; ++round) {
    const writing = (async () => {
      for (let i = 0; ; ++i) {
        const key = `f${round}-${i}`;
        const answer = await admin.request('POST', `${N('bep')}/flags`, { body: { key, variants: { on: true, off: false }, defaultVariant: 'on' } }).catch(() => ({}));
        if (answer.status !== 201) return;
        answered.push(key);
      }
    })();
    const enough = answered.length + 5 + round * 7;
    await eventually(20_000, 'some changes', () => answered.length >= enough);
    await server.crash();
    await writing;
    await feed.closed();
    heard.push(...flagsOf(feed));
    if (heard.length) position = `${epoch}:${Math.max(...heard.map((each) => each.seq), Number(position.split(':')[1]))}`;
    await server.launch();
    feed = await john.connect({ query: { token: john.token, since: position, topic: 'flags' } });
    assert.equal(feed.welcome.data.recovered, true);
  }
  await barrier(admin, feed);
  heard.push(...flagsOf(feed));
  const seqs = heard.map((each) => each.seq);
  assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b), 'in order, once');
  const keys = heard.filter(({ type }) => type === 'flag.created').map(({ data }) => data.flag_key);
  assert.equal(new Set(keys).size, keys.length);
  const missing = answered.filter((key) => !keys.includes(key));
  assert.deepEqual(missing, []);
});

test('an event stream and a poll tell the same', async (t) => {
  const { server, admin, john } = await bank(t);
  const stream = new EventSource(`${server.url}/api/v1/events/stream?topic=flags/bep`, { headers: { Authorization: `Bearer ${john.token}` } });
  t.after(() => stream.close());
  const got = [];
  stream.onmessage = ({ data, lastEventId }) => got.push({ id: lastEventId, ...JSON.parse(data) });
  const [welcome] = await eventually(10_000, 'the welcome', () => got.length > 0 && got);
  const polled = john.request('GET', `/api/v1/events/poll?topic=flags/bep&since=${welcome.data.epoch}:${welcome.data.seq}&timeout=30`);
  await flip(admin, 'bep', 'new-feature', 'enable');
  const event = await eventually(10_000, 'the change', () => got.find(({ type }) => type === 'flag.updated'));
  assert.equal(event.id, `${welcome.data.epoch}:${event.seq}`);
  const { id, ...message } = event;
  assert.deepEqual((await polled).json.data, [message], id);
});

// ---- STOMP ----

const UPDATE = /^\{"type":"flag_update","namespace":"bep","flagKey":"new-feature","action":"(enabled|disabled)","enabled":(true|false),"timestamp":(\d{13})\}$/;
const STATUS = (message, type = 'connection_status') => new RegExp(`^\\{"type":"${type}","message":"${message}","timestamp":\\d{13}\\}$`);

test('STOMP: bodies to the letter, positions in headers, answers in the queue of this session', async (t) => {
  const { server, admin, john } = await bank(t);
  await makeEnvironment(admin, 'bep', 'staging');
  const stomp = await Stomp.open(server, { token: john.token });
  const other = await Stomp.open(server, { token: john.token });
  t.after(() => Promise.all([stomp.disconnect(), other.disconnect()]));
  for (const each of [stomp, other]) await each.subscribe('/user/queue/subscription');
  const answer = async (message, type) => {
    const pattern = STATUS(message, type);
    await stomp.next('MESSAGE', ({ headers, body }) => headers.destination === '/user/queue/subscription' && pattern.test(body));
  };
  await stomp.subscribe('/topic/flags');
  await answer('Successfully subscribed to flag updates');
  await stomp.subscribe('/topic/flags/bep');
  await answer('Successfully subscribed to flag updates for namespace: bep');
  await stomp.subscribe('/topic/flags/bep/staging');
  await answer('Successfully subscribed to flag updates for namespace: bep/staging');
  const native = await listening(john, 'flags/bep');
  await flip(admin, 'bep', 'new-feature', 'enable');
  const event = await native.next('flag.updated');
  const came = await eventually(10_000, 'both', () => stomp.messages.filter(({ body }) => UPDATE.test(body)).length === 2 && stomp.messages.filter(({ body }) => UPDATE.test(body)));
  assert.deepEqual(came.map(({ headers }) => headers.destination).sort(), ['/topic/flags', '/topic/flags/bep'], 'per subscription');
  for (const { headers, body } of came) {
    const [, action, enabled, timestamp] = body.match(UPDATE);
    assert.deepEqual([action, enabled, Number(timestamp)], ['enabled', 'true', Date.parse(event.timestamp)]);
    assert.match(headers['message-id'], new RegExp(`:${event.seq}$`));
    assert.equal(headers['content-type'], undefined);
  }
  await flip(admin, 'bep', 'new-feature', 'enable', 'staging');
  await eventually(10_000, 'the other environment', () => stomp.in('/topic/flags/bep/staging').length === 1);
  assert.deepEqual(Object.keys(JSON.parse(stomp.in('/topic/flags/bep/staging')[0].body)), ['type', 'namespace', 'flagKey', 'action', 'enabled', 'timestamp']);

  await stomp.send('/app/unsubscribe', { namespace: 'bep' });
  await answer('Successfully unsubscribed from flag updates for namespace: bep');
  await stomp.send('/app/subscribe', { namespace: 'bep' });
  await stomp.send('/app/subscribe', {});
  await stomp.send('/app/subscribe', { namespace: 'nobody' });
  await answer('Failed to subscribe: Invalid namespace', 'error');
  await stomp.subscribe('/topic/flags/shut');
  assert.equal(stomp.messages.filter(({ body }) => STATUS('Failed to subscribe: Invalid namespace', 'error').test(body)).length, 2);
  assert.equal(stomp.closedWith, undefined, 'the connection lives');
  assert.equal(other.messages.filter(({ body }) => /flag updates|Failed/.test(body)).length, 0, 'in that session');

  const bare = await RawStomp.connect(server, john.token);
  bare.send(frame('SUBSCRIBE', { id: '1', destination: '/topic/flags/shut' }));
  await bare.error();
  await bare.closed();
});

test('STOMP: what everyone hears of the system, and what is for one user', async (t) => {
  const { server, admin, john } = await bank(t);
  const stomp = await Stomp.open(server, { token: john.token });
  await stomp.subscribe('/topic/system');
  await stomp.subscribe('/user/queue/messages');
  await admin.expect(200, 'POST', '/ws/broadcast', { body: { message: 'Maintenance at "noon"' } });
  const { body } = await stomp.next('MESSAGE', ({ headers }) => headers.destination === '/topic/system');
  assert.match(body, STATUS('Maintenance at \\\\"noon\\\\"'));
  await john.expect(200, 'PATCH', '/api/v1/users/me', { body: { name: 'Johnny' } });
  const own = await stomp.next('MESSAGE', ({ headers }) => headers['corohub-type'] === 'profile.updated');
  assert.equal(JSON.parse(own.body).user_id, john.id);
  await stomp.disconnect();
});

test('STOMP: a client that comes back has missed nothing and nothing hidden', async (t) => {
  const { server, admin, john } = await bank(t);
  const stomp = await Stomp.open(server, { token: john.token });
  await stomp.subscribe('/topic/flags/bep');
  await flip(admin, 'bep', 'new-feature', 'enable');
  const { headers } = await stomp.next('MESSAGE');
  await stomp.disconnect();
  for (const key of ['hidden', 'below']) await flip(admin, 'bep', key, 'enable');
  await flip(admin, 'bep', 'new-feature', 'disable');
  const back = await Stomp.open(server, { token: john.token });
  const { receipt } = await back.subscribe('/topic/flags/bep', { since: headers['message-id'] });
  assert.equal(receipt['corohub-recovered'], 'true');
  await back.next('MESSAGE', ({ body }) => JSON.parse(body).action === 'disabled');
  assert.equal(back.messages.length, 1);
  await back.disconnect();
});

test('T51c: STOMP: a guest hears public namespaces, and may nothing else', async (t) => {
  const { server, admin } = await bank(t);
  const guest = await Stomp.open(server, {});
  await guest.subscribe('/user/queue/subscription');
  await guest.subscribe('/topic/flags');
  for (const topic of ['/topic/flags/inner', '/topic/flags/shut', '/topic/flags/nobody']) await guest.subscribe(topic);
  await eventually(10_000, 'three refusals', () => guest.messages.filter(({ body }) => JSON.parse(body).type === 'error').length === 3);
  await makeFlag(admin, 'inner', 'one');
  await flip(admin, 'bep', 'hidden', 'enable');
  await flip(admin, 'bep', 'new-feature', 'enable');
  await eventually(10_000, 'the change', () => guest.in('/topic/flags').length > 0);
  assert.deepEqual(guest.bodies('/topic/flags').map(({ flagKey }) => flagKey), ['new-feature']);
  for (const destination of ['/topic/rooms/lobby', '/topic/flags/bep']) {
    const raw = await RawStomp.open(server);
    raw.send(frame('CONNECT', { 'accept-version': '1.2', host: 'corohub' }));
    await raw.next('CONNECTED');
    raw.send(frame('SEND', { destination, 'content-type': 'application/json' }, '{}'));
    await raw.error();
    await raw.closed();
  }
  const raw = await RawStomp.open(server);
  raw.send(frame('CONNECT', { 'accept-version': '1.2', host: 'corohub' }));
  await raw.next('CONNECTED');
  raw.send(frame('SUBSCRIBE', { id: '1', destination: '/topic/rooms/lobby' }));
  await raw.error();
  // It is in no statistics and knows nobody.
  assert.equal((await admin.request('GET', '/ws/stats')).json.total_clients, 0);
  await makeNamespace(admin, 'open', { access: 'public' });
  await change(admin, 'PATCH', N('bep'), { access: 'users' });
  await flip(admin, 'bep', 'new-feature', 'disable');
  await makeFlag(admin, 'open', 'last');
  await eventually(10_000, 'what is public now', () => guest.closedWith || guest.bodies('/topic/flags').some(({ flagKey }) => flagKey === 'last'));
  assert.equal(guest.bodies('/topic/flags').filter(({ action }) => action === 'disabled').length, 0);
  await guest.disconnect();
});

// ---- a page as people have it ----

const SNIPPET = `
// Connect to WebSocket
const socket = new SockJS('/ws');
const stompClient = Stomp.over(socket);

stompClient.connect({}, function (frame) {
    // Subscribe to all flag updates
    stompClient.subscribe('/topic/flags', function (message) {
        const update = JSON.parse(message.body);
        console.log('Flag update:', update);
    });

    // Subscribe to specific namespace
    stompClient.subscribe('/topic/flags/bep', function (message) {
        const update = JSON.parse(message.body);
        console.log('BEP flag update:', update);
    });
});
`;

test('a page with SockJS and Stomp.over, in a browser, without a login', needsBrowser, async (t) => {
  const { server, admin } = await bank(t);
  const script = (name) => readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'node_modules', name), 'utf8');
  const libraries = { '/sockjs.js': script('sockjs-client/dist/sockjs.min.js'), '/stomp.js': script('@stomp/stompjs/bundles/stomp.umd.min.js') };
  const browser = await openBrowser(t);
  const context = await browser.newContext();
  await context.route('**/snippet/**', (route) => {
    const library = Object.entries(libraries).find(([name]) => route.request().url().endsWith(name));
    const html = `<!doctype html><script src="/snippet/sockjs.js"></script><script src="/snippet/stomp.js"></script><script>const { Stomp } = StompJs;</script><script>${SNIPPET}</script>`;
    return route.fulfill({ contentType: library ? 'text/javascript' : 'text/html', body: library ? library[1] : html });
  });
  const page = await context.newPage();
  const lines = [];
  page.on('console', (line) => lines.push(line.text()));
  await page.goto(`${server.url}/snippet/`);
  const logged = (start) => lines.filter((line) => line.startsWith(start)).length;
  // The page says nothing of being subscribed: it is once a change arrives.
  await eventually(20_000, 'both subscriptions', async () => {
    await flip(admin, 'bep', 'new-feature', 'enable');
    await flip(admin, 'bep', 'new-feature', 'disable');
    return logged('Flag update:') > 0 && logged('BEP flag update:') > 0;
  });
});

test('information that anyone may have', async (t) => {
  const { api, admin, john } = await bank(t);
  const info = await api.request('GET', '/api/v1/websocket/info');
  assert.equal(info.text, '{"websocketEndpoint":"/ws","subscriptionTopics":["/topic/flags","/topic/flags/{namespace}","/topic/system"],"messageTypes":["flag_update","connection_status","error"]}');
  const names = async (who) => (await who.request('GET', '/api/v1/websocket/namespaces')).json;
  assert.deepEqual(await names(api), { namespaces: ['bep'], count: 1 });
  assert.deepEqual(await names(john), { namespaces: ['bep', 'default', 'inner'], count: 3 });
  assert.deepEqual(await names(holder(api, await serviceKey(admin, 'flags:evaluate:shut'))), { namespaces: ['shut'], count: 1 });
  const status = (await api.request('GET', '/api/v1/websocket/status')).json;
  assert.deepEqual(Object.keys(status), ['status', 'timestamp', 'message']);
  assert.deepEqual([status.status, status.message], ['running', 'WebSocket server is running and ready for connections']);
  assert.ok(Number.isInteger(status.timestamp));
});
