// Evaluation over the OpenFeature Remote Evaluation Protocol, by HTTP as it is written.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { change, clientKey, define, flip, holder, makeClient, makeEnvironment, makeFlag, makeNamespace, N, office, refused, serviceKey, V } from './flags.mjs';
import { eventually } from './server.mjs';
import { request } from './sockjs.mjs';

const BULK = '/ofrep/v1/evaluate/flags';
const at = (namespace, environment) => ({ 'X-Corohub-Namespace': namespace, ...(environment && { 'X-Corohub-Environment': environment }) });

async function bank(t, options) {
  const rig = await office(t, options);
  await makeNamespace(rig.admin, 'bep', { access: 'public' });
  await makeNamespace(rig.admin, 'inner');
  await makeNamespace(rig.admin, 'shut', { access: 'clients' });
  return rig;
}

const evaluate = (who, key, context, headers = at('bep')) => who.request('POST', `${BULK}/${key}`, { body: { context }, headers });
const bulk = (who, context, headers = {}, namespace = 'bep') => who.request('POST', BULK, { body: { context }, headers: { ...at(namespace), ...headers } });
const keysOf = ({ json }) => json.flags.map(({ key }) => key);

// An answer of OFREP that is no evaluation's.
function failed(answer, status, errorCode = 'GENERAL') {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.json.errorCode, errorCode, answer.text);
  assert.equal(typeof answer.json.errorDetails, 'string', answer.text);
}

// What a stream says, each with its end.
const CONNECTED = /"connected".*\n\n/;
const REFETCH = /refetchEvaluation.*\n\n/;
// The events of a stream that have come whole: [{id, event, data}], and what else stands in it.
const eventsIn = (text) => text.split('\n\n').slice(0, -1).map((block) => Object.fromEntries(block.split('\n').filter((line) => /^\w+:/.test(line)).map((line) => {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
}))).filter(({ data }) => data !== undefined).map((each) => ({ ...each, data: JSON.parse(each.data) }));

async function listen(t, server, uri, headers = {}) {
  const stream = await request(server, 'GET', uri, { stream: true, headers });
  t.after(() => stream.abort());
  return stream;
}

// Whether a stream is refused; one that is not goes at once.
async function opensNone(server, uri) {
  const stream = await request(server, 'GET', uri, { stream: true });
  stream.abort();
  return stream.status === 401;
}

const refetches = (stream) => eventsIn(stream.text).filter(({ data }) => data.type === 'refetchEvaluation');

