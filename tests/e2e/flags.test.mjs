// Management of feature flags, by REST alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { barrier } from './api.mjs';
import { change, complains, define, flip, holder, makeEnvironment, makeFlag, makeNamespace, N, nested, office, ON_OFF, refused, serviceKey, V } from './flags.mjs';
import { eventually } from './server.mjs';
import { request } from './sockjs.mjs';

const eventsOf = async (admin, types) => (await admin.request('GET', `/api/v1/events?topic=flags/bep&limit=300&types=${types}`)).json.data;

test('a flag from its first POST to its last DELETE', async (t) => {
  const { admin } = await office(t);
  await makeNamespace(admin, 'bep', { name: 'Bank' });
  const made = await admin.request('POST', `${N('bep')}/flags`, {
    body: { key: 'new-feature', description: 'The new one', tags: ['web'], variants: ON_OFF, defaultVariant: 'on', metadata: { team: 'a' } },
  });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.headers.get('location'), `${N('bep')}/flags/new-feature`);
  assert.equal(made.headers.get('etag'), '"v1"');
  assert.match(made.headers.get('corohub-position'), /^[\w-]+:\d+$/);
  const { id, created_at: at, ...rest } = made.json.data;
  assert.ok(Number.isInteger(id) && id > 0);
  assert.match(at, /^\d{4}-.*\.\d{3}Z$/);
  assert.deepEqual(rest, {
    key: 'new-feature', name: 'new-feature', description: 'The new one', tags: ['web'], type: 'boolean', parent: null, platform: null, package_gated: false,
    off_variant: 'off', client_visible: true, version: 1, updated_at: at, environments: { default: { state: 'DISABLED', enabled: false, version: 1 } }, sub_features: [],
  });

  const path = `${V('bep')}/flags/new-feature`;
  await flip(admin, 'bep', 'new-feature', 'enable');
  const definition = await admin.request('GET', path);
  assert.deepEqual(definition.json.data, { key: 'new-feature', version: definition.json.data.version, enabled: true, state: 'ENABLED', variants: ON_OFF, defaultVariant: 'on', metadata: { team: 'a' } });
  assert.equal(definition.headers.get('etag'), `"v${definition.json.data.version}"`);

  const renamed = await change(admin, 'PATCH', `${N('bep')}/flags/new-feature`, { name: 'New', tags: ['web', 'app'] });
  assert.equal(renamed.headers.get('etag'), '"v2"');
  assert.equal(renamed.json.data.name, 'New');
  assert.equal((await admin.request('GET', path)).headers.get('etag'), definition.headers.get('etag'), 'the definition has a version of its own');

  await change(admin, 'DELETE', `${N('bep')}/flags/new-feature`);
  refused(await admin.request('GET', `${N('bep')}/flags/new-feature`), 404, 'not_found');
  refused(await admin.request('GET', path), 404, 'not_found');
  const again = await makeFlag(admin, 'bep', 'new-feature');
  assert.ok(again.id > id, 'ids are never used again');
});

test('a lost update is refused: 428, 412 with what is there, 304', async (t) => {
  const { admin } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeFlag(admin, 'bep', 'one');
  await admin.expect(201, 'POST', `${V('bep')}/segments`, { body: { key: 'beta', rule: { '==': [{ var: 'beta' }, true] } } });
  const places = {
    [N('bep')]: { name: 'Bank' },
    [V('bep')]: { name: 'Production' },
    [`${N('bep')}/flags/one`]: { description: 'Another' },
    [`${V('bep')}/flags/one`]: { defaultVariant: 'on' },
  };
  for (const [path, patch] of Object.entries(places)) {
    const { headers, json } = await admin.request('GET', path);
    const etag = headers.get('etag');
    assert.match(etag, /^"v\d+"$/, path);
    assert.equal((await admin.request('GET', path, { headers: { 'If-None-Match': etag } })).status, 304, path);
    assert.equal((await admin.request('GET', path, { headers: { 'If-None-Match': `"v99", W/${etag}` } })).status, 304, path);
    for (const method of ['PATCH', 'DELETE']) {
      if (method === 'DELETE' && path === `${V('bep')}/flags/one`) continue; // a definition has none
      refused(await admin.request(method, path, { body: method === 'PATCH' ? patch : undefined }), 428, 'precondition_required');
      const stale = await admin.request(method, path, { body: method === 'PATCH' ? patch : undefined, headers: { 'If-Match': '"v99"' } });
      refused(stale, 412, 'version_mismatch');
      assert.deepEqual(stale.json.current, json.data, path);
      assert.equal(stale.headers.get('etag'), etag, path);
    }
    const changed = await admin.request('PATCH', path, { body: patch, headers: { 'If-Match': etag, 'Content-Type': 'application/merge-patch+json' } });
    assert.equal(changed.status, 200, changed.text);
    assert.equal(changed.headers.get('etag'), `"v${json.data.version + 1}"`);
    // The same again changes nothing, and says so by its version.
    const same = await admin.request('PATCH', path, { body: patch, headers: { 'If-Match': changed.headers.get('etag') } });
    assert.equal(same.status, 200);
    assert.equal(same.headers.get('etag'), changed.headers.get('etag'));
  }
  // First of all it is outdated, also where it makes no sense for what is there by now.
  refused(await admin.request('PATCH', `${V('bep')}/flags/one`, { body: { defaultVariant: 'gone' }, headers: { 'If-Match': '"v1"' } }), 412, 'version_mismatch');
  complains(await admin.request('PATCH', `${V('bep')}/flags/one`, { body: { defaultVariant: 'gone' }, headers: { 'If-Match': '"v2"' } }), 'unknown_variant', '/defaultVariant');
  const segment = `${V('bep')}/segments/beta`;
  refused(await admin.request('PUT', segment, { body: { rule: { var: 'x' } } }), 428, 'precondition_required');
  refused(await admin.request('DELETE', segment, { headers: { 'If-Match': '"v7"' } }), 412, 'version_mismatch');
  refused(await admin.request('PUT', `${V('bep')}/flags/one`, { body: { state: 'ENABLED', variants: ON_OFF } }), 428, 'precondition_required');

  const [first, second] = await Promise.all(['on', 'off'].map(async (variant) => {
    const etag = (await admin.request('GET', `${V('bep')}/flags/one`)).headers.get('etag');
    return admin.request('PATCH', `${V('bep')}/flags/one`, { body: { metadata: { variant } }, headers: { 'If-Match': etag } });
  }));
  const statuses = [first.status, second.status].sort();
  assert.ok(statuses[0] === 200 && [200, 412].includes(statuses[1]), String(statuses));
});

