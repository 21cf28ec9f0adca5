// How logins end, and what their sockets are told.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Api, barrier, Refused } from './api.mjs';
import { Server } from './server.mjs';

const gone = (reason) => ({ code: 1008, reason });

test('T30: a password change ends the other sessions and keeps the caller\'s', async (t) => {
  const api = new Api(await Server.start(t));
  const root = await api.member('superadmin');
  const here = await api.register();
  const there = await here.again();
  const [hereFeed, thereFeed] = [await here.connect(), await there.connect()];

  const body = { current_password: here.password, new_password: 'another secret 1' };
  here.take(await here.expect(200, 'PUT', '/api/v1/users/me/password', { body }));

  await thereFeed.next('password.changed'); // its own last event first, then the close
  assert.deepEqual(await thereFeed.closed(), gone('credentials_changed'));
  await hereFeed.next('password.changed');
  await barrier(root, hereFeed); // still there, and still served

  await there.expect(401, 'GET', '/api/v1/users/me');
  await api.expect(401, 'POST', '/api/v1/auth/refresh', { body: { refresh_token: there.refreshToken } });
  await here.expect(200, 'GET', '/api/v1/users/me');
  await api.expect(401, 'POST', '/api/v1/auth/login', { body: { email: here.email, password: here.password } });
  await api.login(here.email, 'another secret 1');
});

test('T29: logging out closes that session\'s sockets only', async (t) => {
  const api = new Api(await Server.start(t));
  const root = await api.member('superadmin');
  const one = await api.register();
  const other = await one.again();
  const [oneFeed, otherFeed] = [await one.connect(), await other.connect()];

  await one.expect(204, 'POST', '/api/v1/auth/logout');
  assert.deepEqual(await oneFeed.closed(), gone('logged_out'));
  await one.expect(401, 'GET', '/api/v1/users/me');
  await assert.rejects(one.connect(), (error) => error instanceof Refused && error.status === 401);
  await barrier(root, otherFeed);

  // The list, and ending one from afar.
  const third = await one.again();
  const thirdFeed = await third.connect();
  const sessions = await other.expect(200, 'GET', '/api/v1/auth/sessions');
  assert.equal(sessions.length, 2);
  assert.equal(sessions.filter((session) => session.current).length, 1);
  const target = sessions.find((session) => !session.current);
  await other.expect(204, 'DELETE', `/api/v1/auth/sessions/${target.id}`);
  assert.deepEqual(await thirdFeed.closed(), gone('session_revoked'));
  await barrier(root, otherFeed);

  // With the refresh token alone.
  await api.expect(204, 'POST', '/api/v1/auth/logout', { body: { refresh_token: other.refreshToken } });
  assert.deepEqual(await otherFeed.closed(), gone('logged_out'));
});

test('T27: a stolen refresh token ends the whole session', async (t) => {
  // No grace, so that the second use is a theft and not a retry.
  const api = new Api(await Server.start(t, { settings: { 'auth.refresh_grace_s': 0 } }));
  const victim = await api.register();
  const feed = await victim.connect();
  const stolen = victim.refreshToken;
  await victim.refresh();
  const answer = await api.request('POST', '/api/v1/auth/refresh', { body: { refresh_token: stolen } });
  assert.equal(answer.status, 401);
  assert.equal(answer.json.code, 'invalid_grant');
  assert.deepEqual(await feed.closed(), gone('session_revoked'));
  await api.expect(401, 'POST', '/api/v1/auth/refresh', { body: { refresh_token: victim.refreshToken } });
});

test('T32: disabling and deleting close the sockets and void the tokens', async (t) => {
  const api = new Api(await Server.start(t));
  const root = await api.member('superadmin');
  const rootFeed = await root.connect();

  const disabled = await api.register();
  const disabledFeed = await disabled.connect();
  await root.expect(200, 'PUT', `/api/v1/admin/users/${disabled.id}/status`, { body: { status: 'disabled' } });
  assert.deepEqual(await disabledFeed.closed(), gone('account_disabled'));
  assert.equal(disabledFeed.count('user.updated'), 1); // its own last event
  await disabled.expect(401, 'GET', '/api/v1/users/me');

  const deleted = await api.register();
  const deletedFeed = await deleted.connect();
  await root.expect(204, 'DELETE', `/api/v1/admin/users/${deleted.id}`);
  assert.deepEqual(await deletedFeed.closed(), gone('account_deleted'));
  const { data } = await rootFeed.next('user.deleted', (event) => event.data.user_id === deleted.id);
  assert.equal(data.email, deleted.email);
  assert.equal(data.deleted_by, root.id);
  await deleted.expect(401, 'GET', '/api/v1/users/me');

  // Ids are never used again, so an old token can't become somebody else's.
  const successor = await api.register({ email: deleted.email });
  assert.ok(successor.id > deleted.id);
  await deleted.expect(401, 'GET', '/api/v1/users/me');

  const leaving = await api.register();
  const leavingFeed = await leaving.connect();
  await leaving.expect(204, 'DELETE', '/api/v1/users/me');
  assert.deepEqual(await leavingFeed.closed(), gone('account_deleted'));
});