test('one flag: values, reasons, errors', async (t) => {
  const { api, admin } = await bank(t);
  const rows = [
    ['static', {}, { value: false, reason: 'STATIC', variant: 'off' }],
    ['empty-rule', { targeting: {} }, { value: false, reason: 'STATIC', variant: 'off' }],
    ['no-default', { defaultVariant: undefined }, { reason: 'DEFAULT' }],
    ['hit', { targeting: { if: [{ '==': [{ var: 'tier' }, 'gold'] }, 'on', 'off'] } }, { value: true, reason: 'TARGETING_MATCH', variant: 'on' }],
    ['miss', { targeting: { if: [false, 'on', null] } }, { value: false, reason: 'DEFAULT', variant: 'off' }],
    ['miss-without-default', { defaultVariant: undefined, targeting: { if: [false, 'on'] } }, { reason: 'DEFAULT' }],
    ['by-boolean', { variants: { true: 1, false: 0 }, defaultVariant: 'true', targeting: { '==': [1, 2] } }, { value: 0, reason: 'TARGETING_MATCH', variant: 'false' }],
    ['by-number', { variants: { 1: 'one', 2: 'two' }, defaultVariant: '1', targeting: { '+': [1, 1] } }, { value: 'two', reason: 'TARGETING_MATCH', variant: '2' }],
    ['empty-text', { variants: { none: '' }, defaultVariant: 'none' }, { value: '', reason: 'STATIC', variant: 'none' }],
    ['empty-object', { variants: { none: {} }, defaultVariant: 'none' }, { value: {}, reason: 'STATIC', variant: 'none' }],
    ['zero', { variants: { none: 0 }, defaultVariant: 'none' }, { value: 0, reason: 'STATIC', variant: 'none' }],
    ['disabled', { state: 'DISABLED' }, { reason: 'DISABLED' }],
    ['user', { targeting: { if: [{ '==': [{ var: 'corohub.kind' }, 'guest'] }, 'on', 'off'] } }, { value: true, reason: 'TARGETING_MATCH', variant: 'on' }],
    ['own-key', { targeting: { if: [{ '==': [{ var: '$flagd.flagKey' }, 'own-key'] }, 'on'] } }, { value: true, reason: 'TARGETING_MATCH', variant: 'on' }],
    // What a caller says in the server's name does not count.
    ['forged', { targeting: { if: [{ '==': [{ var: 'corohub.role' }, 'admin'] }, 'on', 'off'] } }, { value: false, reason: 'TARGETING_MATCH', variant: 'off' }],
  ];
  const context = { tier: 'gold', corohub: { role: 'admin', kind: 'service' }, $flagd: { flagKey: 'x' } };
  for (const [key, more, expected] of rows) {
    await makeFlag(admin, 'bep', key, more);
    const answer = await evaluate(api, key, context);
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers.get('content-type'), /^application\/json/);
    assert.deepEqual(answer.json, { key, ...expected, metadata: {} });
  }
  const missing = await evaluate(api, 'nobody', {});
  assert.equal(missing.status, 404);
  assert.deepEqual([missing.json.key, missing.json.errorCode], ['nobody', 'FLAG_NOT_FOUND']);

  const loose = `${V('bep')}/flags/static?strict=false`;
  for (const [targeting, code] of [[{ nope: [1] }, 'PARSE_ERROR'], [{ $ref: 'nobody' }, 'PARSE_ERROR'], [{ if: [true, 'third'] }, 'GENERAL'], [{ '/': [1, 0] }, 'PARSE_ERROR']]) {
    const etag = (await admin.request('GET', `${V('bep')}/flags/static`)).headers.get('etag');
    const taken = await admin.request('PATCH', loose, { body: { targeting }, headers: { 'If-Match': etag } });
    assert.equal(taken.status, 200, taken.text);
    const answer = await evaluate(api, 'static', {});
    failed(answer, 400, code);
    assert.equal(answer.json.key, 'static');
    const inBulk = (await bulk(api, {})).json.flags.find(({ key }) => key === 'static');
    assert.equal(inBulk.errorCode, code);
  }
});

test('metadata: the flag\'s over its environment\'s, and nothing else', async (t) => {
  const { api, admin } = await bank(t);
  await change(admin, 'PATCH', V('bep'), { metadata: { team: 'a', since: 1 } });
  await makeFlag(admin, 'bep', 'one', { metadata: { team: 'b' } });
  assert.deepEqual((await evaluate(api, 'one', {})).json.metadata, { team: 'b', since: 1 });
  const all = await bulk(api, {});
  const { revision } = await admin.expect(200, 'GET', V('bep'));
  assert.deepEqual(all.json.metadata, { team: 'a', since: 1, flagSetId: 'bep/default', version: String(revision) });
  assert.deepEqual(all.json.flags, [{ key: 'one', value: false, reason: 'STATIC', variant: 'off', metadata: { team: 'b', since: 1 } }]);
});

test('gates: a parent that is off closes what is below it', async (t) => {
  const { api, admin } = await bank(t);
  await makeFlag(admin, 'bep', 'parent', { defaultVariant: 'on' });
  await makeFlag(admin, 'bep', 'child', { parent: 'parent', defaultVariant: 'on' });
  await makeFlag(admin, 'bep', 'words', { parent: 'parent', variants: { a: 'x' }, defaultVariant: 'a' });
  assert.equal((await evaluate(api, 'child', {})).json.value, true);
  const closed = async () => {
    const { json } = await evaluate(api, 'child', {});
    assert.deepEqual(json, { key: 'child', value: false, variant: 'off', reason: 'DISABLED', metadata: { gate: 'parent' } });
    assert.deepEqual((await evaluate(api, 'words', {})).json, { key: 'words', reason: 'DISABLED', metadata: { gate: 'parent' } });
  };
  await flip(admin, 'bep', 'parent', 'disable');
  await closed();
  await flip(admin, 'bep', 'parent', 'enable');
  await define(admin, 'bep', 'parent', { defaultVariant: 'off' });
  await closed();
});