test('what was shown can be sent back as it is, and what only the server sets not otherwise', async (t) => {
  const { admin, john } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeEnvironment(admin, 'bep', 'staging', { metadata: { team: 'a' } });
  await makeFlag(admin, 'bep', 'top');
  await makeFlag(admin, 'bep', 'one', { parent: 'top', tags: ['web'] });
  for (const [all, body] of [
    [`${V('bep')}/segments`, { key: 'beta', name: 'Beta', rule: { var: 'beta' } }],
    [`${N('bep')}/platforms`, { key: 'web', config: { cdn: 'eu' } }],
    [`${N('bep')}/packages`, { key: 'gold', price: 5, features: [{ flag: 'one', limits: { seats: 5 } }] }],
    [`${N('bep')}/clients`, { key: 'acme', user_id: john.id, package: 'gold', overrides: { one: { grant: true, expires_at: '2099-01-01T00:00:00Z' } } }],
    [`${V('bep')}/routes`, { path: '/pay', service_name: 'payments', config: { timeout_ms: 5 } }],
  ]) await admin.expect(201, 'POST', all, { body });
  const [route] = await admin.expect(200, 'GET', `${V('bep')}/routes`);
  const shown = {
    [N('bep')]: ['PATCH'],
    [V('bep', 'staging')]: ['PATCH'],
    [`${N('bep')}/flags/one`]: ['PATCH'],
    [`${N('bep')}/flags/top`]: ['PATCH'],
    [`${V('bep')}/flags/one`]: ['PUT', 'PATCH'],
    [`${V('bep')}/segments/beta`]: ['PUT'],
    [`${N('bep')}/platforms/web`]: ['PUT', 'PATCH'],
    [`${N('bep')}/packages/gold`]: ['PUT', 'PATCH'],
    [`${N('bep')}/clients/acme`]: ['PUT', 'PATCH'],
    [`${V('bep')}/routes/${route.id}`]: ['PUT', 'PATCH'],
  };
  for (const [path, methods] of Object.entries(shown)) {
    for (const method of methods) {
      const { headers, json: { data } } = await admin.request('GET', path);
      const send = (body) => admin.request(method, path, { body, headers: { 'If-Match': headers.get('etag') } });
      const same = await send(data);
      assert.equal(same.status, 200, `${method} ${path}: ${same.text}`);
      assert.deepEqual(same.json.data, data, `${method} ${path}`);
      if (method === 'PUT' && 'variants' in data) continue; // a definition's are passed over
      const other = await send({ ...data, version: data.version + 1 });
      refused(other, 422, 'field_not_allowed');
      assert.deepEqual(other.json.errors.map(({ field }) => field), ['/version'], `${method} ${path}`);
    }
    // What was shown before somebody else's change is first of all outdated.
    const { headers, json: { data } } = await admin.request('GET', path);
    await change(admin, methods.at(-1), path, { ...data, ...('name' in data ? { name: 'Other' } : { state: 'DISABLED' }) });
    for (const method of methods)
      refused(await admin.request(method, path, { body: data, headers: { 'If-Match': headers.get('etag') } }), 412, 'version_mismatch');
  }
});

test('a merge patch: members go with null, variants and targeting as a whole', async (t) => {
  const { admin } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeFlag(admin, 'bep', 'one', { metadata: { a: 1, b: 'x' }, targeting: { if: [true, 'on', 'off'] } });
  const after = async (patch) => (await define(admin, 'bep', 'one', patch)).json.data;
  assert.deepEqual((await after({ metadata: { b: null, d: 'x' } })).metadata, { a: 1, d: 'x' });
  assert.deepEqual((await after({ targeting: { if: [false, 'on'] } })).targeting, { if: [false, 'on'] });
  assert.deepEqual((await after({ variants: { yes: true, off: false } })).variants, { yes: true, off: false });
  const bare = await after({ targeting: null, metadata: null });
  assert.ok(!('targeting' in bare) && !('metadata' in bare), 'what is absent is absent');
  const none = await after({ defaultVariant: null });
  assert.ok(!('defaultVariant' in none));

  const put = await change(admin, 'PUT', `${V('bep')}/flags/one`, { state: 'DISABLED', variants: ON_OFF, defaultVariant: 'on' });
  assert.deepEqual(put.json.data.variants, ON_OFF);
  assert.equal(put.json.data.state, 'DISABLED');
  assert.equal(put.json.data.enabled, false);
});

