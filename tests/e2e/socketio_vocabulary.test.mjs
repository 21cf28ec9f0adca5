// Administrators and clients over Socket.IO: what they are told and answered, to the letter and in the order of its members.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { change, clientKey, define, flip, makeClient, makeEnvironment, makeFlag, makeNamespace, makePackage, N, office, override, V } from './flags.mjs';
import { Seat } from './socketio_seats.mjs';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const POSITION = /^[\w-]{22}:\d+$/;

// The order of members counts.
const same = (actual, expected, message) => assert.equal(JSON.stringify(actual), JSON.stringify(expected), message);

// An event of a thing: `data` is compared, and its time is one.
function updated({ data, meta, position }, type, idName, id, expected, { durable = true } = {}) {
  assert.match(data.timestamp, TIME);
  same(data, { type, [idName]: id, data: expected, timestamp: data.timestamp });
  if (!durable) return;
  assert.match(position, POSITION);
  assert.equal(Number(position.split(':')[1]), meta.seq);
}

const view = (flag, value, more = {}) => ({
  id: flag.id, feature_key: flag.key, display_name: flag.name, is_enabled: value === true, value, variant: value ? 'on' : 'off', reason: 'STATIC', parent_id: null, limits: {}, ...more,
});

async function shop(t) {
  const rig = await office(t);
  await makeNamespace(rig.admin, 'bep');
  await rig.admin.expect(201, 'POST', `${N('bep')}/platforms`, { body: { key: 'web', name: 'Web', config: { theme: 'dark' } } });
  rig.one = await makeFlag(rig.admin, 'bep', 'one');
  rig.paid = await makeFlag(rig.admin, 'bep', 'paid', { package_gated: true, defaultVariant: 'on' });
  await makePackage(rig.admin, 'bep', 'silver');
  await makePackage(rig.admin, 'bep', 'gold', { paid: { seats: 5 } });
  rig.acme = await makeClient(rig.admin, 'bep', 'acme', { package: 'silver', user_id: rig.john.id });
  rig.key = (await clientKey(rig.admin, 'bep', 'acme')).key;
  return rig;
}

const asClient = (t, { server, key }, more = {}) => Seat.open(t, server, '/client', { token: key, ...more });
const asAdmin = (t, { server, admin }) => Seat.open(t, server, '/admin', { token: admin.token });

test('administrators are told of platforms, features and packages of all namespaces', async (t) => {
  const rig = await shop(t);
  const { admin } = rig;
  const seat = await asAdmin(t, rig);
  same(seat.welcome, { user_id: admin.id, role: 'admin', message: 'Welcome to real-time updates for administrators' });

  await admin.expect(200, 'POST', `${N('bep')}/platforms/web/disable`);
  const platform = await admin.expect(200, 'GET', `${N('bep')}/platforms/web`);
  updated(await seat.next('platform_update'), 'toggle', 'platform_id', platform.id,
    { id: platform.id, platform: 'web', display_name: 'Web', is_enabled: false, config: { theme: 'dark' }, namespace: 'bep', version: 2, updated_at: platform.updated_at });

  await makeEnvironment(admin, 'bep', 'staging');
  await flip(admin, 'bep', 'one', 'enable', 'staging');
  updated(await seat.next('feature_update'), 'toggle', 'feature_id', rig.one.id,
    { id: rig.one.id, feature_key: 'one', display_name: 'one', is_enabled: true, parent_id: null, platform: null, package_gated: false, sub_features: [], namespace: 'bep', environment: 'staging', version: 2 });

  const child = await makeFlag(admin, 'bep', 'child', { parent: 'one', platform: 'web' });
  const created = await seat.next('feature_update', ({ data }) => data.feature_id === child.id && data.data.environment === 'default');
  updated(created, 'update', 'feature_id', child.id,
    { id: child.id, feature_key: 'child', display_name: 'child', is_enabled: false, parent_id: rig.one.id, platform: 'web', package_gated: false, sub_features: [], namespace: 'bep', environment: 'default', version: 1 });
  await change(admin, 'PATCH', `${N('bep')}/flags/one`, { name: 'One' });
  const parent = await seat.next('feature_update', ({ data }) => data.feature_id === rig.one.id && data.data.environment === 'default');
  same(parent.data.data.sub_features, [{ id: child.id, feature_id: rig.one.id, sub_key: 'child', display_name: 'child', is_enabled: false }]);

  await change(admin, 'PATCH', `${N('bep')}/packages/gold`, { price: 9.5, currency: 'EUR', billing_period: 'monthly' });
  const gold = await admin.expect(200, 'GET', `${N('bep')}/packages/gold`);
  updated(await seat.next('package_update'), 'update', 'package_id', gold.id, {
    id: gold.id, name: 'gold', display_name: 'gold', description: '', price: 9.5, currency: 'EUR', billing_period: 'monthly', is_active: true, features: ['paid'], limits: { paid: { seats: 5 } },
  });
  await change(admin, 'DELETE', `${N('bep')}/flags/child`);
  updated(await seat.next('feature_update', ({ data }) => data.data.deleted), 'update', 'feature_id', child.id, { id: child.id, deleted: true });

  await admin.expect(200, 'POST', '/api/v1/flags/updates', { body: { type: 'flag.update', data: { action: 'enabled', namespace: 'bep', flag_key: 'far' } } });
  updated(await seat.next('feature_update', ({ data }) => data.feature_id === null), 'toggle', 'feature_id', null,
    { id: null, feature_key: 'far', display_name: 'far', is_enabled: true, parent_id: null, platform: null, package_gated: false, sub_features: [], namespace: 'bep', environment: 'default', version: null });
});

