// Values of flags that a connection watches: they change for whom they change, and for nobody else.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { barrier, Refusal } from './api.mjs';
import { change, define, flip, makeFlag, makeNamespace, N, office } from './flags.mjs';

const byRole = { targeting: { if: [{ '==': [{ var: 'corohub.role' }, 'admin'] }, 'on', 'off'] } };

async function bank(t) {
  const rig = await office(t);
  await makeNamespace(rig.admin, 'bep');
  for (const [key, more] of Object.entries({ one: {}, two: {}, hidden: { client_visible: false } })) await makeFlag(rig.admin, 'bep', key, more);
  return rig;
}

async function watching(account, data = { namespace: 'bep' }) {
  const feed = await account.connect();
  return { feed, first: await feed.ask('flag.watch', data), values: () => feed.messages.filter(({ type }) => type === 'flag.values').map((each) => each.data) };
}

const refusal = async (asking) => asking.then(() => 'ok', (error) => { assert.ok(error instanceof Refusal, error.message); return error.code; });

test('a watch begins with what OFREP says, and goes on with what differs from it', async (t) => {
  const { admin, john } = await bank(t);
  const { feed, first, values } = await watching(john);
  const bulk = (await john.request('POST', '/ofrep/v1/evaluate/flags', { body: {}, headers: { 'X-Corohub-Namespace': 'bep' } })).json;
  assert.deepEqual(first.flags, bulk.flags);
  assert.deepEqual(first.metadata, bulk.metadata);
  assert.ok(first.seq >= Number(bulk.metadata.version));

  await define(admin, 'bep', 'one', { defaultVariant: 'on' });
  const { data } = await feed.next('flag.values');
  assert.deepEqual(Object.keys(data), ['namespace', 'environment', 'revision', 'flags', 'removed']);
  assert.deepEqual(data.flags.map(({ key, value, reason, variant }) => [key, value, reason, variant]), [['one', true, 'STATIC', 'on']]);
  assert.deepEqual(data.removed, []);

  await define(admin, 'bep', 'hidden', { defaultVariant: 'on' });
  await define(admin, 'bep', 'two', byRole);
  await feed.next('flag.values', (each) => each.data.flags[0]?.key === 'two' && each.data.flags[0].reason === 'TARGETING_MATCH');
  await flip(admin, 'bep', 'two', 'disable');
  await feed.next('flag.values', (each) => each.data.flags[0]?.reason === 'DISABLED');
  await change(admin, 'DELETE', `${N('bep')}/flags/two`);
  await feed.next('flag.values', (each) => each.data.removed[0] === 'two');
  assert.ok(!JSON.stringify(values()).includes('hidden'), 'nothing of a flag that is hidden');
});

test('who asked for other keys, or has ended its watch, hears nothing', async (t) => {
  const { admin, john } = await bank(t);
  const watcher = await watching(john);
  const other = await watching(john, { namespace: 'bep', keys: ['two', 'unknown'] });
  const done = await watching(john);
  assert.deepEqual(await done.feed.ask('flag.unwatch'), {});
  assert.deepEqual(other.first.flags.map(({ key }) => key), ['two']);
  await define(admin, 'bep', 'one', { defaultVariant: 'on' });
  await watcher.feed.next('flag.values');
  await barrier(admin, other.feed, done.feed);
  assert.deepEqual([other.values().length, done.values().length], [0, 0]);
});

test('with the right to the namespace the watch ends', async (t) => {
  const { admin, john } = await bank(t);
  const { feed } = await watching(john);
  await change(admin, 'PATCH', N('bep'), { access: 'clients' });
  const { data } = await feed.next('flag.values');
  assert.deepEqual([data.flags, data.removed], [[], ['one', 'two']]);
  assert.equal(await refusal(feed.ask('flag.watch', { namespace: 'bep' })), 'not_found');
  assert.equal(await refusal(feed.ask('flag.watch', { namespace: 'nowhere' })), 'not_found');
  assert.equal(await refusal(feed.ask('flag.watch', { context: 'x' })), 'invalid_context');
});