test('switches are idempotent and need no If-Match', async (t) => {
  const { admin } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeFlag(admin, 'bep', 'one', { state: 'DISABLED' });
  const feed = await admin.connect();
  await feed.ask('subscribe', { topic: 'flags/bep' });
  for (const [how, enabled] of [['enable', true], ['enable', true], ['disable', false], ['disable', false], ['enable', true]]) {
    const answer = await admin.request('POST', `${V('bep')}/flags/one/${how}`);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.data.enabled, enabled);
    assert.equal(answer.headers.get('etag'), `"v${answer.json.data.version}"`);
  }
  refused(await admin.request('POST', `${V('bep')}/flags/one/enable`, { headers: { 'If-Match': '"v1"' } }), 412, 'version_mismatch');
  refused(await admin.request('POST', `${V('bep')}/flags/nobody/enable`), 404, 'not_found');
  await barrier(admin, feed);
  assert.deepEqual(feed.messages.filter(({ type }) => type === 'flag.updated').map(({ data }) => data.action), ['enabled', 'disabled', 'enabled']);
  assert.equal((await admin.expect(200, 'GET', `${V('bep')}/flags/one`)).version, 4);
});

test('everything that is refused, with its place', async (t) => {
  const { admin } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeFlag(admin, 'bep', 'top');
  await makeFlag(admin, 'bep', 'middle', { parent: 'top' });
  await makeFlag(admin, 'bep', 'low', { parent: 'middle' });
  const flag = { key: 'bad', variants: ON_OFF, defaultVariant: 'on' };
  const rows = [
    ['unknown_member', { colour: 1 }, '/colour'],
    ['unknown_member', { defaultvariant: 'on' }, '/defaultvariant'],
    ['required', { variants: undefined }, '/variants'],
    ['required', { key: undefined }, '/key'],
    ['mixed_types', { variants: { a: 1, b: 'x' }, defaultVariant: 'a' }, /^\/variants/],
    ['mixed_types', { variants: { a: true, b: {} }, defaultVariant: 'a' }, /^\/variants/],
    ['unknown_variant', { defaultVariant: 'nope' }, '/defaultVariant'],
    ['unknown_variant', { off_variant: 'nope' }, '/off_variant'],
    ['unknown_operator', { targeting: { nope: [1, 2] } }, /^\/targeting/],
    ['unknown_operator', { targeting: { if: [{ fractionl: [] }, 'on'] } }, '/targeting/if/0/fractionl'],
    ['invalid_arguments', { targeting: { starts_with: ['only one'] } }, /^\/targeting/],
    ['invalid_arguments', { targeting: { if: [{ sem_ver: ['1.0.0', '<>', '2.0.0'] }, 'on'] } }, /^\/targeting\/if\/0/],
    ['invalid_arguments', { targeting: { fractional: [['on', 'many']] } }, /^\/targeting/],
    ['too_complex', { targeting: nested(13) }, /^\/targeting/],
    ['too_complex', { targeting: { or: Array.from({ length: 2001 }, () => true) } }, /^\/targeting/],
    ['too_complex', { targeting: { '==': [{ var: 'x' }, 'x'.repeat(33_000)] } }, /^\/targeting/],
    ['unknown_segment', { targeting: { if: [{ $ref: 'nobody' }, 'on'] } }, '/targeting/if/0/$ref'],
    ['unknown_flag', { parent: 'nobody' }, '/parent'],
    ['too_complex', { parent: 'low' }, '/parent'],
    ['invalid_type', { metadata: { nested: {} } }, /^\/metadata/],
    ['invalid_type', { tags: 'web' }, '/tags'],
    ['invalid_type', { variants: [] }, '/variants'],
  ];
  for (const [code, more, field] of rows) complains(await admin.request('POST', `${N('bep')}/flags`, { body: { ...flag, ...more } }), code, field);
  for (const key of ['', '-x', 'a b', 'ä', 'x'.repeat(129), '../x', 'a/b']) {
    const answer = await admin.request('POST', `${N('bep')}/flags`, { body: { ...flag, key } });
    assert.equal(answer.status, 422, `${key}: ${answer.text}`);
    assert.ok(answer.json.errors.some(({ field }) => field === '/key'), answer.text);
  }
  for (const state of ['enabled', 'ON', true]) {
    const answer = await admin.request('POST', `${N('bep')}/flags`, { body: { ...flag, state } });
    assert.equal(answer.status, 422, answer.text);
    assert.ok(answer.json.errors.some(({ field }) => field === '/state'), answer.text);
  }
  refused(await admin.request('GET', `${N('bep')}/flags/bad`), 404, 'not_found');

  const etag = { 'If-Match': '"v1"' };
  complains(await admin.request('PATCH', `${V('bep')}/flags/top`, { body: { variants: { a: 1 }, defaultVariant: 'a' }, headers: etag }), 'type_fixed', /^\/variants/);
  complains(await admin.request('PATCH', `${V('bep')}/flags/top`, { body: { colour: 1 }, headers: etag }), 'unknown_member', '/colour');
  complains(await admin.request('PATCH', `${V('bep')}/flags/top`, { body: { colour: null }, headers: etag }), 'unknown_member', '/colour');
  complains(await admin.request('PATCH', `${N('bep')}/flags/top`, { body: { parent: 'low' }, headers: etag }), 'cycle', '/parent');
  complains(await admin.request('PATCH', `${N('bep')}/flags/top`, { body: { parent: 'top' }, headers: etag }), 'cycle', '/parent');
  complains(await admin.request('PATCH', V('bep'), { body: { revision: 1 }, headers: etag }), 'field_not_allowed', '/revision');
  refused(await admin.request('PATCH', `${V('bep')}/flags/top`, { body: '{"state":', headers: etag }), 400, 'invalid_json');
  refused(await admin.request('PATCH', `${V('bep')}/flags/top`, { body: '{"metadata":{"a":1,"a":2}}', headers: etag }), 400, 'invalid_json');
  assert.equal((await admin.request('GET', `${V('bep')}/flags/top`)).headers.get('etag'), '"v1"', 'nothing of it was done');

  refused(await admin.request('POST', '/api/v1/namespaces', { body: { key: 'bep' } }), 409, 'key_taken');
  refused(await admin.request('POST', `${N('bep')}/flags`, { body: { ...flag, key: 'top' } }), 409, 'key_taken');
  refused(await admin.request('POST', `${N('bep')}/environments`, { body: { key: 'default' } }), 409, 'key_taken');
  refused(await admin.request('DELETE', N('bep'), { headers: { 'If-Match': (await admin.request('GET', N('bep'))).headers.get('etag') } }), 409, 'in_use');
  const parent = await admin.request('GET', `${N('bep')}/flags/middle`);
  assert.deepEqual(parent.json.data.sub_features, ['low']);
  refused(await admin.request('DELETE', `${N('bep')}/flags/middle`, { headers: { 'If-Match': parent.headers.get('etag') } }), 409, 'in_use');
  for (let i = 2; i <= 20; ++i) await makeEnvironment(admin, 'bep', `e${i}`);
  refused(await admin.request('POST', `${N('bep')}/environments`, { body: { key: 'e21' } }), 409, 'limit_reached');
  for (const more of [{ access: 'everyone' }, { app_id: 'a#b' }, { colour: 1 }, { name: 7 }]) {
    const answer = await admin.request('POST', '/api/v1/namespaces', { body: { key: 'other', ...more } });
    assert.equal(answer.status, 422, answer.text);
    assert.equal(answer.json.errors[0].field, `/${Object.keys(more)[0]}`);
  }
  assert.equal((await admin.request('POST', '/api/v1/namespaces', { body: { key: 'other', app_id: 'bep' } })).status, 409, 'tenant and app together are unique');
});