test('T51, T51c: who evaluates where: guests, users, keys; the places to say where', async (t) => {
  const { api, admin, john } = await bank(t);
  await makeEnvironment(admin, 'bep', 'staging');
  for (const namespace of ['default', 'bep', 'inner', 'shut']) await makeFlag(admin, namespace, 'one');
  await flip(admin, 'bep', 'one', 'enable', 'staging');
  await define(admin, 'bep', 'one', { defaultVariant: 'on' }, 'staging');

  const status = async (who, namespace, environment) => (await evaluate(who, 'one', {}, at(namespace, environment))).status;
  assert.deepEqual(await Promise.all(['bep', 'inner', 'shut', 'nobody'].map((place) => status(api, place))), [200, 401, 401, 401]);
  assert.deepEqual(await Promise.all(['bep', 'inner', 'shut', 'nobody'].map((place) => status(john, place))), [200, 200, 404, 404]);
  assert.deepEqual(await Promise.all(['bep', 'inner', 'shut', 'nobody'].map((place) => status(admin, place))), [200, 200, 404, 404], 'an admin is a user here');
  const service = holder(api, await serviceKey(admin, 'flags:evaluate'));
  assert.deepEqual(await Promise.all(['bep', 'inner', 'shut', 'nobody'].map((place) => status(service, place))), [200, 200, 200, 404]);
  const scoped = holder(api, await serviceKey(admin, 'flags:evaluate:inner'));
  assert.deepEqual(await Promise.all(['bep', 'inner', 'shut', 'nobody'].map((place) => status(scoped, place))), [404, 200, 404, 404]);
  assert.equal(await status(holder(api, await serviceKey(admin, 'flags:read')), 'shut'), 200);
  assert.ok((await status(holder(api, await serviceKey(admin, 'publish')), 'inner')) >= 401);
  assert.equal(await status(api, 'bep', 'nobody'), 401);
  assert.equal(await status(john, 'bep', 'nobody'), 404);

  failed(await evaluate(api, 'one', {}, at('inner')), 401);
  failed(await evaluate(john, 'one', {}, at('shut')), 404);
  assert.match((await evaluate(john, 'one', {}, at('shut'))).headers.get('content-type'), /^application\/problem\+json/);
  failed(await api.request('POST', `${BULK}/one`, { token: 'no token', body: {}, headers: at('bep') }), 401);
  failed(await api.request('POST', `${BULK}/one`, { body: {}, headers: { ...at('bep'), 'X-API-Key': 'chk_nothing' } }), 401);
  assert.equal((await api.request('POST', `${BULK}/one`, { token: john.token, body: {}, headers: { ...at('bep'), 'X-API-Key': await serviceKey(admin, 'flags:evaluate') } })).status, 400, 'two credentials');
  const byBearer = await api.request('POST', `${BULK}/one`, { token: await serviceKey(admin, 'flags:evaluate'), body: {}, headers: at('shut') });
  assert.equal(byBearer.status, 200, 'a key as bearer');
  assert.equal((await evaluate(john, 'one', {}, {})).status, 200, 'default is where one is who says nothing');

  const value = async (options, query = '') => (await api.request('POST', `${BULK}/one${query}`, { body: {}, ...options })).json.value;
  assert.equal(await value({ headers: at('bep', 'staging') }), true);
  assert.equal(await value({}, '?namespace=bep&environment=staging'), true);
  assert.equal(await value({}, '?namespace=bep'), false);

  // What a service key sees and others do not.
  await makeFlag(admin, 'bep', 'hidden', { client_visible: false });
  await makeFlag(admin, 'bep', 'below', { parent: 'hidden' });
  await makeFlag(admin, 'bep', 'gated', { package_gated: true });
  assert.deepEqual(keysOf(await bulk(api, {})), ['one']);
  assert.deepEqual(keysOf(await bulk(admin, {})), ['one']);
  assert.deepEqual(keysOf(await bulk(service, {})), ['below', 'gated', 'hidden', 'one']);
  failed(await evaluate(john, 'hidden', {}), 404, 'FLAG_NOT_FOUND');
  failed(await evaluate(john, 'below', {}), 404, 'FLAG_NOT_FOUND');
});