test('administrators ask, announce and follow', async (t) => {
  const rig = await shop(t);
  const seat = await asAdmin(t, rig);
  const client = await asClient(t, rig);

  const { data: dashboard } = await seat.ask('request_dashboard_update', {});
  same(dashboard, { platforms: 1, features: 2, packages: 2, clients: 1, connections: dashboard.connections, timestamp: dashboard.timestamp });
  assert.ok(dashboard.connections >= 2);
  assert.match(dashboard.timestamp, TIME);
  same((await seat.next('dashboard_update')).data, dashboard);

  const { data: feed } = await seat.ask('request_activity_feed', {});
  assert.deepEqual(Object.keys(feed), ['activities', 'timestamp']);
  assert.equal(feed.activities[0].action, 'client_key.create');
  assert.ok(feed.activities.every(({ detail }) => !detail || !('after' in detail)));
  same((await seat.next('activity_feed')).data, feed);

  const { data: metrics } = await seat.ask('request_system_metrics');
  assert.deepEqual(Object.keys(metrics).slice(0, 2), ['connections', 'timestamp']);

  const { data: subscribed } = await seat.ask('subscribe_entity_updates', { entity_type: 'platform', entity_id: 1 });
  same(subscribed, { entity_type: 'platform', entity_id: 1, room: 'platform_1' });
  same((await seat.next('subscribed')).data, subscribed);

  const { ok, data: sent } = await seat.ask('broadcast_announcement', { message: 'At noon', priority: 'high', metadata: { b: 1, a: 2 } });
  assert.ok(ok);
  same(sent, { seq: sent.seq, recipients: sent.recipients, timestamp: sent.timestamp });
  assert.ok(sent.recipients >= 1);
  const heard = await seat.next('admin_notification');
  same(heard.data, { type: 'announcement', message: 'At noon', priority: 'high', metadata: { b: 1, a: 2 }, sent_by: rig.admin.id, timestamp: heard.data.timestamp });
  assert.equal(heard.meta.seq, sent.seq);
  const john = await Seat.open(t, rig.server, '/client', { token: rig.john.token });
  await seat.ask('broadcast_announcement', { message: 'Again' });
  const notified = await john.next('client_notification');
  same(notified.data, { type: 'announcement', message: 'Again', priority: 'normal', metadata: null, sent_by: rig.admin.id, timestamp: notified.data.timestamp });

  const refusal = await seat.ask('broadcast_announcement', { priority: 'high' });
  assert.deepEqual([refusal.ok, refusal.code], [false, 'validation_failed']);
  assert.equal((await seat.ask('heartbeat')).code, 'unknown_type');

  const { data: received } = await client.ask('report_metrics', { client_id: 77, metrics: { evaluations: 3 } });
  same(received, { status: 'success', timestamp: received.timestamp });
  const reported = await seat.next('client.metrics');
  same(reported.data, { client_id: rig.acme.id, metrics: { evaluations: 3 } });
  assert.equal(reported.position, undefined);
});

