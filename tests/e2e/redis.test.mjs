// Changes of flags that are made elsewhere: by HTTP, on a channel of Redis, and in a stream of it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { barrier } from './api.mjs';
import { complains, flip, holder, makeFlag, makeNamespace, N, office, refused, serviceKey, V } from './flags.mjs';
import { freePort, needsRedis, Redis } from './redis.mjs';
import { corohub, eventually, temporaryDirectory } from './server.mjs';
import { Stomp } from './stomp.mjs';

const UPDATES = '/api/v1/flags/updates';
const BACK = 'Flag updates from Redis are back; updates may be missing';

const update = (flagKey, action = 'updated', more = {}) => ({ type: 'flag_update', namespace: 'bep', flagKey, action, ...more });
const entry = (redis, flag, stream = 'updates') => redis.ask('XADD', stream, '*', 'message', JSON.stringify(update(flag)));
const health = async (server) => (await (await fetch(`${server.url}/health`)).json());
const redisIs = (server, status) => eventually(30_000, `redis is ${status}`, async () => (await health(server)).components.redis.status === status);
const keysOf = (feed) => feed.messages.filter(({ type }) => type.startsWith('flag.')).map(({ data }) => data.flag_key);
const told = (feed, key) => eventually(20_000, () => `${key} of ${keysOf(feed)}`, () => keysOf(feed).includes(key));

// The keys of all flags that were told of, in the order of the log.
async function historyOf(account, topic = 'flags/bep') {
  const keys = [];
  for (let since = '', more = true; more;) {
    const page = await account.request('GET', `/api/v1/topics/${topic}/history?limit=300${since && `&since=${since}`}`);
    assert.equal(page.status, 200, page.text);
    keys.push(...page.json.data.map(({ data }) => data.flag_key));
    ({ next: since, more } = page.json.meta);
  }
  return keys;
}

async function metric(server, result) {
  const text = await (await fetch(`${await server.adminUrl()}/metrics`)).text();
  return Number(text.match(new RegExp(`^corohub_ingest_messages_total\\{result="${result}"\\} (\\d+)`, 'm'))?.[1]);
}

async function house(t, { redis, settings = {}, ...options } = {}) {
  const wired = redis ? { 'redis.enabled': true, 'redis.url': redis.url, ...settings } : settings;
  const rig = await office(t, { settings: wired, ...options });
  await makeNamespace(rig.admin, 'bep');
  await makeFlag(rig.admin, 'bep', 'known', { state: 'DISABLED' });
  rig.feed = await rig.john.connect();
  await rig.feed.ask('subscribe', { topic: 'flags' });
  return rig;
}

test('by HTTP: one message or a list, in both shapes, all or none', async (t) => {
  const { admin, api, server, john, feed } = await house(t);
  assert.equal(await metric(server, 'accepted'), 0, 'counted before there is one');
  const one = await admin.request('POST', UPDATES, { body: update('known', 'ENABLED', { timestamp: 1640995200000 }) });
  assert.equal(one.status, 200, one.text);
  assert.equal(one.json.data.accepted, 1);
  assert.ok(one.headers.get('corohub-position').endsWith(`:${one.json.data.seq}`));
  const flipt = { data: { action: 'enabled', namespace: 'bep', flag_key: 'other', enabled: true }, source: 'flipt-server', timestamp: '2025-07-30T09:52:50Z', type: 'flag.update' };
  const list = await admin.expect(200, 'POST', UPDATES, { body: [flipt, update('known', 'deleted')] });
  assert.equal(list.accepted, 2);
  await barrier(admin, feed);
  const events = feed.messages.filter(({ type }) => type.startsWith('flag.'));
  assert.deepEqual(events.map(({ type, data }) => [type, data.flag_key, data.action, data.enabled, data.version, data.source, data.occurred_at, data.changed_by]), [
    ['flag.updated', 'known', 'enabled', true, 2, 'http', '2022-01-01T00:00:00.000Z', null],
    ['flag.updated', 'other', 'enabled', true, null, 'http', '2025-07-30T09:52:50.000Z', null],
    ['flag.deleted', 'known', 'deleted', true, 2, 'http', undefined, null],
  ]);
  assert.equal((await admin.expect(200, 'GET', `${V('bep')}/flags/known`)).state, 'ENABLED');

  const bad = await admin.request('POST', UPDATES, { body: [update('known', 'disabled'), update('x', 'toggled'), { data: { action: 'created' } }] });
  complains(bad, 'unknown_value', '/1/action');
  complains(bad, 'required', '/2/data/flagKey');
  assert.equal((await admin.expect(200, 'GET', `${V('bep')}/flags/known`)).state, 'ENABLED', 'none is done');
  for (const body of [[], Array(101).fill(update('a'))]) complains(await admin.request('POST', UPDATES, { body }), 'out_of_range', '');
  complains(await admin.request('POST', UPDATES, { body: [update('a', 'created', { x: 'x'.repeat(70_000) })] }), 'too_long', '/0');
  complains(await admin.request('POST', UPDATES, { body: update('a', 'created', { x: 'x'.repeat(70_000) }) }), 'too_long', '');
  refused(await admin.request('POST', UPDATES, { body: '"text"' }), 400, 'invalid_json');
  refused(await admin.request('POST', UPDATES, { body: '{' }), 400, 'invalid_json');
  refused(await john.request('POST', UPDATES, { body: update('a') }), 403, 'forbidden');
  refused(await api.request('POST', UPDATES, { body: update('a') }), 401, 'unauthorized');
  const may = async (scope) => (await holder(api, await serviceKey(admin, scope)).request('POST', UPDATES, { body: [update('a')] })).status;
  assert.deepEqual([await may('flags:ingest'), await may('flags:ingest:bep'), await may('flags:ingest:other'), await may('flags:write'), await may('publish')], [200, 200, 403, 403, 403]);
  const large = Array.from({ length: 100 }, (_, i) => update(`large${i}`, 'updated', { x: 'x'.repeat(65_000) }));
  assert.equal((await admin.expect(200, 'POST', UPDATES, { body: large })).accepted, 100);
  assert.equal(await metric(server, 'accepted'), 105);
  assert.equal(await metric(server, 'bad'), 4);
});