test('contexts: none, null, bad and too much of one', async (t) => {
  const { api, admin, john } = await bank(t);
  await makeFlag(admin, 'bep', 'one', { targeting: { if: [{ '==': [{ var: 'targetingKey' }, `user:${john.id}`] }, 'on', 'off'] } });
  const say = (body, path = `${BULK}/one`, more = {}) => api.request('POST', path, { body, headers: { ...at('bep'), ...more } });
  for (const body of [undefined, '', '{}', '{"context":null}', '{"context":{}}', '{"context":{"targetingKey":"x"}}']) {
    for (const path of [`${BULK}/one`, BULK]) {
      const answer = await say(body, path);
      assert.equal(answer.status, 200, `${body}: ${answer.text}`);
    }
  }
  assert.equal((await say('{}', undefined, { 'Content-Type': 'text/plain' })).status, 200, 'its type is not asked');
  const deep = (levels) => (levels === 0 ? 1 : { a: deep(levels - 1) });
  const bad = ['{', '[]', '7', '{"context":7}', '{"context":[]}', '{"context":{"targetingKey":7}}', '{"context":{"a":1,"a":2}}',
    JSON.stringify({ context: deep(17) }), JSON.stringify({ context: Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`m${i}`, 1])) }),
    JSON.stringify({ context: { a: 'x'.repeat(17_000) } })];
  for (const body of bad) {
    for (const path of [`${BULK}/one`, BULK]) failed(await say(body, path), 400, 'INVALID_CONTEXT');
  }
  failed(await say(JSON.stringify({ context: { a: 'x'.repeat(70_000) } })), 413);
  assert.equal((await evaluate(api, 'one', {})).json.value, false);
  assert.equal((await evaluate(john, 'one', {})).json.value, true, 'a user is its own targeting key');
  assert.equal((await evaluate(john, 'one', { targetingKey: 'x' })).json.value, false, 'a given one is believed');
});

test('T51e: an ETag is of the context, the caller and the rules; a 304 has no body', async (t) => {
  const { api, admin, john } = await bank(t);
  await makeFlag(admin, 'bep', 'one', { targeting: { if: [{ '==': [{ var: 'tier' }, 'gold'] }, 'on', 'off'] } });
  const first = await bulk(api, { tier: 'gold', a: 1 });
  const etag = first.headers.get('etag');
  const { revision } = await admin.expect(200, 'GET', V('bep'));
  assert.match(etag, new RegExp(`^"r${revision}-[\\w-]+-\\d+"$`));
  for (const sent of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const answer = await bulk(api, { tier: 'gold', a: 1 }, { 'If-None-Match': sent });
    assert.deepEqual([answer.status, answer.text, answer.headers.get('etag')], [304, '', etag], sent);
  }
  assert.equal((await bulk(api, { a: 1.0, tier: 'gold' }, { 'If-None-Match': etag })).status, 304, 'the order of members is none of it');
  assert.equal((await api.request('POST', `${BULK}?flagConfigEtag=x&flagConfigLastModified=7`, { body: { context: { tier: 'gold', a: 1 } }, headers: { ...at('bep'), 'If-None-Match': etag } })).status, 304);
  const fresh = async (who, context, namespace) => assert.equal((await bulk(who, context, { 'If-None-Match': etag }, namespace)).status, 200);
  await fresh(api, { tier: 'silver', a: 1 });
  await fresh(john, { tier: 'gold', a: 1 });
  await define(admin, 'bep', 'one', { metadata: { now: true } });
  await fresh(api, { tier: 'gold', a: 1 });

  assert.match(first.headers.get('cache-control'), /no-store|private/, 'no cache that others read keeps it');

  // A rule that asks for the time makes the answer what the tag is of.
  await makeFlag(admin, 'bep', 'timed', { targeting: { if: [{ '>': [{ var: '$flagd.timestamp' }, 1] }, 'on', 'off'] } });
  const timed = (await bulk(api, {})).headers.get('etag');
  assert.equal((await bulk(api, {}, { 'If-None-Match': timed })).status, 304);
});