test('T49: administrators who are none any more lose their seat and nothing else', async (t) => {
  const rig = await shop(t);
  const root = await rig.api.member('superadmin');
  const seat = await asAdmin(t, rig);
  const gone = new Promise((done) => seat.socket.once('disconnect', done));
  await root.expect(200, 'PUT', `/api/v1/admin/users/${rig.admin.id}/role`, { body: { role: 'user' } });
  assert.equal(await gone, 'io server disconnect');
  await rig.admin.refresh();
  await assert.rejects(asAdmin(t, rig), ({ message, data }) => message === 'admin access required' && data.code === 'forbidden');
});

test('T49: who may have a seat', async (t) => {
  const rig = await shop(t);
  await makeNamespace(rig.admin, 'open', { access: 'public' });
  await makeFlag(rig.admin, 'open', 'free', { defaultVariant: 'on' });
  await makeNamespace(rig.admin, 'shut', { access: 'clients' });
  const refusal = (namespace, auth) => Seat.open(t, rig.server, namespace, auth).then(() => 'a seat', ({ message, data }) => `${message}: ${data?.code}`);
  const stranger = await rig.api.register();
  assert.equal(await refusal('/admin', {}), 'unauthorized: unauthorized');
  assert.equal(await refusal('/admin', { token: rig.john.token }), 'admin access required: forbidden');
  assert.equal(await refusal('/admin', { token: rig.key }), 'admin access required: forbidden');
  assert.equal(await refusal('/admin', { token: 'nothing' }), 'unauthorized: invalid_token');
  assert.equal(await refusal('/client', {}), 'unauthorized: unauthorized');
  assert.equal(await refusal('/client', { namespace: 'bep' }), 'unauthorized: unauthorized');
  assert.equal(await refusal('/client', { token: `${rig.key}x` }), 'unauthorized: invalid_token');
  assert.equal(await refusal('/client', { token: stranger.token, namespace: 'shut' }), 'not found: not_found');
  assert.equal(await refusal('/client', { token: stranger.token, namespace: 'none' }), 'not found: not_found');
  assert.equal(await refusal('/client', { token: rig.key, namespace: 'open' }), 'not found: not_found');

  const guest = await Seat.open(t, rig.server, '/client', { namespace: 'open' });
  assert.deepEqual([guest.welcome.client_id, guest.welcome.features.map(({ feature_key: key }) => key), guest.welcome.platforms], [null, ['free'], []]);
  await flip(rig.admin, 'open', 'free', 'disable');
  const event = await guest.next('feature_update');
  assert.deepEqual([event.data.type, event.data.data.is_enabled, event.data.data.value], ['toggle', false, null]);
  assert.equal((await guest.ask('report_metrics', { metrics: {} })).code, 'forbidden');

  const user = await Seat.open(t, rig.server, '/client', { token: stranger.token, namespace: 'bep' });
  assert.equal(user.welcome.client_id, null);
  assert.deepEqual(user.welcome.features.map(({ feature_key: key }) => key), ['one'], 'nothing is granted to it');
});

test('a user who is no client hears of the platforms that it is shown, and becomes a client and none again', async (t) => {
  const rig = await shop(t);
  const { admin, john } = rig;
  const stranger = await rig.api.register();
  const seat = await Seat.open(t, rig.server, '/client', { token: stranger.token, namespace: 'bep' });
  const johns = await Seat.open(t, rig.server, '/client', { token: john.token });
  const reason = async (one) => (await one.next('config_sync')).data.reason;

  await admin.expect(200, 'POST', `${N('bep')}/platforms/web/disable`);
  assert.equal((await seat.next('platform_update')).data.data.is_enabled, false);
  await admin.expect(200, 'POST', `${N('bep')}/config-sync`, { body: { client: 'acme', reason: 'for acme' } });
  await admin.expect(200, 'POST', `${N('bep')}/config-sync`);
  assert.deepEqual([await reason(seat), await reason(johns), await reason(johns)], ['requested', 'for acme', 'requested']);

  await makeClient(admin, 'bep', 'late', { package: 'gold', user_id: stranger.id });
  assert.equal((await seat.next('package_update')).data.data.name, 'gold');
  assert.equal(await reason(seat), 'package_changed');
  await change(admin, 'DELETE', `${N('bep')}/clients/late`);
  assert.equal(await reason(seat), 'status_changed');
  await seat.next('config_sync', ({ data }) => data.reason === 'feature_hidden');
  await change(admin, 'PATCH', `${N('bep')}/clients/acme`, { user_id: stranger.id });
  assert.deepEqual([await reason(johns), await reason(seat)], ['status_changed', 'package_changed']);
  assert.ok(![...seat.events, ...johns.events].some(({ name }) => name.startsWith('client.')), 'none of them as it is');
});