test('by HTTP: a message that makes a namespace, and a request that comes twice', async (t) => {
  const { admin, api, john } = await house(t, { settings: { 'ingest.access': 'public' } });
  const body = { namespace: 'new', flagKey: 'a', action: 'created' };
  const headers = { 'Idempotency-Key': 'once' };
  const first = await admin.expect(200, 'POST', UPDATES, { body, headers });
  const made = await admin.expect(200, 'GET', N('new'));
  assert.deepEqual([made.access, made.app_id, made.tenant_id], ['public', 'new', 'default']);
  assert.deepEqual(await admin.expect(200, 'POST', UPDATES, { body, headers }), first);
  refused(await admin.request('POST', UPDATES, { body: { ...body, flagKey: 'b' }, headers }), 409, 'idempotency_mismatch');
  refused(await admin.request('POST', UPDATES, { body, headers: { 'Idempotency-Key': 'ü'.normalize('NFC') } }), 400, 'invalid_request');
  const feed = await john.connect();
  const { events } = await feed.ask('history', { topic: 'flags/new' });
  assert.deepEqual(events.map(({ data }) => [data.flag_key, data.flag_id, data.enabled]), [['a', null, null]]);
  const key = await serviceKey(admin, 'flags:ingest');
  assert.notEqual((await holder(api, key).request('POST', UPDATES, { body, headers })).json.data.seq, first.seq, 'a key of one caller is not another\'s');
});

test('out of a channel: both shapes, and what STOMP clients get of them', needsRedis(), async (t) => {
  const redis = await Redis.start(t);
  const { server, admin, john, feed } = await house(t, { redis });
  await redisIs(server, 'ok');
  await redis.heard();
  const stomp = await Stomp.open(server, { token: john.token });
  await stomp.subscribe('/topic/flags');
  await redis.publish(update('known', 'enabled', { enabled: true, timestamp: 1640995200000 }));
  await redis.publish({ data: { action: 'disabled', namespace: 'bep', flag_key: 'known', enabled: false }, source: 'flipt-server', timestamp: '2025-07-30T09:52:50Z', type: 'flag.update' });
  await told(feed, 'known');
  await eventually(10_000, 'two events', () => keysOf(feed).length === 2);
  const events = feed.messages.filter(({ type }) => type.startsWith('flag.'));
  assert.deepEqual(events.map(({ data }) => [data.action, data.enabled, data.source, data.occurred_at, data.changed_by]), [
    ['enabled', true, 'redis', '2022-01-01T00:00:00.000Z', null],
    ['disabled', false, 'redis', '2025-07-30T09:52:50.000Z', null],
  ]);
  const rows = await admin.expect(200, 'GET', '/api/v1/admin/audit?entity=bep/flags/known&order=desc');
  assert.ok(rows.some(({ detail }) => detail?.source === 'redis'), JSON.stringify(rows));
  await stomp.said('/topic/flags', { type: 'flag_update', namespace: 'bep', flagKey: 'known', action: 'enabled', enabled: true, timestamp: 1640995200000 });
  await eventually(10_000, 'both counted', async () => (await metric(server, 'accepted')) === 2);
});