test('a stream: connected, then one call to ask again for each change that concerns', async (t) => {
  const { server, api, admin } = await bank(t);
  await makeFlag(admin, 'bep', 'one');
  await makeFlag(admin, 'bep', 'hidden', { client_visible: false });
  await makeEnvironment(admin, 'bep', 'staging');
  const all = await bulk(api, {});
  assert.equal(all.json.eventStreams.length, 1);
  const { type, endpoint, inactivityDelaySec } = all.json.eventStreams[0];
  assert.deepEqual([type, inactivityDelaySec], ['sse', 120]);
  assert.match(endpoint.requestUri, /^\/ofrep\/v1\/events\?t=[\w.~-]+$/);
  const stream = await listen(t, server, endpoint.requestUri);
  assert.equal(stream.status, 200);
  assert.match(stream.headers['content-type'], /^text\/event-stream/);
  await stream.until(CONNECTED);
  assert.match(stream.text, /^retry: ?\d+\n/);
  const [hello] = eventsIn(stream.text);
  assert.match(hello.id, /^[\w-]+:\d+$/);
  assert.deepEqual(hello.data, { type: 'connected' });

  // Neither what is hidden nor another environment concerns a guest; the next that does comes alone.
  await define(admin, 'bep', 'hidden', { defaultVariant: 'on' });
  await flip(admin, 'bep', 'one', 'enable', 'staging');
  await flip(admin, 'bep', 'one', 'disable');
  await stream.until(REFETCH);
  const [call, ...more] = refetches(stream);
  assert.equal(more.length, 0, stream.text);
  const { revision } = await admin.expect(200, 'GET', V('bep'));
  assert.equal(call.event, 'message');
  assert.match(call.id, /^[\w-]+:\d+$/);
  assert.equal(call.data.etag, `"r${revision}"`);
  assert.ok(Number.isInteger(call.data.lastModified));

  // Back with what it had: nothing was missed. With what is older: one call at once.
  const calm = await listen(t, server, endpoint.requestUri, { 'Last-Event-ID': call.id });
  const behind = await listen(t, server, endpoint.requestUri, { 'Last-Event-ID': hello.id });
  const byToken = await listen(t, server, endpoint.requestUri);
  const foreign = await listen(t, server, endpoint.requestUri, { 'Last-Event-ID': 'elsewhere:7' });
  for (const each of [behind, byToken, foreign]) await each.until(REFETCH);
  await calm.until(CONNECTED);
  assert.equal(refetches(calm).length, 0);

  await Promise.all([1, 2, 3, 4, 5].map((n) => change(admin, 'PATCH', V('bep'), { metadata: { n } }).catch(() => {})));
  await eventually(10_000, 'the last call', async () => {
    const present = (await admin.expect(200, 'GET', V('bep'))).revision;
    return refetches(calm).at(-1)?.data.etag === `"r${present}"`;
  });
});