test('strict=false takes what flagd runs, with warnings', async (t) => {
  const { admin } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeFlag(admin, 'bep', 'one');
  const path = `${V('bep')}/flags/one`;
  const etag = { 'If-Match': '"v1"' };
  const targeting = { if: [{ $ref: 'nobody' }, 'on', { starts_with: ['x'] }] };
  assert.equal((await admin.request('PATCH', path, { body: { targeting }, headers: etag })).status, 422);
  const taken = await admin.request('PATCH', `${path}?strict=false`, { body: { targeting }, headers: etag });
  assert.equal(taken.status, 200, taken.text);
  const codes = taken.json.meta.warnings.map(({ code }) => code);
  assert.ok(codes.includes('unknown_segment') && codes.includes('invalid_arguments'), taken.text);
  for (const { field, message } of taken.json.meta.warnings) assert.ok(field.startsWith('/targeting') && message);
  const beside = await change(admin, 'PATCH', path, { metadata: { team: 'a' } });
  assert.deepEqual(beside.json.data.targeting, targeting, 'a rule that is not named stays as it was taken');
  complains(await admin.request('PATCH', path, { body: { targeting }, headers: { 'If-Match': beside.headers.get('etag') } }), 'invalid_arguments', /^.targeting/);
  complains(await admin.request('PATCH', `${path}?strict=false`, { body: { defaultVariant: 'nope' }, headers: { 'If-Match': '"v3"' } }), 'unknown_variant', '/defaultVariant');
});

test('namespaces and environments', async (t) => {
  const { admin } = await office(t);
  const [own] = await admin.expect(200, 'GET', '/api/v1/namespaces');
  assert.equal(own.key, 'default');
  const bep = await makeNamespace(admin, 'bep', { access: 'public', tenant_id: 'tenant-123', app_id: 'app-456' });
  assert.deepEqual([bep.name, bep.access, bep.tenant_id, bep.app_id, bep.version], ['bep', 'public', 'tenant-123', 'app-456', 1]);
  const plain = await makeNamespace(admin, 'plain');
  assert.deepEqual([plain.access, plain.tenant_id, plain.app_id], ['users', 'default', 'plain']);
  assert.deepEqual((await admin.expect(200, 'GET', '/api/v1/namespaces')).map(({ key }) => key).sort(), ['bep', 'default', 'plain']);
  await change(admin, 'DELETE', N('plain'));

  await makeFlag(admin, 'bep', 'one', { defaultVariant: 'on' });
  await admin.expect(201, 'POST', `${V('bep')}/segments`, { body: { key: 'beta', rule: { var: 'beta' } } });
  const before = await admin.expect(200, 'GET', V('bep'));
  assert.deepEqual([before.key, before.is_default, before.metadata], ['default', true, {}]);
  assert.ok(Number.isInteger(before.revision));
  const staging = await makeEnvironment(admin, 'bep', 'staging', { name: 'Staging' });
  assert.equal(staging.is_default, false);
  const copied = await admin.expect(200, 'GET', `${V('bep', 'staging')}/flags/one`);
  assert.deepEqual([copied.state, copied.defaultVariant], ['DISABLED', 'on']);
  assert.deepEqual((await admin.expect(200, 'GET', `${V('bep', 'staging')}/segments`)).map(({ key }) => key), ['beta']);
  refused(await admin.request('POST', `${N('bep')}/environments`, { body: { key: 'x', copy_from: 'nobody' } }), 422, 'validation_failed');

  const staged = await flip(admin, 'bep', 'one', 'enable', 'staging');
  assert.equal(staged.enabled, true);
  assert.deepEqual((await admin.expect(200, 'GET', `${N('bep')}/flags/one`)).environments, {
    default: { state: 'ENABLED', enabled: true, version: 1 }, staging: { state: 'ENABLED', enabled: true, version: 2 },
  });
  assert.equal((await admin.expect(200, 'GET', V('bep'))).revision, before.revision, 'a change of another environment is none of this one');
  const later = (await admin.expect(200, 'GET', V('bep', 'staging'))).revision;
  await change(admin, 'PATCH', V('bep', 'staging'), { name: 'Stage' });
  assert.equal((await admin.expect(200, 'GET', V('bep', 'staging'))).revision, later, 'a name alters no evaluation');
  await change(admin, 'PATCH', V('bep', 'staging'), { metadata: { team: 'a' } });
  assert.ok((await admin.expect(200, 'GET', V('bep', 'staging'))).revision > later);

  const present = await admin.request('GET', V('bep'));
  refused(await admin.request('DELETE', V('bep'), { headers: { 'If-Match': present.headers.get('etag') } }), 409, 'in_use');
  assert.equal((await admin.request('PATCH', V('bep'), { body: { is_default: false }, headers: { 'If-Match': present.headers.get('etag') } })).status, 409);
  await change(admin, 'PATCH', V('bep', 'staging'), { is_default: true });
  const [a, b] = (await admin.expect(200, 'GET', `${N('bep')}/environments`)).sort((x, y) => (x.key < y.key ? -1 : 1));
  assert.deepEqual([a.key, a.is_default, b.key, b.is_default], ['default', false, 'staging', true]);
  await change(admin, 'DELETE', V('bep'));
  refused(await admin.request('GET', V('bep')), 404, 'not_found');
});