test('T73: garbage is counted, told of once and survived', needsRedis(), async (t) => {
  const redis = await Redis.start(t);
  const { server, feed } = await house(t, { redis });
  await redis.heard();
  const garbage = ['', 'garbage', '[]', '{"secret-word"', '{"flagKey":"a","action":"toggled"}', '\0\0', `{"flagKey":"a","action":"created","x":"${'x'.repeat(70_000)}"}`, 'x'.repeat(3 << 20)];
  await redis.all([...garbage, JSON.stringify(update('after'))].map((text) => ['PUBLISH', 'flipt:flags:update', text]));
  await told(feed, 'after');
  assert.deepEqual(keysOf(feed), ['after']);
  await eventually(10_000, 'all counted', async () => (await metric(server, 'bad')) === garbage.length);
  assert.equal((await health(server)).status, 'ok');
  await server.stop();
  const lines = server.output.match(/ingest\.bad_messages/g);
  assert.ok(lines.length >= 1 && lines.length <= 2, `${lines.length} lines`);
  assert.doesNotMatch(server.output, /secret-word/);
});

test('R8: a Redis that goes and comes back', needsRedis(), async (t) => {
  const redis = await Redis.start(t);
  const { server, admin, john, feed } = await house(t, { redis });
  await redis.heard();
  const stomp = await Stomp.open(server, { token: john.token });
  await stomp.subscribe('/topic/system');
  const watcher = await admin.connect();
  await redis.kill();
  await redisIs(server, 'degraded');
  assert.equal((await health(server)).status, 'degraded');
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
  await flip(admin, 'bep', 'known', 'enable');
  await told(feed, 'known');
  await redis.launch();
  await redisIs(server, 'ok');
  await redis.heard();
  await redis.publish(update('after'));
  await told(feed, 'after');
  await eventually(10_000, 'the message', () => stomp.bodies('/topic/system').some(({ message }) => message === BACK));
  const changes = watcher.messages.filter(({ type }) => type === 'health.status.changed').map(({ data }) => [data.component, data.status]);
  assert.deepEqual(changes, [['redis', 'degraded'], ['redis', 'ok']]);
});

test('R8: without Redis a server starts, works and ends', needsRedis(), async (t) => {
  const redis = await Redis.start(t);
  await redis.kill();
  const { server, admin, feed } = await house(t, { redis });
  await redisIs(server, 'degraded');
  await flip(admin, 'bep', 'known', 'enable');
  await told(feed, 'known');
  const { code } = await server.stop();
  assert.equal(code, 0);
});

test('R9: a Redis that falls silent is away, and back when it speaks', needsRedis(), async (t) => {
  const redis = await Redis.start(t);
  const { server, feed } = await house(t, { redis, settings: { 'ingest.stream': 'updates' } });
  await redis.heard();
  redis.pause();
  await redisIs(server, 'degraded');
  redis.resume();
  await redisIs(server, 'ok');
  await redis.heard();
  await redis.publish(update('after'));
  await told(feed, 'after');
  await entry(redis, 'streamed');
  await told(feed, 'streamed');
  const { code } = await server.stop();
  assert.equal(code, 0);
});

test('a flood is stored in its order, as fast as it can be, and the server serves meanwhile', needsRedis(), async (t) => {
  const redis = await Redis.start(t);
  const { server, admin } = await house(t, { redis });
  await redis.heard();
  const count = 5_000;
  await redis.all(Array.from({ length: count }, (_, i) => ['PUBLISH', 'flipt:flags:update', JSON.stringify(update(`f${i}`))]));
  await admin.expect(200, 'GET', N('bep'));
  await eventually(60_000, 'all of it', async () => (await metric(server, 'accepted')) === count);
  const seen = await historyOf(admin);
  assert.deepEqual(seen.filter((key) => key !== 'known'), Array.from({ length: count }, (_, i) => `f${i}`));
});