test('T26, T51d: a token of a stream: signed, good over restarts, for its principal alone, in no log', async (t) => {
  const { server, api, admin, john } = await bank(t, { settings: { 'log.level': 'trace' } });
  await makeFlag(admin, 'inner', 'one');
  const uri = (await bulk(john, {}, {}, 'inner')).json.eventStreams[0].endpoint.requestUri;
  const token = uri.split('t=')[1];
  for (const bad of ['', 'x', token.slice(0, -2), `${token.slice(0, 5)}${token[5] === 'A' ? 'B' : 'A'}${token.slice(6)}`, `${token}x`, 'x'.repeat(2000)]) {
    const answer = await api.request('GET', `/ofrep/v1/events?t=${bad}`);
    failed(answer, 401);
  }
  assert.equal((await api.request('GET', '/ofrep/v1/events')).status, 401);
  assert.equal((await api.request('GET', `/api/v1/users/me?t=${token}`)).status, 401, 'it opens nothing else');
  assert.equal((await api.request('GET', '/api/v1/users/me', { token })).status, 401);

  await server.crash();
  await server.launch();
  const stream = await listen(t, server, uri);
  assert.equal(stream.status, 200);
  await stream.until(CONNECTED);
  // It ends with the right it stands for.
  await change(admin, 'PATCH', N('inner'), { access: 'clients' });
  await stream.closed();
  assert.equal((await api.request('GET', uri)).status, 404, 'what is not his looks like what is not there');
  assert.doesNotMatch(server.output, new RegExp(token.slice(-20)));
});

test('a stream outlives its token; one that is too old opens none', async (t) => {
  const { server, api, admin } = await bank(t, { settings: { 'ofrep.stream_token_ttl_s': 2 } });
  await makeFlag(admin, 'bep', 'one');
  const first = await bulk(api, {});
  const uri = first.json.eventStreams[0].endpoint.requestUri;
  const stream = await listen(t, server, uri);
  await stream.until(CONNECTED);
  await eventually(10_000, 'the end of the token', () => opensNone(server, uri));
  const again = await bulk(api, {}, { 'If-None-Match': first.headers.get('etag') });
  assert.equal(again.status, 200, 'a token that ages gets no 304');
  assert.notEqual(again.json.eventStreams[0].endpoint.requestUri, uri);
  await flip(admin, 'bep', 'one', 'disable');
  await stream.until(REFETCH);
});

