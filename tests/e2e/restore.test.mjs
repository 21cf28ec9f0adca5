// R21, T62: a backup comes back as a world of its own, a database that was rolled back is noticed, and a command of
// somebody else leaves no files behind.
import assert from 'node:assert/strict';
import { chownSync, copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Api } from './api.mjs';
import { corohub, Server, temporaryDirectory } from './server.mjs';

const position = (feed) => `${feed.welcome.data.epoch}:${feed.welcome.data.seq}`;

test('R21: backup, restore, and what is no more after it', { timeout: 120_000 }, async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const root = await api.member('superadmin');
  const user = await api.register({ name: 'before' });
  const key = await root.expect(201, 'POST', '/api/v1/admin/api-keys', { body: { name: 'billing', scopes: ['publish'] } });
  const file = join(server.directory, 'backup.db');
  assert.equal((await corohub(['backup', file, '--data-dir', server.data])).code, 0);
  await user.expect(200, 'PATCH', '/api/v1/users/me', { body: { name: 'after' } });
  const feed = await user.connect();
  const since = position(feed);

  const running = await corohub(['restore', file, '--data-dir', server.data]);
  assert.equal(running.code, 75, running.output);
  assert.match(running.output, /stop it first/);
  await server.crash(); // its log stays beside the database
  const done = await corohub(['restore', file, '--data-dir', server.data]);
  assert.equal(done.code, 0, done.output);
  assert.match(done.stdout, /2 users/);
  assert.match(done.stdout, /service key .*billing/);
  assert.match(done.stdout, /corohub\.db\.replaced/);

  await server.launch();
  assert.equal((await user.request('GET', '/api/v1/users/me')).status, 401);
  assert.equal((await api.request('POST', '/api/v1/auth/refresh', { body: { refresh_token: user.refreshToken } })).status, 401);
  const again = await user.again();
  assert.equal((await again.expect(200, 'GET', '/api/v1/users/me')).name, 'before');
  const back = await again.connect({ query: { token: again.token, since } });
  assert.equal(back.welcome.data.recovered, false);
  assert.equal((await back.next('stream.gap')).data.reason, 'foreign_epoch');
  const published = await api.request('POST', '/api/v1/publish', { token: key.key, body: { to: { all: true }, type: 'news', data: {} } });
  assert.notEqual(published.status, 401, published.text); // the key came back with it
});

test('T62: a database that was rolled back by hand has a new epoch', { timeout: 120_000 }, async (t) => {
  const server = await Server.start(t);
  const user = await new Api(server).register();
  await server.stop();
  const copy = join(server.directory, 'cold.db');
  copyFileSync(join(server.data, 'corohub.db'), copy);
  await server.launch();
  for (let number = 0; number < 4; ++number) await user.expect(200, 'PATCH', '/api/v1/users/me', { body: { name: `name ${number}` } });
  const feed = await user.connect();
  await server.stop();
  copyFileSync(copy, join(server.data, 'corohub.db'));
  await server.launch();
  for (let number = 0; number < 8; ++number) await user.expect(200, 'PATCH', '/api/v1/users/me', { body: { name: `other ${number}` } });
  const back = await user.connect({ query: { token: user.token, since: position(feed) } });
  assert.equal(back.welcome.data.recovered, false);
  assert.equal((await back.next('stream.gap')).data.reason, 'foreign_epoch');

  const epoch = back.welcome.data.epoch;
  assert.equal((await corohub(['epoch', 'new', '--data-dir', server.data])).code, 75);
  await server.stop();
  const renewed = await corohub(['epoch', 'new', '--data-dir', server.data]);
  assert.equal(renewed.code, 0, renewed.output);
  await server.launch();
  assert.notEqual((await user.connect()).welcome.data.epoch, epoch);
});

const skip = process.geteuid() === 0 ? false : 'needs root to make files of somebody else';

test('T66: root leaves no files in the directory of a service that is stopped', { skip, timeout: 60_000 }, async (t) => {
  const data = join(temporaryDirectory(t), 'data');
  mkdirSync(data);
  chownSync(data, 4711, 4711);
  const create = ['user', 'create', '--data-dir', data, '--name', 'N', '--email', 'n@example.com', '--role', 'admin', '--password-stdin'];
  for (const args of [create, ['keys', 'rotate', '--data-dir', data], ['epoch', 'new', '--data-dir', data]]) {
    const refused = await corohub(args, { input: 'secure123\n' });
    assert.equal(refused.code, 77, refused.output);
    assert.match(refused.output, /4711/);
  }
  assert.deepEqual(readdirSync(data), []);
});