test('T73: an ACL user with a password, which stands nowhere', needsRedis(), async (t) => {
  const password = 'canary-Zx9q%';
  const redis = await Redis.start(t);
  await redis.ask('ACL', 'SETUSER', 'corohub', 'on', `>${password}`, 'resetchannels', '&flipt:*', '+subscribe', '+ping');
  const url = `redis://corohub:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`;
  const { server, feed } = await house(t, { redis, settings: { 'redis.url': url, 'log.level': 'trace' } });
  await redis.heard();
  await redis.publish(update('after'));
  await told(feed, 'after');
  const shown = await corohub(['config', 'show', '--config', server.config]);
  assert.match(shown.output, /^url = "\*\*\*"/m);
  const flag = await corohub(['serve', '--redis-url', url]);
  assert.equal(flag.code, 64);
  assert.match(flag.output, /COROHUB_REDIS_URL/);
  await redis.ask('ACL', 'SETUSER', 'corohub', 'off');
  await redis.ask('CLIENT', 'KILL', 'USER', 'corohub').catch(() => {});
  await redisIs(server, 'degraded');
  await server.stop();
  for (const output of [server.output, shown.output, flag.output]) assert.doesNotMatch(output, /canary|Zx9q/);
  assert.match(server.output, /WRONGPASS/);
});

// A certificate of its own for `localhost`, which only those believe who are told to.
function certificate(t) {
  const directory = temporaryDirectory(t);
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert]);
  assert.equal(made.status, 0, String(made.stderr));
  return { cert, args: (port) => ['--tls-port', String(port), '--port', '0', '--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no'] };
}

test('T73: rediss:// believes a good certificate for the name, and no other', needsRedis(), async (t) => {
  const { cert, args } = certificate(t);
  const port = await freePort();
  await Redis.start(t, { port, args: args(port) });
  const place = (host) => ({ 'redis.enabled': true, 'redis.url': `rediss://${host}:${port}` });
  const { server } = await house(t, { settings: place('localhost'), env: { SSL_CERT_FILE: cert } });
  await server.process.printed(/redis\.connected/);
  assert.equal((await health(server)).components.redis.status, 'ok');
  for (const [host, env] of [['127.0.0.1', { SSL_CERT_FILE: cert }], ['localhost', {}]]) {
    const stranger = await house(t, { settings: place(host), env });
    await redisIs(stranger.server, 'degraded');
    assert.doesNotMatch(stranger.server.output, /redis\.connected/, host);
    assert.match(stranger.server.output, /no TLS/);
  }
});

test('T73: what is no Redis, says nothing or is nowhere: the server works, and ends in time', async (t) => {
  const answering = async (answer) => {
    const sockets = new Set();
    const stranger = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      answer(socket);
    }).listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      stranger.close();
    });
    return `127.0.0.1:${stranger.address().port}`;
  };
  const silent = await answering(() => {});
  const urls = {
    http: `redis://${await answering((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))}`,
    agreeing: `redis://:secret@${await answering((socket) => socket.on('data', () => socket.write('+OK\r\n')))}`,
    endless: `redis://${await answering((socket) => socket.write(`*3\r\n$9\r\nsubscribe\r\n+${'x'.repeat(200_000)}`))}`,
    silent: `redis://${silent}`,
    'silent before TLS': `rediss://${silent}`,
    nowhere: 'redis://redis.invalid',
  };
  await Promise.all(Object.entries(urls).map(async ([what, url]) => {
    const { server, admin, feed } = await house(t, { settings: { 'redis.enabled': true, 'redis.url': url, 'ingest.stream': 'updates' } });
    await redisIs(server, 'degraded');
    await flip(admin, 'bep', 'known', 'enable');
    await told(feed, 'known');
    const { code } = await server.stop();
    assert.equal(code, 0, what);
    assert.doesNotMatch(server.output, /redis\.connected/, what);
  }));
});

test('a stream: what comes while the server is away waits, and is acknowledged', needsRedis(), async (t) => {
  const redis = await Redis.start(t);
  await entry(redis, 'before');
  const { server, admin, john } = await office(t, { settings: { 'redis.enabled': true, 'redis.url': redis.url, 'ingest.stream': 'updates', 'redis.channel': '' } });
  const feed = await john.connect();
  await feed.ask('subscribe', { topic: 'flags' });
  await eventually(20_000, 'the first entry', async () => (await metric(server, 'accepted')) === 1);
  await entry(redis, 'live');
  await redis.ask('XADD', 'updates', '*', 'flagKey', 'fields', 'action', 'disabled', 'namespace', 'bep');
  await redis.ask('XADD', 'updates', '*', 'message', 'garbage');
  await told(feed, 'fields');
  await eventually(10_000, 'the acknowledgement', async () => (await redis.ask('XPENDING', 'updates', 'corohub'))[0] === 0);
  await server.stop();
  await entry(redis, 'away');
  await server.launch();
  await eventually(20_000, 'the entry that waited', async () => (await metric(server, 'accepted')) === 1);
  const keys = await historyOf(await admin.again());
  assert.deepEqual(keys.filter((key) => key !== 'known'), ['before', 'live', 'fields', 'away']);
});