test('flags are found by state, tag and parent', async (t) => {
  const { admin } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeFlag(admin, 'bep', 'a', { tags: ['web'] });
  await makeFlag(admin, 'bep', 'b', { state: 'DISABLED', tags: ['web', 'app'] });
  await makeFlag(admin, 'bep', 'c', { parent: 'a' });
  await makeEnvironment(admin, 'bep', 'staging');
  const keys = async (query) => (await admin.expect(200, 'GET', `${N('bep')}/flags?${query}`)).map(({ key }) => key);
  assert.deepEqual(await keys(''), ['a', 'b', 'c']);
  assert.deepEqual(await keys('state=DISABLED'), ['b']);
  assert.deepEqual(await keys('state=ENABLED&environment=staging'), []);
  assert.deepEqual(await keys('tag=web'), ['a', 'b']);
  assert.deepEqual(await keys('tag=app&state=ENABLED'), []);
  assert.deepEqual(await keys('parent=a'), ['c']);
  // `enabled` is the switch and those above it.
  await flip(admin, 'bep', 'a', 'disable');
  assert.deepEqual((await admin.expect(200, 'GET', `${N('bep')}/flags/c`)).environments.default, { state: 'ENABLED', enabled: false, version: 1 });
});

test('segments: used, nested, in use', async (t) => {
  const { admin } = await office(t);
  await makeNamespace(admin, 'bep');
  const made = await admin.request('POST', `${V('bep')}/segments`, { body: { key: 'beta', rule: { ends_with: [{ var: 'email' }, '@example.com'] } } });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.headers.get('location'), `${V('bep')}/segments/beta`);
  complains(await admin.request('POST', `${V('bep')}/segments`, { body: { key: 'nested', rule: { and: [{ $ref: 'beta' }, true] } } }), 'nested_ref', /^\/rule/);
  complains(await admin.request('POST', `${V('bep')}/segments`, { body: { key: 'bad', rule: { nope: [] } } }), 'unknown_operator', /^\/rule/);
  refused(await admin.request('POST', `${V('bep')}/segments`, { body: { key: 'beta', rule: { var: 'x' } } }), 409, 'key_taken');
  await makeFlag(admin, 'bep', 'one', { targeting: { if: [{ $ref: 'beta' }, 'on', 'off'] } });
  const used = await admin.request('DELETE', `${V('bep')}/segments/beta`, { headers: { 'If-Match': '"v1"' } });
  refused(used, 409, 'in_use');
  assert.deepEqual(used.json.flags, ['one']);
  const value = async (context) => (await admin.expect(200, 'POST', '/ofrep/v1/evaluate/flags/one?namespace=bep', { body: { context } })).value;
  assert.equal(await value({ email: 'a@example.com' }), true);
  await change(admin, 'PUT', `${V('bep')}/segments/beta`, { rule: { ends_with: [{ var: 'email' }, '@example.org'] } });
  assert.equal(await value({ email: 'a@example.com' }), false);
  await define(admin, 'bep', 'one', { targeting: null });
  await change(admin, 'DELETE', `${V('bep')}/segments/beta`);
  assert.deepEqual(await admin.expect(200, 'GET', `${V('bep')}/segments`), []);
});