test('a client has its own views, live', async (t) => {
  const rig = await shop(t);
  const { admin, one, paid } = rig;
  const seat = await asClient(t, rig);
  const [platform] = await admin.expect(200, 'GET', `${N('bep')}/platforms`);
  same(seat.welcome, {
    client_id: rig.acme.id,
    features: [view(one, false)],
    platforms: [{ id: platform.id, platform: 'web', display_name: 'Web', is_enabled: true, namespace: 'bep', updated_at: platform.updated_at }],
    message: 'Welcome to real-time updates for clients',
  });

  await define(admin, 'bep', 'one', { defaultVariant: 'on' });
  updated(await seat.next('feature_update'), 'update', 'feature_id', one.id, view(one, true));
  await flip(admin, 'bep', 'one', 'disable');
  updated(await seat.next('feature_update'), 'toggle', 'feature_id', one.id, view(one, false, { value: null, variant: null, reason: 'DISABLED' }));
  await change(admin, 'PATCH', `${N('bep')}/flags/one`, { name: 'One' });
  const renamed = await seat.next('feature_update');
  assert.deepEqual([renamed.data.type, renamed.data.data.display_name], ['update', 'One']);

  const mark = seat.mark;
  await change(admin, 'PATCH', `${N('bep')}/clients/acme`, { package: 'gold' });
  updated(await seat.next('feature_update', ({ data }) => data.feature_id === paid.id), 'update', 'feature_id', paid.id, view(paid, true, { limits: { seats: 5 } }));
  const gold = await admin.expect(200, 'GET', `${N('bep')}/packages/gold`);
  const [[first, bought], [second, sync]] = seat.since(mark);
  assert.deepEqual([first, bought.type, bought.package_id, bought.data.name, second, sync.reason], ['package_update', 'update', gold.id, 'gold', 'config_sync', 'package_changed']);
  same(sync, { type: 'sync_required', reason: 'package_changed', timestamp: sync.timestamp });
  assert.equal(seat.events[mark].position, undefined, 'only the last of two events of one fact has a position');
  assert.match(seat.events[mark + 1].position, POSITION);

  await override(admin, 'bep', 'acme', 'paid', { grant: false, reason: 'for a moment', expires_at: new Date(Date.now() + 1_500).toISOString() });
  assert.equal((await seat.next('config_sync', ({ data }) => data.reason === 'override_changed')).data.type, 'sync_required');
  await seat.next('config_sync', ({ data }) => data.reason === 'feature_hidden');
  await seat.next('config_sync', ({ data }) => data.reason === 'override_changed');
  updated(await seat.next('feature_update'), 'update', 'feature_id', paid.id, view(paid, true, { limits: { seats: 5 } }));

  await change(admin, 'PATCH', `${N('bep')}/flags/one`, { client_visible: false });
  await seat.next('config_sync', ({ data }) => data.reason === 'feature_hidden');
  await change(admin, 'PATCH', `${N('bep')}/flags/one`, { client_visible: true });
  await seat.next('feature_update', ({ data }) => data.feature_id === one.id);
  await change(admin, 'DELETE', `${N('bep')}/flags/one`);
  updated(await seat.next('feature_update'), 'update', 'feature_id', one.id, { id: one.id, deleted: true });

  await admin.expect(200, 'POST', `${N('bep')}/config-sync`, { body: { client: 'acme', reason: 'because' } });
  assert.equal((await seat.next('config_sync')).data.reason, 'because');
  await admin.expect(200, 'POST', `${N('bep')}/platforms/web/disable`);
  assert.deepEqual(Object.keys((await seat.next('platform_update')).data.data), ['id', 'platform', 'display_name', 'is_enabled', 'namespace', 'updated_at']);
});

