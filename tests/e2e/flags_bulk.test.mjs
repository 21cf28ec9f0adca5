// Whole environments of flags: export, import, copy, scheduled changes over a kill, dry runs; and the same from
// the terminal.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Api } from './api.mjs';
import { BINARY, Server, eventually, run, temporaryDirectory } from './server.mjs';

const N = '/api/v1/namespaces';
const V = `${N}/default/environments/default`;
const flag = (more = {}) => ({ state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off', ...more });
const DOCUMENT = {
  flags: {
    'new-feature': flag({ targeting: { if: [{ $ref: 'staff' }, 'on'] } }),
    plain: flag({ state: 'DISABLED' }),
  },
  $evaluators: { staff: { ends_with: [{ var: 'email' }, '@example.com'] } },
};

async function house(t, options) {
  const server = await Server.start(t, options);
  const admin = await new Api(server).member('admin');
  return { server, admin };
}
const imported = (admin, document, query = '', status = 200) =>
  admin.expect(status, 'POST', `${V}/import${query}`, { body: document });
const exported = async (admin, query = '', headers = {}) =>
  admin.api.request('GET', `${V}/export${query}`, { token: admin.token, headers });
const fields = ({ json }) => json.errors.map(({ field, code }) => `${field} ${code}`);

test('an export is stable, known by its tag, and changes nothing when it is imported again', async (t) => {
  const { admin } = await house(t);
  const report = await imported(admin, DOCUMENT);
  assert.deepEqual(report, {
    created: ['new-feature', 'plain'], updated: [], deleted: [], unchanged: 0,
    segments: { created: ['staff'], updated: [], deleted: [], unchanged: 0 }, warnings: [],
  });
  const first = await exported(admin);
  const document = JSON.parse(first.text);
  assert.deepEqual(Object.keys(document), ['$schema', 'flags', '$evaluators', 'metadata']);
  assert.equal(document.metadata.flagSetId, 'default/default');
  assert.equal(first.headers.get('etag'), `"r${document.metadata.version}"`);
  assert.equal((await exported(admin, '', { 'If-None-Match': first.headers.get('etag') })).status, 304);
  for (const mode of ['merge', 'replace']) {
    const again = await imported(admin, first.text, `?mode=${mode}`);
    assert.deepEqual([again.created, again.updated, again.deleted, again.unchanged], [[], [], [], 2]);
  }
  const second = await exported(admin);
  assert.equal(second.text, first.text);
  assert.equal(second.headers.get('etag'), first.headers.get('etag'));
  assert.ok(!(await exported(admin, '?plain=true')).text.includes('x-corohub'));
});

test('what is wrong with a document is told with its place, and nothing of it is taken', async (t) => {
  const { admin } = await house(t);
  await imported(admin, DOCUMENT);
  const before = (await exported(admin)).text;
  const refused = async (body, query = '') => {
    const answer = await admin.api.request('POST', `${V}/import${query}`, { token: admin.token, body });
    assert.equal((await exported(admin)).text, before);
    return answer;
  };
  const wrong = await refused({ flags: { good: flag(), plain: { state: 'ENABLED', variants: { x: 1 } } } }, '?mode=replace');
  assert.equal(wrong.status, 422);
  assert.deepEqual(fields(wrong), ['/flags/plain/variants type_fixed']);
  assert.deepEqual(fields(await refused({ flags: { a: flag({ targeting: { nope: [] } }) } })), ['/flags/a/targeting/nope unknown_operator']);
  assert.equal((await refused('{"flags":{"a":1,"a":1}}')).status, 400);
  assert.equal((await refused(`{"flags":{"a":${'['.repeat(100_000)}`)).status, 400);
  const told = await imported(admin, { flags: { third: flag() } }, '?dry_run=true&mode=replace');
  assert.deepEqual([told.created, told.deleted], [['third'], ['new-feature', 'plain']]);
  assert.equal((await exported(admin)).text, before);
});

test('a document of four MiB is imported while the server answers others', { timeout: 120_000 }, async (t) => {
  const { server, admin } = await house(t);
  const flags = {};
  for (let i = 0; i < 1_900; ++i)
    flags[`flag-${i}`] = flag({ targeting: { if: [{ in: [{ var: 'email' }, Array.from({ length: 76 }, (_, k) => `user-${i}-${k}@example.com`)] }, 'on'] } });
  const body = JSON.stringify({ flags });
  assert.ok(body.length > 3.5 * (1 << 20) && body.length < 4 << 20, String(body.length));
  let done = false;
  let answered = 0;
  const others = (async () => { while (!done) { assert.ok((await fetch(`${server.url}/readyz`)).ok); ++answered; } })();
  const report = await imported(admin, body);
  done = true;
  await others;
  assert.equal(report.created.length, 1_900);
  assert.ok(answered > 5, `${answered} answers meanwhile`);
  assert.equal((await imported(admin, body)).unchanged, 1_900);
});

test('flags are copied with what they need, and a segment in use stays', async (t) => {
  const { admin } = await house(t);
  await imported(admin, DOCUMENT);
  await admin.expect(201, 'POST', N, { body: { key: 'other' } });
  const copy = (body, status = 200) => admin.expect(status, 'POST', `${V}/copy`, { body });
  const report = await copy({ to: { namespace: 'other', environment: 'default' }, keys: ['new-feature'], states: 'disable' });
  assert.deepEqual([report.created, report.segments.created], [['new-feature'], ['staff']]);
  const there = await admin.expect(200, 'GET', `${N}/other/environments/default/flags/new-feature`);
  assert.equal(there.state, 'DISABLED');
  await imported(admin, { flags: { child: flag({ 'x-corohub': { parent: 'plain' } }) } });
  const refuses = async (body) => {
    const answer = await admin.api.request('POST', `${V}/copy`, { token: admin.token, body });
    assert.equal(answer.status, 422, answer.text);
    return fields(answer);
  };
  const other = { namespace: 'other', environment: 'default' };
  assert.deepEqual(await refuses({ to: other, keys: ['child'] }), ['/keys/0 unknown_flag']);
  assert.deepEqual(await refuses({ to: other, keys: ['plain', 'nobody'] }), ['/keys/1 unknown_flag']);
  assert.deepEqual(await refuses({ to: { environment: 'nowhere' } }), ['/to/environment unknown_value']);
  assert.deepEqual(await refuses({ to: { namespace: 'nowhere', environment: 'default' } }), ['/to/namespace unknown_value']);
  assert.deepEqual(await refuses({ keys: 7, more: 1 }), ['/more unknown_member', '/to required']);
  assert.deepEqual((await copy({ to: other, dry_run: true })).created, ['child', 'plain']);
  assert.deepEqual((await copy({ to: other, keys: ['child', 'plain'] })).created, ['child', 'plain']);

  const used = await admin.api.request('DELETE', `${V}/segments/staff`, { token: admin.token, headers: { 'If-Match': '"v1"' } });
  assert.equal(used.status, 409);
  assert.deepEqual([used.json.code, used.json.flags], ['in_use', ['new-feature']]);
  const put = (headers, rule = { '==': [1, 1] }) => admin.api.request('PUT', `${V}/segments/staff`, { token: admin.token, headers, body: { rule } });
  assert.equal((await put({})).status, 428);
  assert.equal((await put({ 'If-Match': '"v7"' })).status, 412);
  assert.equal((await put({ 'If-Match': '"v1"' })).headers.get('etag'), '"v2"');
  assert.deepEqual(fields(await put({ 'If-Match': '"v2"' }, { $ref: 'x' }))[0], '/rule/$ref nested_ref');
});

test('a dry run tells every step, also of a definition that is not saved', async (t) => {
  const { admin } = await house(t);
  await imported(admin, DOCUMENT);
  const evaluate = (body, key = 'new-feature') => admin.expect(200, 'POST', `${V}/flags/${key}/evaluate`, { body });
  const matched = await evaluate({ context: { email: 'ann@example.com' } });
  assert.deepEqual([matched.result.value, matched.result.reason, matched.result.variant], [true, 'TARGETING_MATCH', 'on']);
  assert.deepEqual(matched.steps.map(({ step }) => step), ['visible', 'state', 'gates', 'targeting']);
  assert.ok(matched.rule.some(({ op, result }) => op === 'ends_with' && result === true), JSON.stringify(matched.rule));
  const fallen = await evaluate({});
  assert.deepEqual(fallen.steps.map(({ step }) => step), ['visible', 'state', 'gates', 'targeting', 'default']);
  assert.equal(fallen.result.reason, 'DEFAULT');
  assert.deepEqual((await evaluate({}, 'plain')).steps.at(-1), { step: 'state', outcome: 'DISABLED' });
  const unsaved = await evaluate({ definition: flag({ defaultVariant: 'on' }) }, 'plain');
  assert.deepEqual([unsaved.result.reason, unsaved.result.value], ['STATIC', true]);
  const refuses = async (body) => {
    const answer = await admin.api.request('POST', `${V}/flags/plain/evaluate`, { token: admin.token, body });
    assert.equal(answer.status, 422, answer.text);
    return fields(answer)[0];
  };
  assert.equal(await refuses({ client: 'nobody' }), '/client unknown_value');
  assert.equal(await refuses({ user_id: 999_999 }), '/user_id unknown_value');
  assert.equal(await refuses({ definition: { state: 'ENABLED', variants: { a: 1 } } }), '/definition/variants type_fixed');
  assert.equal(await refuses({ definition: flag({ targeting: { if: [{ $ref: 'nobody' }, 'on'] } }) }), '/definition/targeting/if/0/$ref unknown_segment');
  const user = await new Api(admin.api.server).register();
  await admin.expect(200, 'PATCH', `${N}/default/flags/plain`, { headers: { 'If-Match': '"v1"' }, body: { client_visible: false } });
  const unseen = await evaluate({ user_id: user.id }, 'plain');
  assert.deepEqual([unseen.result.errorCode, unseen.steps], ['FLAG_NOT_FOUND', [{ step: 'visible', outcome: 'no' }]]);
});

test('scheduled changes survive a kill, are made in order, and tell when they fail', { timeout: 120_000 }, async (t) => {
  const { server, admin } = await house(t, { settings: { 'auth.access_ttl_s': 3600 } });
  server.launchArgs[server.launchArgs.indexOf('127.0.0.1:0')] = server.host;
  await imported(admin, DOCUMENT);
  const schedule = (name, at, change, more = {}) =>
    admin.expect(201, 'POST', `${V}/schedule`, { body: { flag: name, at: new Date(at).toISOString(), change, ...more } });
  const listed = () => admin.expect(200, 'GET', `${V}/schedule`);

  const now = await schedule('plain', Date.now() - 60_000, { state: 'ENABLED' });
  assert.equal(now.state, 'pending');
  await eventually(5_000, 'what is due at once', async () => (await listed())[0].state === 'done');
  assert.equal((await admin.expect(200, 'GET', `${V}/flags/plain`)).state, 'ENABLED');

  const at = Date.now() + 1_500;
  await schedule('plain', at, { defaultVariant: 'on' });
  await schedule('plain', at, { state: 'DISABLED' });
  const stale = await schedule('plain', at, { state: 'ENABLED' }, { if_version: 1 });
  const never = await schedule('plain', Date.now() + 3_600_000, { state: 'ENABLED' });
  await admin.expect(204, 'DELETE', `${V}/schedule/${never.id}`);
  await server.crash();
  await server.launch();
  await eventually(20_000, 'the changes after the kill', async () => (await listed()).every(({ state }) => state !== 'pending'));
  assert.deepEqual((await listed()).map(({ state, error }) => [state, error]),
    [['done', null], ['done', null], ['done', null], ['failed', 'version_mismatch'], ['cancelled', null]]);
  const plain = await admin.expect(200, 'GET', `${V}/flags/plain`);
  assert.deepEqual([plain.state, plain.defaultVariant], ['DISABLED', 'on']);
  const failed = (await admin.expect(200, 'GET', '/api/v1/events?types=schedule.failed')).map(({ data }) => data);
  assert.deepEqual(failed.map(({ id, error, namespace, environment }) => [id, error, namespace, environment]),
    [[stale.id, 'version_mismatch', 'default', 'default']]);

  const refuses = async (body) => fields(await admin.api.request('POST', `${V}/schedule`, { token: admin.token, body }))[0];
  assert.equal(await refuses({ flag: 'nobody', at: new Date().toISOString(), change: {} }), '/flag unknown_flag');
  assert.equal(await refuses({ flag: 'plain', at: 'tomorrow', change: {} }), '/at invalid_format');
  assert.equal(await refuses({ flag: 'plain', at: new Date().toISOString(), change: { state: 'ON' } }), '/change/state unknown_value');
});

test('the terminal imports, exports and evaluates', async (t) => {
  const { server, admin } = await house(t);
  const directory = temporaryDirectory(t);
  const env = { ...process.env, XDG_CONFIG_HOME: directory, COROHUB_TOKEN: admin.token };
  const corohub = (args, options = {}) => run(BINARY, ['flags', ...args, '--server', server.url], { env, ...options });
  const file = join(directory, 'flags.json');
  writeFileSync(file, JSON.stringify(DOCUMENT));

  const told = await corohub(['import', file, '--dry-run']);
  assert.equal(told.code, 0, told.output);
  assert.deepEqual(JSON.parse(told.stdout).data.created, ['new-feature', 'plain']);
  assert.deepEqual(JSON.parse((await corohub(['export'])).stdout).flags, {});
  assert.equal((await corohub(['import', '-', '--comment', 'from the terminal'], { input: readFileSync(file, 'utf8') })).code, 0);
  const [entry] = await admin.expect(200, 'GET', '/api/v1/admin/audit?action=flag.create&limit=1');
  assert.equal(entry.detail.comment, 'from the terminal');

  const out = await corohub(['export']);
  writeFileSync(file, out.stdout);
  const again = JSON.parse((await corohub(['import', file, '--mode', 'replace'])).stdout).data;
  assert.deepEqual([again.created, again.updated, again.deleted, again.unchanged], [[], [], [], 2]);
  assert.equal((await corohub(['export'])).stdout, out.stdout);
  assert.ok(!(await corohub(['export', '--plain'])).stdout.includes('x-corohub'));

  const found = await corohub(['eval', 'new-feature', '--context', '{"email":"ann@example.com"}']);
  assert.equal(JSON.parse(found.stdout).data.result.variant, 'on');

  const fails = async (code, pattern, args, options) => {
    const result = await corohub(args, options);
    assert.equal(result.code, code, result.output);
    assert.match(result.output, pattern);
    assert.equal(result.output.trimEnd().split('\n').length, 1, result.output);
  };
  await fails(64, /cannot read/, ['import', join(directory, 'nothing.json')]);
  await fails(64, /both come from standard input/, ['import', '-', '--token-stdin']);
  await fails(64, /is no key/, ['export', '--namespace', '../users']);
  await fails(64, /must be a JSON object/, ['eval', 'plain', '--context', '[]']);
  await fails(1, /not_found/, ['export', '--namespace', 'nowhere']);
  await fails(1, /\/flags\/a\/variants/, ['import', '-'], { input: '{"flags":{"a":{"state":"ENABLED"}}}' });
  const user = await new Api(server).register();
  await fails(77, /forbidden/, ['export'], { env: { ...env, COROHUB_TOKEN: user.token } });
});