test('T2: pages of listed origins read answers and streams, others do not', async (t) => {
  const origin = 'https://shop.example';
  const { server, api, admin } = await bank(t, { settings: { 'http.cors_origins': [origin] } });
  await makeFlag(admin, 'bep', 'one');
  const asked = 'content-type,authorization,if-none-match,if-match,x-api-key,x-corohub-namespace,x-corohub-environment,x-corohub-client';
  const preflight = await api.request('OPTIONS', BULK, { headers: { Origin: origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': asked } });
  assert.ok(preflight.status < 300, preflight.text);
  const allowed = preflight.headers.get('access-control-allow-headers').toLowerCase();
  for (const name of asked.split(',')) assert.ok(allowed.includes(name), `${name} in ${allowed}`);
  const answer = await bulk(api, {}, { Origin: origin });
  assert.equal(answer.headers.get('access-control-allow-origin'), origin);
  for (const name of ['etag', 'location']) assert.ok(answer.headers.get('access-control-expose-headers').toLowerCase().includes(name));
  const not = await bulk(api, {}, { 'If-None-Match': answer.headers.get('etag'), Origin: origin });
  assert.deepEqual([not.status, not.headers.get('access-control-allow-origin')], [304, origin]);
  const stream = await listen(t, server, answer.json.eventStreams[0].endpoint.requestUri, { Origin: origin });
  assert.equal(stream.headers['access-control-allow-origin'], origin);
  const foreign = await bulk(api, {}, { Origin: 'https://evil.example' });
  assert.equal(foreign.headers.get('access-control-allow-origin'), null);
});

test('T17: who asks too often is told when to come back, by user or by address', async (t) => {
  const { api, admin, john } = await bank(t, { settings: { 'server.shards': 1, 'limits.exempt_cidrs': [], 'ofrep.requests_per_second': 2, 'ofrep.service_requests_per_second': 1000 } });
  await makeFlag(admin, 'bep', 'one');
  const flood = async (who) => (await Promise.all(Array.from({ length: 30 }, () => evaluate(who, 'one', {})))).filter(({ status }) => status === 429);
  const late = await flood(api);
  assert.ok(late.length > 0);
  failed(late[0], 429);
  assert.ok(Number(late[0].headers.get('retry-after')) >= 1);
  assert.equal((await evaluate(john, 'one', {})).status, 200, 'a user counts for himself');
  const service = holder(api, await serviceKey(admin, 'flags:evaluate'));
  assert.equal((await evaluate(service, 'one', {})).status, 200);
  assert.deepEqual((await flood(service)).map(({ text }) => text), []);
});

test('T18, T51b, T54b: what nobody should send', async (t) => {
  const { api, admin } = await bank(t);
  await makeFlag(admin, 'bep', 'one', { targeting: { if: [{ in: [{ var: 'x' }, { var: 'list' }] }, 'on', 'off'] } });
  for (const key of ['..', '%00', '%2e%2e%2fone', 'x'.repeat(3000), '%ff', 'one%20']) {
    const answer = await api.request('POST', `${BULK}/${key}`, { body: {}, headers: at('bep') });
    assert.ok(answer.status >= 400 && answer.status < 500, `${key.slice(0, 20)}: ${answer.status}`);
  }
  for (const namespace of ['../bep', 'a/b', 'x'.repeat(500), '%']) {
    assert.ok([400, 401, 404].includes((await evaluate(api, 'one', {}, { 'X-Corohub-Namespace': namespace })).status));
  }
  refused(await api.request('GET', BULK), 405, 'method_not_allowed');
  // A rule that would go on for long: it errs, and its neighbours are evaluated.
  const many = { map: [{ var: 'list' }, { reduce: [{ var: '' }, { '+': [{ var: 'current' }, { var: 'accumulator' }] }, 0] }] };
  await makeFlag(admin, 'bep', 'long', { targeting: { if: [many, 'on', 'off'] } });
  const context = { list: Array.from({ length: 110 }, () => Array.from({ length: 60 }, () => 1)), x: 1 };
  const answer = await bulk(api, context);
  assert.equal(answer.status, 200, answer.text.slice(0, 300));
  const of = (key) => answer.json.flags.find((each) => each.key === key);
  assert.equal(of('long').errorCode, 'GENERAL');
  assert.equal(of('one').value, false);
});

test('the list of connections says whose each stream is', async (t) => {
  const { server, api, admin, john } = await bank(t);
  await makeClient(admin, 'bep', 'acme');
  const client = holder(api, (await clientKey(admin, 'bep', 'acme')).key);
  const service = holder(api, await serviceKey(admin, 'flags:evaluate'));
  for (const who of [api, john, client, service]) {
    const { json } = await bulk(who);
    const stream = await listen(t, server, json.eventStreams[0].endpoint.requestUri);
    await eventually(5000, 'the beginning of the stream', () => CONNECTED.test(stream.text));
  }
  const { id } = await admin.expect(200, 'GET', `${N('bep')}/clients/acme`);
  const shown = (await admin.expect(200, 'GET', '/api/v1/admin/connections')).filter(({ transport }) => transport === 'ofrep');
  const whose = ({ kind, role, user_id: user, key_id: key, flag_client_id: of }) => `${kind} ${role} ${user} ${key !== null} ${of}`;
  assert.deepEqual(shown.map(whose).sort(), [`client user null true ${id}`, 'guest null null false null', 'service user null true null', `user user ${john.id} false null`]);
});

test('an answer names the position from which events tell of all that changes it', async (t) => {
  const { admin, john } = await bank(t);
  await makeFlag(admin, 'bep', 'one');
  const all = await bulk(john);
  const same = await bulk(john, undefined, { 'If-None-Match': all.headers.get('etag') });
  const one = await evaluate(john, 'one');
  const [since] = [all, same, one].map(({ headers }) => headers.get('corohub-position'));
  assert.equal(same.status, 304);
  assert.match(since, /^[\w-]+:\d+$/);
  assert.deepEqual([since, since], [same, one].map(({ headers }) => headers.get('corohub-position')), 'nothing has changed meanwhile');
  await flip(admin, 'bep', 'one', 'disable');
  const events = await john.expect(200, 'GET', `/api/v1/events?topic=flags/bep&types=flag.*&since=${since}`);
  assert.deepEqual(events.map(({ data }) => data.action), ['disabled']);
});