test('a kick closes one connection and revokes nothing', async (t) => {
  const api = new Api(await Server.start(t));
  const root = await api.member('superadmin');
  const user = await api.register();
  const feed = await user.connect();
  const live = await root.expect(200, 'GET', '/api/v1/admin/connections');
  assert.ok(live.some((connection) => connection.client_id === feed.welcome.data.client_id));
  await root.expect(204, 'DELETE', `/api/v1/admin/connections/${feed.welcome.data.client_id}`);
  assert.deepEqual(await feed.closed(), gone('kicked'));
  await (await user.connect()).close();
  await root.expect(404, 'DELETE', `/api/v1/admin/connections/${feed.welcome.data.client_id}`);
});

test('T25: a socket lives as long as its token', async (t) => {
  const api = new Api(await Server.start(t, { settings: { 'auth.access_ttl_s': 5 } }));
  const user = await api.register();
  const issued = Date.now();
  const feed = await user.connect();
  assert.deepEqual(await feed.closed(15_000), gone('token_expired'));
  assert.ok(Date.now() - issued > 3_900, 'not before its time'); // exp is in whole seconds
  await user.expect(401, 'GET', '/api/v1/users/me');
  await user.refresh();
  await (await user.connect()).close();
});

test('T36: a ticket opens one socket', async (t) => {
  const api = new Api(await Server.start(t));
  const user = await api.register();
  const { ticket, expires_in } = await user.expect(200, 'POST', '/api/v1/auth/ws-ticket');
  assert.equal(expires_in, 30);
  const tries = await Promise.allSettled(Array.from({ length: 10 }, () => api.connect({ query: { ticket } })));
  const opened = tries.filter(({ status }) => status === 'fulfilled');
  assert.equal(opened.length, 1);
  assert.equal(opened[0].value.welcome.data.user_id, user.id);
  for (const { reason } of tries.filter(({ status }) => status === 'rejected')) assert.equal(reason.status, 401);
  await opened[0].value.close();
});

test('T1 to T4: one good credential, a page of ours, or no upgrade', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const user = await api.register();
  const bearer = { Authorization: `Bearer ${user.token}` };
  const accepted = [
    ['the address', { token: user.token }],
    ['a header', { headers: bearer }],
    ['a subprotocol', { protocols: ['corohub.v1', `bearer.${user.token}`] }],
    ['a page of this server', { token: user.token, headers: { Origin: server.url } }],
    ['another port of localhost', { token: user.token, headers: { Origin: 'http://localhost:3000' } }],
  ];
  for (const [what, options] of accepted) {
    const feed = await api.connect(options);
    assert.equal(feed.welcome.data.user_id, user.id, what);
    assert.equal(feed.socket.protocol, options.protocols ? 'corohub.v1' : '', what);
    await feed.close();
  }
  const refused = [
    ['nothing', {}, 401],
    ['garbage', { token: 'eyJ.eyJ.x' }, 401],
    ['a cut signature', { token: user.token.slice(0, -4) }, 401],
    ['a refresh token', { token: user.refreshToken }, 401],
    ['a cookie only', { headers: { Cookie: `token=${user.token}` } }, 401],
    ['two credentials', { token: user.token, headers: bearer }, 400],
    ['the same twice', { query: [['token', user.token], ['token', user.token]] }, 400],
    ['unknown subprotocols', { token: user.token, protocols: ['chat'] }, 400],
    ['a foreign page', { token: user.token, headers: { Origin: 'https://evil.example' } }, 403],
    ['a page from disk', { token: user.token, headers: { Origin: 'null' } }, 403],
  ];
  for (const [what, options, status] of refused) {
    await assert.rejects(api.connect(options), (error) => error.status === status, `${what} wants ${status}`);
  }
});