test('export, then import: all or nothing, and neither revision nor bytes move', async (t) => {
  const { admin } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeFlag(admin, 'bep', 'zeta', { variants: { z: 1.50, a: 2 }, defaultVariant: 'a', metadata: { b: 1, a: 2 }, tags: ['web'] });
  await admin.expect(201, 'POST', `${V('bep')}/segments`, { body: { key: 'beta', rule: { var: 'beta' } } });
  await makeFlag(admin, 'bep', 'alpha', { targeting: { if: [{ $ref: 'beta' }, 'on', 'off'] } });
  await change(admin, 'PATCH', V('bep'), { metadata: { team: 'a' } });
  const exported = await admin.request('GET', `${V('bep')}/export`);
  const { revision } = await admin.expect(200, 'GET', V('bep'));
  assert.equal(exported.headers.get('etag'), `"r${revision}"`);
  assert.equal((await admin.request('GET', `${V('bep')}/export`, { headers: { 'If-None-Match': `"r${revision}"` } })).status, 304);
  assert.equal(exported.json.$schema, 'https://flagd.dev/schema/v0/flags.json');
  assert.deepEqual(Object.keys(exported.json.flags), ['alpha', 'zeta']);
  assert.deepEqual(Object.keys(exported.json.flags.zeta.variants), ['z', 'a'], 'as written');
  assert.deepEqual(exported.json.$evaluators, { beta: { var: 'beta' } });
  assert.deepEqual(exported.json.metadata, { team: 'a', flagSetId: 'bep/default', version: String(revision) });
  assert.deepEqual(exported.json.flags.zeta['x-corohub'].tags, ['web']);
  const plain = await admin.request('GET', `${V('bep')}/export?plain=true`);
  assert.deepEqual(plain.json.flags.alpha, { state: 'ENABLED', variants: ON_OFF, defaultVariant: 'off', targeting: { if: [{ $ref: 'beta' }, 'on', 'off'] } });

  const take = (document, query = '') => admin.request('POST', `${V('bep')}/import${query}`, { body: document });
  const same = await take(exported.json, '?mode=replace');
  assert.equal(same.status, 200, same.text);
  assert.deepEqual(same.json.data, { created: [], updated: [], deleted: [], unchanged: 2, segments: { created: [], updated: [], deleted: [], unchanged: 1 }, warnings: [] });
  assert.equal((await admin.request('GET', `${V('bep')}/export`)).text, exported.text);
  await change(admin, 'PATCH', V('bep'), { metadata: { flagSetId: 'of our own', version: '1' } });
  const named = await admin.request('GET', `${V('bep')}/export`);
  for (const query of ['?mode=replace&strict', '?mode=merge&strict=1']) assert.equal((await take(named.json, query)).status, 200);
  assert.equal((await admin.request('GET', `${V('bep')}/export`)).text, named.text, 'also where the metadata has names that an export sets');

  const on = { state: 'ENABLED', variants: ON_OFF, defaultVariant: 'on' };
  const mixed = { flags: { good: on, bad: { ...on, defaultVariant: 'nope' } } };
  complains(await take(mixed), 'unknown_variant', '/flags/bad/defaultVariant');
  refused(await admin.request('GET', `${V('bep')}/flags/good`), 404, 'not_found');
  complains(await take({ flags: { alpha: { state: 'ENABLED', variants: { a: 1 }, defaultVariant: 'a' } } }, '?mode=replace'), 'type_fixed', /^\/flags\/alpha/);
  complains(await take({ flags: { x: { ...on, targeting: { if: [{ $ref: 'nobody' }, 'on'] } } } }), 'unknown_segment', '/flags/x/targeting/if/0/$ref');

  const list = [{ key: 'gamma', ...on }];
  const dry = await take({ flags: list }, '?mode=replace&dry_run=true');
  assert.deepEqual([dry.json.data.created, dry.json.data.deleted, dry.json.data.segments.deleted], [['gamma'], ['alpha', 'zeta'], ['beta']]);
  assert.equal((await admin.request('GET', `${V('bep')}/export`)).text, named.text, 'a dry run changes nothing');
  const merged = await take({ flags: list });
  assert.deepEqual([merged.json.data.created, merged.json.data.deleted], [['gamma'], []]);
  const loose = await take({ flags: { loose: { ...on, targeting: { nope: [1] } } } }, '?strict=false');
  assert.equal(loose.status, 200, loose.text);
  assert.ok(loose.json.data.warnings.some(({ field, code }) => code === 'unknown_operator' && field.startsWith('/flags/loose/targeting')), loose.text);
  const replaced = await take({ flags: list }, '?mode=replace');
  assert.deepEqual([replaced.json.data.deleted, replaced.json.data.unchanged], [['alpha', 'loose', 'zeta'], 1]);
  refused(await take('{"flags":'), 400, 'invalid_json');
});

test('T10, T51b: a document of 4 MiB is the last that is read, and nobody waits for it', async (t) => {
  const { server, admin, john } = await office(t);
  await makeNamespace(admin, 'bep');
  const head = { 'Content-Length': (4 << 20) + 1, 'Content-Type': 'application/json', Authorization: `Bearer ${admin.token}` };
  const refusal = await request(server, 'POST', `${V('bep')}/import`, { headers: head });
  assert.equal(refusal.status, 413, 'as soon as that is known');
  for (const bytes of [(4 << 20) + 1, 20 << 20]) // the answer is there for one who sends all of it, too
    refused(await admin.request('POST', `${V('bep')}/import`, { body: `{"flags":{}}${' '.repeat(bytes - 12)}` }), 413, 'payload_too_large');
  const flag = (i) => [`flag-${i}`, { state: 'ENABLED', variants: ON_OFF, defaultVariant: 'on', targeting: { or: Array.from({ length: 150 }, (_, n) => ({ '==': [n, i] })) } }];
  const body = JSON.stringify({ flags: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => flag(i))) });
  assert.ok(body.length < 4 << 20);
  const import_ = admin.request('POST', `${V('bep')}/import`, { body });
  let answers = 0;
  let done = false;
  const asking = (async () => { while (!done) { await john.expect(200, 'GET', '/api/v1/users/me'); ++answers; } })();
  const answer = await import_;
  done = true;
  await asking;
  assert.equal(answer.status, 200, answer.text.slice(0, 300));
  assert.equal(answer.json.data.created.length, 1000);
  assert.ok(answers > 0);
});