test('T73: a stream goes on behind entries that no reply has room for', needsRedis(), async (t) => {
  const redis = await Redis.start(t);
  const { server, admin } = await house(t, { redis, settings: { 'ingest.stream': 'updates', 'redis.channel': '' } });
  await server.stop();
  const many = (count) => Array.from({ length: count }, (_, i) => [`f${i}`, 'v']).flat();
  const add = (words) => redis.ask('XADD', 'updates', '*', ...words);
  await entry(redis, 'first');
  await add(many(40_000));
  await entry(redis, 'second');
  await redis.all(Array.from({ length: 64 }, (_, i) => ['XADD', 'updates', '*', 'other', 'x'.repeat(60 << 10), 'payload', JSON.stringify(update(`large${i}`, 'updated', { x: 'x'.repeat(60 << 10) }))]));
  await redis.all(Array.from({ length: 64 }, () => ['XADD', 'updates', '*', ...many(600)]));
  await entry(redis, 'last');
  await server.launch();
  const back = await admin.again();
  await eventually(60_000, 'the last entry', async () => (await historyOf(back)).includes('last'));
  assert.deepEqual((await historyOf(back)).filter((key) => key !== 'known'), ['first', 'second', ...Array.from({ length: 64 }, (_, i) => `large${i}`), 'last']);
  assert.equal(await metric(server, 'bad'), 65);
  await eventually(10_000, 'the acknowledgement', async () => (await redis.ask('XPENDING', 'updates', 'corohub'))[0] === 0);
});

test('R1: what was stored and not acknowledged is acknowledged after kill -9, and not done again', needsRedis(), async (t) => {
  const redis = await Redis.start(t);
  const rights = ['~updates', '+xgroup', '+xreadgroup'];
  await redis.ask('ACL', 'SETUSER', 'corohub', 'on', '>secret', ...rights);
  const { server, admin } = await house(t, { redis, settings: { 'redis.url': `redis://corohub:secret@127.0.0.1:${redis.port}`, 'ingest.stream': 'updates', 'redis.channel': '' } });
  await server.process.printed(/redis\.connected/);
  await entry(redis, 'one');
  await server.process.printed(/XACK is refused/);
  await server.crash();
  assert.equal((await redis.ask('XPENDING', 'updates', 'corohub'))[0], 1);
  await redis.ask('ACL', 'SETUSER', 'corohub', '+xack');
  await entry(redis, 'two');
  await server.launch();
  await eventually(20_000, 'the second entry', async () => (await metric(server, 'accepted')) === 1);
  await eventually(10_000, 'both acknowledged', async () => (await redis.ask('XPENDING', 'updates', 'corohub'))[0] === 0);
  assert.deepEqual((await historyOf(await admin.again())).filter((key) => key !== 'known'), ['one', 'two']);
});

test('R1: a stream through kill -9 and lost acknowledgements: nothing is lost, nothing comes twice', needsRedis(), async (t) => {
  const redis = await Redis.start(t);
  const { server, admin } = await house(t, { redis, settings: { 'ingest.stream': 'updates', 'redis.channel': '' } });
  const count = 1_500;
  const add = async (from, to) => redis.all(Array.from({ length: to - from }, (_, i) => ['XADD', 'updates', '*', 'message', JSON.stringify(update(`f${from + i}`))]));
  await add(0, 500);
  for (let round = 1; round <= 4; ++round) {
    await eventually(20_000, 'some of it', async () => (await metric(server, 'accepted')) > 0);
    await server.crash();
    // What was stored, but not acknowledged: given to the server once more.
    await redis.ask('XGROUP', 'SETID', 'updates', 'corohub', '0');
    await add(250 + round * 250, 500 + round * 250);
    await server.launch();
  }
  await eventually(30_000, 'all acknowledged', async () => {
    const [list] = await redis.ask('XINFO', 'GROUPS', 'updates');
    const group = Object.fromEntries(Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i], list[2 * i + 1]]));
    const last = (await redis.ask('XREVRANGE', 'updates', '+', '-', 'COUNT', '1'))[0][0];
    return group.pending === 0 && group['last-delivered-id'] === last;
  });
  const keys = await historyOf(await admin.again());
  assert.deepEqual(keys.filter((key) => key !== 'known'), Array.from({ length: count }, (_, i) => `f${i}`));
});
