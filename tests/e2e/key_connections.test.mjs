// Connections without a user, held by the real clients: keys of clients and of services, and guests. What they hear, what is not
// for them, and how they end.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Feed, Refusal } from './api.mjs';
import { change, clientKey, flip, makeClient, makeFlag, makeNamespace, makePackage, N, office, override } from './flags.mjs';
import { Stomp } from './stomp.mjs';

// Each holds a connection that follows flags/bep and the server: `flags` and `alerts` are what it has heard, in order.
async function native({ server }, key) {
  const feed = await Feed.open(server, { query: { topic: 'flags/bep' }, headers: { 'X-API-Key': key } });
  await feed.ask('subscribe', { topic: 'system' });
  return {
    flags: () => feed.messages.filter(({ type }) => type.startsWith('flag.')).map(({ data }) => data.flag_key),
    alerts: () => feed.messages.filter(({ type }) => type === 'system.alert').map(({ data }) => data.message),
    told: (message) => feed.next('system.alert', ({ data }) => data.message === message),
    ended: async () => (await feed.closed()).reason,
    feed,
  };
}

const stomp = (carrier) => async ({ server }, key) => {
  const client = await Stomp.open(server, { ...carrier, token: key });
  await client.subscribe('/topic/system');
  await client.subscribe('/topic/flags/bep');
  return {
    flags: () => client.bodies('/topic/flags/bep').map(({ flagKey }) => flagKey),
    alerts: () => client.bodies('/topic/system').map(({ message }) => message),
    told: (message) => client.next('MESSAGE', ({ headers, body }) => headers.destination === '/topic/system' && JSON.parse(body).message === message),
    ended: async () => (await client.error()).headers.code,
    client,
  };
};

const STOMP = [
  ['stompjs on ws', stomp({})],
  ['stompjs in sockjs-client on a WebSocket', stomp({ transport: 'websocket' })],
  ['stompjs in sockjs-client that polls', stomp({ transport: 'xhr-polling' })],
];
const CARRIERS = [['ws', native], ...STOMP];

async function bank(t, access) {
  const rig = await office(t);
  const { admin } = rig;
  await makeNamespace(admin, 'bep', { access });
  for (const [key, more] of Object.entries({ seen: {}, hidden: { client_visible: false }, gated: { package_gated: true } })) await makeFlag(admin, 'bep', key, more);
  await makePackage(admin, 'bep', 'gold', { gated: {} });
  await makeClient(admin, 'bep', 'acme', { package: 'gold' });
  let states = 0;
  const flipAll = async () => {
    for (const key of ['hidden', 'gated', 'seen']) await flip(admin, 'bep', key, states % 2 === 0 ? 'disable' : 'enable');
    states += 1;
  };
  // Who follows the server has heard, before this, all that was for it.
  const tellAll = (message, ...those) => Promise.all([
    admin.expect(200, 'POST', '/ws/broadcast', { body: { message } }), ...those.map((one) => one.told(message)),
  ]);
  const tellUsers = () => admin.expect(200, 'POST', '/ws/broadcast', { body: { message: 'for users', to: { role: 'user' } } });
  return { ...rig, flipAll, tellAll, tellUsers };
}

for (const [name, connect] of CARRIERS) {
  test(`T31b: the key of a client, by ${name}`, async (t) => {
    const rig = await bank(t, 'clients');
    const { id, key } = await clientKey(rig.admin, 'bep', 'acme');
    const acme = await connect(rig, key);
    await rig.flipAll();
    await rig.tellUsers();
    await rig.tellAll('first', acme);
    await override(rig.admin, 'bep', 'acme', 'gated', { grant: false });
    await rig.flipAll();
    await rig.tellAll('second', acme);
    assert.deepEqual(acme.flags(), ['gated', 'seen', 'seen']);
    assert.deepEqual(acme.alerts(), ['first', 'second']);
    await rig.admin.expect(204, 'DELETE', `${N('bep')}/clients/acme/keys/${id}`);
    assert.equal(await acme.ended(), 'session_revoked');
  });

  test(`T31b: the key of a service, by ${name}`, async (t) => {
    const rig = await bank(t, 'clients');
    const { id, key } = await rig.admin.expect(201, 'POST', '/api/v1/admin/api-keys', { body: { name: 'Shop', scopes: ['flags:evaluate:bep'] } });
    const shop = await connect(rig, key);
    await rig.flipAll();
    await rig.tellUsers();
    await rig.tellAll('all', shop);
    assert.deepEqual(shop.flags(), ['hidden', 'gated', 'seen']);
    assert.deepEqual(shop.alerts(), ['all']);
    await rig.admin.expect(204, 'DELETE', `/api/v1/admin/api-keys/${id}`);
    assert.equal(await shop.ended(), 'session_revoked');
  });
}

for (const [name, connect] of STOMP) {
  test(`T14: a guest, by ${name}`, async (t) => {
    const rig = await bank(t, 'public');
    const guest = await connect(rig, undefined);
    await rig.flipAll();
    await rig.tellUsers();
    await rig.tellAll('all', guest);
    assert.deepEqual(guest.flags(), ['seen']);
    assert.deepEqual(guest.alerts(), ['all']);
    await change(rig.admin, 'PATCH', N('bep'), { access: 'users' });
    await rig.flipAll();
    await rig.tellAll('again', guest);
    assert.deepEqual(guest.flags(), ['seen']);
    await guest.client.disconnect();
  });
}

test('T31b: keys publish nothing and open nothing else', async (t) => {
  const rig = await bank(t, 'clients');
  const { key } = await clientKey(rig.admin, 'bep', 'acme');
  const { feed } = await native(rig, key);
  const asked = async (type, data) => feed.ask(type, data).then(() => 'ok', (error) => { assert.ok(error instanceof Refusal); return error.code; });
  assert.equal(await asked('publish', { topic: 'rooms/one', data: 1 }), 'forbidden');
  for (const topic of ['rooms/one', 'proxy_config_events', 'activity', 'flags/default']) assert.equal(await asked('subscribe', { topic }), 'forbidden', topic);
  await feed.close();
});
