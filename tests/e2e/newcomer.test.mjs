// What the README promises: register, log in, connect, and see what happens, live.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Api, barrier } from './api.mjs';
import { Server, run } from './server.mjs';

const RFC_3339_MS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test('from an empty directory to a live event', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);

  const john = await api.register({ name: 'John Doe', email: 'john@example.com', password: 'secure123' });
  assert.equal(john.user.role, 'user');
  const again = await api.login('JOHN@example.com', 'secure123');
  assert.equal(again.id, john.id);

  const feed = await john.connect();
  const { data } = feed.welcome;
  assert.equal(data.user_id, john.id);
  assert.equal(data.role, 'user');
  assert.equal(data.message, 'Welcome to WebSocket real-time updates');
  assert.match(data.client_id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(data.recovered, false);
  assert.match(feed.welcome.timestamp, RFC_3339_MS);
  assert.equal('seq' in feed.welcome, false);

  const answer = await john.request('PATCH', '/api/v1/users/me', { body: { name: 'John D.', age: 26 } });
  assert.equal(answer.status, 200);
  const updated = await feed.next('user.updated');
  const profile = await feed.next('profile.updated');
  assert.equal(updated.data.user_id, john.id);
  assert.equal(updated.data.updated_by, john.id);
  assert.match(updated.timestamp, RFC_3339_MS);
  assert.ok(updated.seq > data.seq && profile.seq > data.seq);
  assert.equal(answer.headers.get('corohub-position'), `${data.epoch}:${Math.max(updated.seq, profile.seq)}`);

  // The same facts, word by word, from the log.
  const events = await john.expect(200, 'GET', `/api/v1/events?since=${data.epoch}:${data.seq}`);
  assert.deepEqual(events, feed.messages.slice(1));
});

test('a role change by an admin is seen live by the user and the admins, a broadcast by all', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const root = await api.member('superadmin');
  const admin = await api.member('admin');
  const john = await api.member('user');
  const jane = await api.member('user');
  const [rootFeed, adminFeed, johnFeed, janeFeed] = await Promise.all([root, admin, john, jane].map((each) => each.connect()));

  const changed = await root.expect(200, 'PUT', `/api/v1/admin/users/${john.id}/role`, { body: { role: 'admin' } });
  assert.equal(changed.role, 'admin');
  for (const feed of [rootFeed, adminFeed, johnFeed]) {
    const { data } = await feed.next('user.role.changed');
    assert.equal(data.user_id, john.id);
    assert.equal(data.old_role, 'user');
    assert.equal(data.new_role, 'admin');
    assert.equal(data.changed_by, root.id);
  }

  // Promoted, the same connection hears what admins hear, and the old token may do what admins do.
  const joe = await api.member('user');
  await johnFeed.next('user.created', ({ data }) => data.user_id === joe.id);
  const stats = await john.expect(200, 'GET', '/ws/stats');
  assert.deepEqual(stats.by_role, { user: 1, admin: 2, superadmin: 1 });
  assert.equal(stats.total_clients, 4);

  const sent = await john.expect(200, 'POST', '/ws/broadcast', {
    body: { message: 'System maintenance scheduled', priority: 'high', metadata: { scheduled_time: '2026-01-07T02:00:00Z' } },
  });
  assert.equal(sent.message, 'Broadcast sent successfully');
  assert.equal(sent.recipients, 4);
  for (const feed of [rootFeed, adminFeed, johnFeed, janeFeed]) {
    const alert = await feed.next('system.alert');
    assert.equal(alert.seq, sent.seq);
    assert.equal(alert.data.priority, 'high');
    assert.deepEqual(alert.data.metadata, { scheduled_time: '2026-01-07T02:00:00Z' });
  }

  // T31: demoted, the token is void at once and the connection hears no more than a user.
  await root.expect(200, 'PUT', `/api/v1/admin/users/${john.id}/role`, { body: { role: 'user' } });
  assert.equal((await john.request('POST', '/ws/broadcast', { body: { message: 'x' } })).status, 401);
  await api.member('user');
  await barrier(root, johnFeed, janeFeed);
  assert.equal(johnFeed.count('user.created'), 1);
  assert.equal(janeFeed.count('user.created'), 0);
  assert.equal(janeFeed.count('user.role.changed'), 0);
  await john.refresh();
  assert.equal(john.user.role, 'user');
  assert.equal((await john.request('POST', '/ws/broadcast', { body: { message: 'x' } })).status, 403);
});

test('curl says the same', async (t) => {
  const server = await Server.start(t);
  const curl = async (...args) => {
    const { code, output } = await run('curl', ['-sS', '--max-time', '10', ...args]);
    assert.equal(code, 0, output);
    return output;
  };
  const body = JSON.stringify({ name: 'John Doe', email: 'john@example.com', password: 'secure123', age: 25 });
  const json = ['-H', 'Content-Type: application/json', '-d'];
  const registered = JSON.parse(await curl('-X', 'POST', `${server.url}/api/v1/auth/register`, ...json, body));
  assert.equal(registered.success, true);
  const login = await curl('-X', 'POST', `${server.url}/api/v1/auth/login`, ...json, JSON.stringify({ email: 'john@example.com', password: 'secure123' }));
  const token = JSON.parse(login).data.access_token;
  assert.match(token, /^eyJ/);
  assert.match(await curl('-i', `${server.url}/ws/stats`), /^HTTP\/1\.1 401 [\s\S]*"error":"unauthorized"/);
  assert.match(await curl('-i', `${server.url}/ws/stats`, '-H', `Authorization: Bearer ${token}`), /^HTTP\/1\.1 403 [\s\S]*admin access required/);
  assert.match(await curl('-i', `${server.url}/ws?token=nonsense`, '-H', 'Connection: Upgrade', '-H', 'Upgrade: websocket',
    '-H', 'Sec-WebSocket-Version: 13', '-H', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='), /^HTTP\/1\.1 401 /);
  assert.match(await curl('-i', `${server.url}/`), /^HTTP\/1\.1 302 [\s\S]*\/websocket-test\.html/);
  assert.equal(JSON.parse(await curl(`${server.url}/health`)).status, 'ok');
});