test('copy between environments and namespaces', async (t) => {
  const { admin } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeNamespace(admin, 'other');
  await makeEnvironment(admin, 'bep', 'staging');
  await admin.expect(201, 'POST', `${V('bep')}/segments`, { body: { key: 'beta', rule: { var: 'beta' } } });
  await makeFlag(admin, 'bep', 'one', { defaultVariant: 'on', targeting: { if: [{ $ref: 'beta' }, 'on', 'off'] } });
  await makeFlag(admin, 'bep', 'child', { parent: 'one' });
  const copy = (body) => admin.request('POST', `${V('bep')}/copy`, { body });
  const dry = await copy({ to: { environment: 'staging' }, keys: ['one'], dry_run: true });
  assert.equal(dry.status, 200, dry.text);
  assert.deepEqual([dry.json.data.updated, dry.json.data.segments.created], [['one'], ['beta']]);
  assert.equal((await admin.expect(200, 'GET', `${V('bep', 'staging')}/flags/one`)).state, 'DISABLED');
  await copy({ to: { environment: 'staging' }, keys: ['one'] });
  const there = await admin.expect(200, 'GET', `${V('bep', 'staging')}/flags/one`);
  assert.deepEqual([there.state, there.targeting], ['ENABLED', { if: [{ $ref: 'beta' }, 'on', 'off'] }]);
  complains(await copy({ to: { namespace: 'other', environment: 'default' }, keys: ['child'] }), 'unknown_flag', /./);
  const both = await copy({ to: { namespace: 'other', environment: 'default' }, states: 'disable' });
  assert.deepEqual(both.json.data.created, ['child', 'one'], both.text);
  assert.equal((await admin.expect(200, 'GET', `${V('other')}/flags/one`)).state, 'DISABLED');
  assert.equal((await copy({ to: { environment: 'nobody' } })).status >= 400, true);
});

test('a schedule is kept over kill -9, in order, and says what failed', async (t) => {
  const { server, admin } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeFlag(admin, 'bep', 'one', { state: 'DISABLED' });
  const schedule = (body) => admin.request('POST', `${V('bep')}/schedule`, { body: { flag: 'one', ...body } });
  const state = async (id) => (await admin.expect(200, 'GET', `${V('bep')}/schedule`)).find((each) => each.id === id);
  const at = (ms) => new Date(Date.now() + ms).toISOString();
  const soon = await schedule({ at: at(-1000), change: { state: 'ENABLED' } });
  assert.equal(soon.status, 201, soon.text);
  assert.match(soon.headers.get('location'), new RegExp(`/schedule/${soon.json.data.id}$`));
  const done = await eventually(10_000, 'a change whose time has come', async () => { const s = await state(soon.json.data.id); return s.state === 'done' && s; });
  assert.equal(done.flag, 'one');
  assert.equal((await admin.expect(200, 'GET', `${V('bep')}/flags/one`)).state, 'ENABLED');

  const late = await schedule({ at: at(-1), change: { state: 'DISABLED' }, if_version: 99 });
  const failed = await eventually(10_000, 'a failure', async () => { const s = await state(late.json.data.id); return s.state === 'failed' && s; });
  assert.ok(failed.error);
  const far = await schedule({ at: at(3_600_000), change: { defaultVariant: 'on' } });
  assert.equal((await state(far.json.data.id)).state, 'pending');
  assert.equal((await admin.request('DELETE', `${V('bep')}/schedule/${far.json.data.id}`)).status, 204);
  assert.equal((await state(far.json.data.id)).state, 'cancelled');
  complains(await schedule({ at: at(1000), change: { defaultVariant: 'on', colour: 1 } }), 'unknown_member', /^\/change/);
  assert.equal((await schedule({ at: 'tomorrow', change: {} })).status, 422);
  assert.equal((await schedule({ flag: 'nobody', at: at(1000), change: { state: 'ENABLED' } })).status, 422);

  const [first, second] = [await schedule({ at: at(1500), change: { metadata: { by: 'first' } } }), await schedule({ at: at(1501), change: { metadata: { by: 'second' } } })];
  await server.crash();
  await server.launch();
  for (const { json } of [first, second]) await eventually(10_000, 'it after the restart', async () => (await state(json.data.id)).state === 'done');
  assert.deepEqual((await admin.expect(200, 'GET', `${V('bep')}/flags/one`)).metadata, { by: 'second' });
  const told = (await eventsOf(admin, 'flag.*')).filter(({ data }) => data.source === 'schedule');
  assert.ok(told.length >= 3 && told.every(({ type }) => type === 'flag.updated'), JSON.stringify(told));
  assert.equal((await eventsOf(admin, 'schedule.failed')).length, 1);
});

