// T26: tokens and passwords in no log line, no metric, no error body, and in the database only as hashes.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Api } from './api.mjs';
import { eventually, Server } from './server.mjs';

test('T26: no secret is written down', async (t) => {
  const server = await Server.start(t, { settings: { 'log.level': 'trace' } });
  const api = new Api(server);
  const canaries = new Map();
  const canary = (what, text) => { canaries.set(what, text); return text; };
  const planted = (what) => canary(what, `canary-${canaries.size}-Zx9q`);

  const [, setup] = await server.process.printed(/setup#(?:token=)?(\S+)/);
  canary('setup token', setup);
  const user = await api.register({ password: planted('password') });
  canary('access token', user.token);
  canary('refresh token', user.refreshToken);
  const root = await api.member('superadmin');
  const { ticket } = await user.expect(200, 'POST', '/api/v1/auth/ws-ticket');
  canary('ticket', ticket);
  await (await api.connect({ query: { ticket } })).close();
  await (await user.connect()).close();
  await (await api.connect({ protocols: ['corohub.v1', `bearer.${user.token}`] })).close();
  const reset = await root.request('POST', `/api/v1/admin/users/${user.id}/password-reset`);
  canary('reset token', (reset.text.match(/[A-Za-z0-9_-]{40,}/) || assert.fail(reset.text))[0]);

  const bodies = [];
  const attempt = async (...args) => bodies.push((await api.request(...args)).text);
  const bearer = (what) => ({ token: planted(what) });
  for (const path of ['/ws', '/livez', '/nothing', '/api/v1/users/me', '/ws/stats', `/${'a'.repeat(4200)}`]) {
    for (const key of ['token', 'ticket', 'access_token', 'password', 'secret']) {
      await attempt('GET', `${path}?${key}=${planted(`${key} in ${path.slice(0, 20)}`)}`);
    }
    await attempt('GET', path, bearer(`bearer on ${path.slice(0, 20)}`));
  }
  await attempt('POST', '/api/v1/auth/login', { body: { email: user.email, password: planted('wrong password') } });
  await attempt('POST', '/api/v1/auth/login', { body: `{"password":"${planted('password in broken JSON')}"` });
  await attempt('POST', '/api/v1/auth/register', { body: { name: 'x', email: 'x', password: planted('password beside errors') } });
  await attempt('POST', '/api/v1/auth/refresh', { body: { refresh_token: planted('wrong refresh token') } });
  await attempt('POST', '/api/v1/auth/password/reset', { body: { token: planted('wrong reset token'), password: planted('reset password') } });
  await attempt('POST', '/api/v1/setup', { body: { token: planted('wrong setup token'), name: 'x', email: 'x@example.com', password: planted('setup password') } });
  await user.expect(200, 'PUT', '/api/v1/users/me/password', { body: { current_password: user.password, new_password: planted('new password') } });
  await user.refresh().catch(() => {});
  canary('second refresh token', user.refreshToken);

  const admin = await server.adminUrl();
  const places = new Map([['an answer', bodies.join('\n')]]);
  places.set('/metrics', await (await fetch(`${admin}/metrics`)).text());
  places.set('/health', await (await fetch(`${admin}/health`)).text());
  places.set('/ws/stats', (await root.request('GET', '/ws/stats')).text);
  await server.stop();
  await eventually(5_000, 'log lines', () => server.output.length > 1000);
  // The link is for the operator's eyes: printed once, and no log line.
  const link = server.output.match(/\S+\/setup#\S+/)[0];
  places.set('the log', server.output.replace(link, ''));
  for (const name of readdirSync(server.data)) {
    if (!/key/.test(name)) places.set(name, readFileSync(join(server.data, name), 'latin1'));
  }
  for (const [place, text] of places) {
    for (const [what, secret] of canaries) assert.equal(text.includes(secret), false, `${what} stands in ${place}`);
  }
});

test('T53: log lines stay lines', async (t) => {
  const server = await Server.start(t, { settings: { 'log.level': 'trace', 'log.format': 'json' } });
  const api = new Api(server);
  const nasty = 'x\r\n{"level":"error","event":"forged"}\u001b[31m\u2028';
  await api.request('POST', '/api/v1/auth/login', { body: { email: nasty, password: 'x' } });
  await api.request('GET', `/${encodeURIComponent(nasty)}`, { headers: { 'User-Agent': 'a\tb' } });
  await server.stop();
  const lines = server.output.split('\n').filter((line) => line.startsWith('{'));
  assert.ok(lines.length > 0);
  for (const line of lines) assert.notEqual(JSON.parse(line).event, 'forged');
});
