// The process from its first start to its end.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { Api, barrier } from './api.mjs';
import { BINARY, corohub, eventually, Process, Server, temporaryDirectory } from './server.mjs';

test('the setup link makes the first superadmin, once (T44)', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const [, link] = await server.process.printed(/(https?:\/\/\S+\/setup#\S+)/);
  const token = new URL(link).hash.slice(1).replace(/^token=/, '');

  // To be first to register means nothing.
  const first = await api.register();
  assert.equal(first.user.role, 'user');

  const body = { token, name: 'Root', email: 'root@example.com', password: 'secure123' };
  const wrong = await api.request('POST', '/api/v1/setup', { body: { ...body, token: 'x'.repeat(43) } });
  assert.equal(wrong.status, 403);
  const made = await api.expect(201, 'POST', '/api/v1/setup', { body });
  assert.equal(made.user.role, 'superadmin');
  const late = await api.request('POST', '/api/v1/setup', { body: { ...body, email: 'other@example.com' } });
  assert.equal(late.status, 403);
  assert.equal(late.json.code, 'setup_closed');

  await server.stop();
  await server.launch();
  assert.doesNotMatch(server.process.output, /setup#/);
});

test('accounts outlive the process, and the command line works without one', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const user = await api.register();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });

  const created = await server.createUser({ name: 'Offline', email: 'offline@example.com', role: 'admin', password: 'secure123' });
  assert.equal(created.code, 0);
  const list = await corohub(['user', 'list', '--data-dir', server.data]);
  assert.equal(list.code, 0, list.output);
  assert.match(list.output, /offline@example\.com/);

  await server.launch();
  await user.expect(200, 'GET', '/api/v1/users/me'); // the signing key stayed, too
  assert.equal((await api.login('offline@example.com', 'secure123')).user.role, 'admin');
});

test('accounts and their logins are administered by the command line, beside a server and without one', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const root = await api.member('superadmin');
  const ann = await api.register();
  const run = (...args) => corohub(['user', ...args, '--data-dir', server.data]);
  const expect = async (code, ...args) => {
    const result = await run(...args);
    assert.equal(result.code, code, result.output);
    return result.output;
  };

  assert.match(await expect(0, 'sessions', '--email', ann.email), /[0-9a-f-]{36} .*127\.0\.0\.1/);
  await ann.expect(200, 'GET', '/api/v1/users/me');
  const socket = await ann.connect();
  assert.match(await expect(0, 'sessions', '--email', ann.email, '--end'), /all of them are ended/);
  assert.deepEqual(await socket.closed(), { code: 1008, reason: 'session_revoked' });

  const [, token] = (await expect(0, 'reset-link', '--email', ann.email)).match(/\/reset#token=(\S+)/);
  await api.expect(204, 'POST', '/api/v1/auth/password/reset', { body: { token, password: 'secure1234' } });
  await api.login(ann.email, 'secure1234');

  assert.match(await expect(0, 'disable', '--email', ann.email), /disabled/);
  assert.equal((await api.request('POST', '/api/v1/auth/login', { body: { email: ann.email, password: 'secure1234' } })).status, 401);
  await server.stop();
  assert.match(await expect(0, 'enable', '--email', ann.email), /active/);
  await expect(1, 'disable', '--email', root.email); // the last superadmin
  await server.launch();
  await api.login(ann.email, 'secure1234');
  assert.match(await expect(0, 'delete', '--email', ann.email), /is deleted/);
  await expect(1, 'delete', '--email', ann.email);

  const { json } = await root.request('GET', `/api/v1/admin/audit?limit=300&user=${ann.id}`);
  const deeds = json.data.filter((row) => row.actor_id === null).map((row) => row.action);
  assert.deepEqual(deeds, ['user.register', 'session.end', 'password.reset_link', 'user.status', 'login.failed', 'user.status', 'user.delete']);
});

test('T66: files are for their owner only, and a second server finds the place taken', async (t) => {
  const server = await Server.start(t);
  for (const name of readdirSync(server.data)) {
    const { mode } = statSync(join(server.data, name));
    assert.equal(mode & 0o077, 0, `${name} is ${(mode & 0o777).toString(8)}`);
  }
  assert.equal(statSync(server.data).mode & 0o077, 0);

  const second = await corohub(server.launchArgs);
  assert.equal(second.code, 75, second.output);
  const busy = await corohub(['serve', '--data-dir', join(temporaryDirectory(t), 'data'), '--listen', server.host, '--admin-listen', '127.0.0.1:0']);
  assert.equal(busy.code, 75, busy.output);
  await new Api(server).register(); // the first is not disturbed
});