test('a dry run says what and why, also of what is not saved', async (t) => {
  const { admin, john } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeFlag(admin, 'bep', 'one', { targeting: { if: [{ '==': [{ var: 'tier' }, 'gold'] }, 'on', null] } });
  const path = `${V('bep')}/flags/one/evaluate`;
  const gold = await admin.expect(200, 'POST', path, { body: { context: { tier: 'gold' } } });
  assert.deepEqual([gold.result.value, gold.result.variant, gold.result.reason], [true, 'on', 'TARGETING_MATCH']);
  assert.deepEqual(gold.steps.map(({ step }) => step), ['visible', 'state', 'gates', 'targeting', 'default'].slice(0, gold.steps.length));
  const equal = gold.rule.find(({ op }) => op === '==');
  assert.deepEqual([equal.path, equal.args, equal.result], ['/if/0', ['gold', 'gold'], true]);
  const unsaved = await admin.expect(200, 'POST', path, { body: { definition: { state: 'ENABLED', variants: ON_OFF, defaultVariant: 'on' } } });
  assert.deepEqual([unsaved.result.value, unsaved.result.reason], [true, 'STATIC']);
  assert.equal((await admin.expect(200, 'GET', `${V('bep')}/flags/one`)).defaultVariant, 'off');
  complains(await admin.request('POST', path, { body: { definition: { state: 'ENABLED', variants: ON_OFF, defaultVariant: 'nope' } } }), 'unknown_variant', '/definition/defaultVariant');
  await change(admin, 'PATCH', `${N('bep')}/flags/one`, { client_visible: false });
  assert.equal((await admin.expect(200, 'POST', path, { body: { context: { tier: 'gold' } } })).result.value, true, 'as a service key');
  const unseen = await admin.expect(200, 'POST', path, { body: { user_id: john.id, context: { tier: 'gold' } } });
  assert.equal(unseen.result.errorCode, 'FLAG_NOT_FOUND');
  assert.equal((await admin.request('POST', path, { body: { user_id: 999_999 } })).status, 422);
});

test('T51: who may: admins, and service keys by scope', async (t) => {
  const { api, admin, john } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeNamespace(admin, 'other');
  await makeFlag(admin, 'bep', 'one');
  await makeFlag(admin, 'other', 'one');
  const read = ['GET', `${N('bep')}/flags/one`];
  const write = ['POST', `${V('bep')}/flags/one/disable`];
  const elsewhere = ['GET', `${N('other')}/flags/one`];
  for (const what of [read, write, ['GET', '/api/v1/namespaces'], ['GET', `${N('nobody')}/flags`], ['GET', `${V('bep')}/export`]]) {
    refused(await john.request(...what), 403, 'forbidden');
    refused(await api.request(...what), 401, 'unauthorized');
  }
  assert.equal((await john.request(...read)).json.error, 'admin access required');
  const statuses = async (...scopes) => {
    const who = holder(api, await serviceKey(admin, ...scopes));
    return Promise.all([read, write, elsewhere].map(async (what) => (await who.request(...what)).status < 300));
  };
  assert.deepEqual(await statuses('flags:read'), [true, false, true]);
  assert.deepEqual(await statuses('flags:write'), [true, true, true]);
  assert.deepEqual(await statuses('flags:read:bep'), [true, false, false]);
  assert.deepEqual(await statuses('flags:write:bep'), [true, true, false]);
  assert.deepEqual(await statuses('flags:evaluate'), [false, false, false]);
  assert.deepEqual(await statuses('publish'), [false, false, false]);
  const scoped = holder(api, await serviceKey(admin, 'flags:write:bep'));
  assert.ok((await scoped.request('POST', '/api/v1/namespaces', { body: { key: 'third' } })).status >= 400);
  assert.equal((await scoped.request('POST', `${V('bep')}/copy`, { body: { to: { namespace: 'other', environment: 'default' } } })).status >= 400, true);
  refused(await admin.request('POST', '/api/v1/admin/api-keys', { body: { name: 'x', scopes: ['flags:fly'] } }), 422, 'validation_failed');

  // Both kinds of credential are the trail's, with what was and what is.
  const key = holder(api, await serviceKey(admin, 'flags:write'));
  await key.request('POST', `${V('bep')}/flags/one/enable?comment=By%20the%20book`);
  const trail = async (query) => (await admin.request('GET', `/api/v1/admin/audit?${query}`)).json.data;
  const [created] = await trail('action=flag.create&entity=bep/flags/one');
  assert.equal(created.actor_id ?? created.actor?.id ?? created.user_id, admin.id, JSON.stringify(created));
  const updates = await trail('action=flag.update&entity=bep/flags/one');
  const all = updates.length ? updates : await trail('entity=bep/flags/one&order=desc');
  const commented = all.find(({ detail }) => detail.comment === 'By the book');
  assert.ok(commented, JSON.stringify(all));
  assert.deepEqual([commented.detail.namespace, commented.detail.environment, commented.detail.key], ['bep', 'default', 'one']);
  assert.equal(commented.detail.before.state, 'DISABLED');
  assert.equal(commented.detail.after.state, 'ENABLED');
});

test('a change is there for every evaluation once it is answered, and after kill -9', async (t) => {
  const { server, api, admin } = await office(t);
  await makeNamespace(admin, 'bep', { access: 'public' });
  await makeFlag(admin, 'bep', 'one');
  const values = () => Promise.all(Array.from({ length: 12 }, async () => (await api.expect(200, 'POST', '/ofrep/v1/evaluate/flags/one?namespace=bep', { headers: { Connection: 'close' } })).value));
  for (let round = 0; round < 10; ++round) {
    const on = round % 2 === 0;
    await define(admin, 'bep', 'one', { defaultVariant: on ? 'on' : 'off' });
    assert.deepEqual(await values(), Array(12).fill(on));
  }
  const before = await admin.request('GET', `${V('bep')}/export`);
  await server.crash();
  await server.launch();
  const after = await admin.request('GET', `${V('bep')}/export`);
  assert.equal(after.text, before.text);
  assert.deepEqual(await values(), Array(12).fill(false));
});
