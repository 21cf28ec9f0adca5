// What gateways of APIs are told to forget, as their clients hear it: stompjs and sockjs-client at the address that those of
// Spring know, over kill -9.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { barrier } from './api.mjs';
import { change, makeEnvironment, makeNamespace, N, office, V } from './flags.mjs';
import { corohub } from './server.mjs';
import { Stomp } from './stomp.mjs';

const TOPIC = '/topic/proxy_config_events';
const WIRE = /^\{"payload":\{"type":"[A-Z_]+","tenantId":(?:"[^"]*"|null),"appId":(?:"[^"]*"|null),"key":(?:"[^"]*"|null),"serviceName":(?:"[^"]*"|null)\},"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ","source":"config-manager"\}$/;
const CARRIERS = [
  ['a WebSocket', { path: '/messenger/websocket' }],
  ['SockJS on a WebSocket', { path: '/messenger/websocket', transport: 'websocket' }],
  ['SockJS that polls', { path: '/messenger/websocket', transport: 'xhr-polling' }],
];

async function gateway(t) {
  const rig = await office(t);
  await makeNamespace(rig.admin, 'bep', { tenant_id: 'tenant-123', app_id: 'app-456' });
  await makeEnvironment(rig.admin, 'bep', 'production');
  const makeRoute = (path) => rig.admin.expect(201, 'POST', `${V('bep', 'production')}/routes`, { body: { path, service_name: 'stripe_payment' } });
  return { ...rig, makeRoute };
}

const keyOf = (path) => `tenant-123#app-456#${path}#CONFIG#production`;
const keysOf = (client) => client.bodies(TOPIC).map(({ payload }) => payload.key);

for (const [name, carrier] of CARRIERS) {
  test(`R1: a gateway by ${name} misses nothing when the server is killed`, async (t) => {
    const { server, admin, makeRoute } = await gateway(t);
    const first = await Stomp.open(server, carrier);
    await first.subscribe(TOPIC, { authorization: `Bearer ${admin.token}` });
    await makeRoute('/api/payment');
    const heard = await first.next('MESSAGE');
    assert.match(heard.body, WIRE);
    assert.deepEqual(JSON.parse(heard.body).payload, {
      type: 'CACHE_DELETE_INVALID', tenantId: 'tenant-123', appId: 'app-456', key: keyOf('/api/payment'), serviceName: 'stripe_payment',
    });
    assert.equal(heard.headers['content-type'], undefined);
    await first.disconnect();

    await makeRoute('/missed');
    await server.crash();
    await server.launch();
    const second = await Stomp.open(server, carrier);
    const { receipt } = await second.subscribe(TOPIC, { authorization: `Bearer ${admin.token}`, since: heard.headers['message-id'] });
    assert.equal(receipt['corohub-recovered'], 'true');
    await makeRoute('/after');
    await second.next('MESSAGE', ({ body }) => body.includes('#/after#'));
    assert.deepEqual(keysOf(second), [keyOf('/missed'), keyOf('/after')]);
    for (const { body } of second.in(TOPIC)) assert.match(body, WIRE);
    await second.disconnect();
  });
}

test('each cause is one event, and natively its data is the same', async (t) => {
  const { server, admin } = await gateway(t);
  const stomp = await Stomp.open(server, CARRIERS[0][1]);
  await stomp.subscribe(TOPIC, { authorization: `Bearer ${admin.token}` });
  const feed = await admin.connect();
  await feed.ask('subscribe', { topic: 'proxy_config_events' });
  await change(admin, 'PATCH', N('bep'), { app_id: 'app-7' });
  await admin.expect(200, 'POST', `${V('bep')}/import`, { body: { flags: { a: { state: 'ENABLED', variants: { on: true }, defaultVariant: 'on' } } } });
  await admin.expect(200, 'POST', `${V('bep')}/import?dry_run=true`, { body: { flags: {} } });
  await admin.expect(200, 'POST', '/api/v1/config-events', { body: { type: 'ALL_CACHE_INVALID' } });
  await barrier(admin, feed);
  await stomp.next('MESSAGE', ({ body }) => body.includes('ALL_CACHE_INVALID'));
  assert.deepEqual(stomp.bodies(TOPIC).map(({ payload }) => [payload.type, payload.appId]), [
    ['CACHE_CLEAR_INVALID', 'app-456'], ['CACHE_CLEAR_INVALID', 'app-7'], ['CACHE_CLEAR_INVALID', 'app-7'], ['ALL_CACHE_INVALID', null],
  ]);
  const native = feed.messages.filter(({ topic }) => topic === 'proxy_config_events');
  assert.deepEqual(native.map(({ data }) => JSON.stringify(data)), stomp.in(TOPIC).map(({ body }) => body));
  assert.ok(native.every(({ type }) => type === 'config.cache'));
  await stomp.disconnect();
});

test('R21: after a restored backup gateways are told once to forget everything', async (t) => {
  const { server, admin } = await gateway(t);
  const backup = `${server.directory}/backup.db`;
  assert.equal((await corohub(['backup', '--data-dir', server.data, backup])).code, 0);
  await server.stop();
  assert.equal((await corohub(['restore', '--data-dir', server.data, backup])).code, 0);
  for (let start = 0; start < 2; start += 1) {
    await server.launch();
    const again = await admin.again();
    const { data } = (await again.request('GET', '/api/v1/topics/proxy_config_events/history?limit=300')).json;
    assert.equal(data.filter(({ data: { payload } }) => payload.type === 'ALL_CACHE_INVALID').length, 1);
    assert.equal(data.at(-1).data.payload.type, 'ALL_CACHE_INVALID');
    await server.stop();
  }
});

test('what clients have is told to administrators, and to the client', async (t) => {
  const { admin, john } = await gateway(t);
  const [all, own] = [await admin.connect(), await john.connect()];
  const at = (path) => `${N('bep')}/${path}`;
  await admin.expect(201, 'POST', at('platforms'), { body: { key: 'web' } });
  await admin.expect(200, 'POST', at('platforms/web/disable'));
  await admin.expect(201, 'POST', at('packages'), { body: { key: 'gold' } });
  await change(admin, 'PATCH', at('packages/gold'), { description: 'All of it' });
  await admin.expect(201, 'POST', at('clients'), { body: { key: 'acme', user_id: john.id } });
  await change(admin, 'PATCH', at('clients/acme'), { package: 'gold' });
  await admin.expect(200, 'POST', at('config-sync'), { body: { client: 'acme', reason: 'test' } });
  const sync = await own.next('config.sync');
  assert.deepEqual([sync.data.namespace, sync.data.client, sync.data.reason], ['bep', 'acme', 'test']);
  await change(admin, 'PATCH', at('clients/acme'), { package: null });
  for (const path of ['clients/acme', 'packages/gold', 'platforms/web']) await change(admin, 'DELETE', at(path));
  for (const kind of ['platform', 'package', 'client'])
    for (const verb of ['created', 'updated', 'deleted']) await all.next(`${kind}.${verb}`);
});