test('R23: what is wrong in the configuration is said in one line', async (t) => {
  const directory = temporaryDirectory(t);
  const attempts = [
    [['serve', '--ws-ping-intervall-s', '10'], /ws-ping-interval-s/],
    [['serve', '--ws-ping-interval-s', '60', '--ws-pong-timeout-s', '60'], /pong_timeout/],
    [['serve', '--listen', 'nonsense'], /nonsense/],
  ];
  for (const [args, reason] of attempts) {
    const result = await corohub([...args, '--data-dir', join(directory, 'data')]);
    assert.equal(result.code, 64, `${args.join(' ')}: ${result.output}`);
    assert.match(result.output, reason);
  }
  const unknown = await corohub(['config', 'check'], { env: { PATH: process.env.PATH, COROHUB_WS_PING_INTERVAL: '10' } });
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.output, /COROHUB_WS_PING_INTERVAL_S/);
});

test('R2: SIGTERM sends everyone away and ends well', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const user = await api.register();
  const feeds = await Promise.all(Array.from({ length: 100 }, () => user.connect()));

  // A request in flight: its headers are sent, its body comes after the signal.
  const body = JSON.stringify({ name: 'Late but in time' });
  const socket = net.connect(server.port, '127.0.0.1');
  t.after(() => socket.destroy());
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => { answer += text; }).on('error', () => {});
  const ended = new Promise((done) => socket.on('close', done));
  socket.write(`PATCH /api/v1/users/me HTTP/1.1\r\nHost: ${server.host}\r\nAuthorization: Bearer ${user.token}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`);
  await eventually(5_000, '100 Continue', () => answer.includes('100 Continue'));

  server.process.signal('SIGTERM');
  const started = Date.now();
  const closes = await Promise.all(feeds.map((feed) => feed.closed(6_000)));
  assert.ok(Date.now() - started < 6_000);
  for (const close of closes) assert.deepEqual(close, { code: 1001, reason: 'draining' });
  await eventually(5_000, 'the listener to be gone', () => fetch(`${server.url}/livez`).then(() => false, () => true));

  socket.write(body);
  await ended;
  assert.match(answer, /HTTP\/1\.1 200 [\s\S]*Late but in time/);
  assert.deepEqual(await server.process.ended(15_000), { code: 0, signal: null });
});

test('T71: who asks for the log to be opened again ends nothing', async (t) => {
  const server = await Server.start(t);
  server.process.signal('SIGUSR1');
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});

test('T71: a second SIGTERM ends it at once', async (t) => {
  const server = await Server.start(t);
  const user = await new Api(server).register();
  const socket = net.connect(server.port, '127.0.0.1'); // a request that never completes would be waited for
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(`PATCH /api/v1/users/me HTTP/1.1\r\nHost: ${server.host}\r\nAuthorization: Bearer ${user.token}\r\nContent-Length: 9\r\n\r\n{`);
  await user.expect(200, 'GET', '/api/v1/users/me');
  server.process.signal('SIGTERM');
  await server.process.printed(/drain/i);
  server.process.signal('SIGTERM');
  await server.process.ended(2_000);
});

test('T34: signing keys rotate and reload without anybody noticing', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const root = await api.member('superadmin');
  const feed = await root.connect();
  for (let i = 0; i < 3; ++i) {
    const rotated = await corohub(['keys', 'rotate', '--data-dir', server.data]);
    assert.equal(rotated.code, 0, rotated.output);
    await root.expect(200, 'GET', '/api/v1/users/me'); // signed by the old key
    const fresh = await root.again();
    await fresh.expect(200, 'GET', '/api/v1/users/me');
    server.process.signal('SIGHUP');
  }
  await barrier(root, feed);
});

test('R21: a backup of a live server is a database of its own', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const user = await api.register();
  const file = join(server.directory, 'backup.db');
  const backup = await corohub(['backup', '--data-dir', server.data, file]);
  assert.equal(backup.code, 0, backup.output);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await user.expect(200, 'GET', '/api/v1/users/me');
  const check = new Process('sqlite3', [file, 'PRAGMA integrity_check; SELECT count(*) FROM users;']);
  assert.equal((await check.ended()).code, 0);
  assert.equal(check.output, 'ok\n1\n');
});

test('the binary says what it is', async () => {
  const version = await corohub(['version']);
  assert.equal(version.code, 0);
  assert.match(version.output, /^corohub \d+\.\d+\.\d+/);
  const defaults = await corohub(['config', 'defaults']);
  assert.match(defaults.output, /ping_interval_s\s*=\s*54/);
  assert.ok(BINARY);
});