test('a client asks for what it has', async (t) => {
  const rig = await shop(t);
  await makeFlag(rig.admin, 'bep', 'child', { parent: 'one', defaultVariant: 'on' });
  await define(rig.admin, 'bep', 'one', { defaultVariant: 'on' });
  const seat = await asClient(t, rig);
  const { data: config } = await seat.ask('config_check', { client_id: 1 });
  same(config, { features: seat.welcome.features, platforms: seat.welcome.platforms, timestamp: config.timestamp });
  same((await seat.next('config_update')).data, config);
  const check = async (asked) => {
    const { data } = await seat.ask('feature_check', asked);
    assert.match(data.timestamp, TIME);
    assert.deepEqual(Object.keys(data), ['feature_key', 'sub_key', 'is_enabled', 'timestamp']);
    return data.is_enabled;
  };
  assert.equal(await check({ feature_key: 'one' }), true);
  assert.equal(await check({ feature_key: 'one', sub_key: 'child' }), true);
  assert.equal(await check({ feature_key: 'paid' }), false);
  assert.equal(await check({ feature_key: 'none', sub_key: 'child' }), false);
  const { data: beat } = await seat.ask('heartbeat');
  same(beat, { timestamp: beat.timestamp });
  same((await seat.next('heartbeat_ack')).data, beat);
  const again = await seat.ask('client_connect', {});
  same(again.data, seat.welcome);
  assert.equal((await seat.ask('client_connect', { token: 'nothing' })).code, 'invalid_token');
});

test('views are of the environment and the context that CONNECT names', async (t) => {
  const rig = await shop(t);
  await makeEnvironment(rig.admin, 'bep', 'staging');
  const rule = { if: [{ '==': [{ var: 'plan' }, 'pro'] }, 'on', 'off'] };
  await define(rig.admin, 'bep', 'one', { state: 'ENABLED', targeting: rule }, 'staging');
  const seat = await Seat.open(t, rig.server, '/client', { token: rig.john.token, namespace: 'bep', environment: 'staging', context: { plan: 'pro' } });
  assert.deepEqual([seat.welcome.client_id, seat.welcome.features[0].value, seat.welcome.features[0].reason], [rig.acme.id, true, 'TARGETING_MATCH']);
  await flip(rig.admin, 'bep', 'one', 'disable');
  await define(rig.admin, 'bep', 'one', { targeting: { if: [false, 'on', 'off'] } }, 'staging');
  const event = await seat.next('feature_update');
  assert.deepEqual([event.data.data.value, event.data.data.reason], [false, 'TARGETING_MATCH'], 'of its environment alone');
});

for (const transports of [['websocket'], ['polling']]) {
  test(`who comes back by ${transports} has what it missed`, async (t) => {
    const rig = await shop(t);
    const { admin, one } = rig;
    const client = await Seat.open(t, rig.server, '/client', { token: rig.key }, { transports });
    const watcher = await Seat.open(t, rig.server, '/admin', { token: admin.token }, { transports });
    await define(admin, 'bep', 'one', { defaultVariant: 'on' });
    await Promise.all([client.next('feature_update'), watcher.next('feature_update')]);
    await Promise.all([client.leave(), watcher.leave()]);
    await define(admin, 'bep', 'one', { defaultVariant: 'off' });
    await flip(admin, 'bep', 'one', 'disable');
    await Promise.all([client.comeBack(), watcher.comeBack()]);
    assert.ok(client.socket.recovered && watcher.socket.recovered);
    for (const seat of [client, watcher]) {
      const first = await seat.next('feature_update');
      assert.equal(first.data.feature_id, one.id);
      assert.equal(first.data.data.is_enabled, false, 'as it is by now');
      assert.match(first.position, POSITION);
    }
    const back = await client.next('feature_update', ({ data }) => data.type === 'toggle');
    assert.equal(back.data.data.value, null);
    await flip(admin, 'bep', 'one', 'enable');
    await client.next('feature_update', ({ data }) => data.type === 'toggle' && data.data.reason === 'STATIC');
  });
}

test('before the server goes, it says so', async (t) => {
  const rig = await shop(t);
  const seats = [await asAdmin(t, rig), await asClient(t, rig)];
  const said = Promise.all(seats.map((seat) => seat.next('system_status')));
  rig.server.process.signal('SIGTERM');
  for (const { data } of await said) same(data, { status: 'draining', timestamp: data.timestamp });
  for (const seat of seats) seat.socket.disconnect();
  await rig.server.process.ended();
});
