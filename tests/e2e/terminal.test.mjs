// The command line as a client: login, listen, broadcast, publish; and servers for a moment: --ephemeral, --demo.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { Api, Feed } from './api.mjs';
import { BINARY, Process, Server, eventually, run, temporaryDirectory, within } from './server.mjs';

// One user's terminal: his stored logins, his token, if he has set one.
function terminal(t) {
  const config = temporaryDirectory(t);
  const env = { ...process.env, XDG_CONFIG_HOME: config };
  delete env.COROHUB_TOKEN;
  return {
    file: join(config, 'corohub', 'credentials.json'),
    env,
    run: (args, options = {}) => run(BINARY, args, { env, ...options }),
    login(account, ...args) {
      return this.run(['login', '--server', account.api.server.url, '--email', account.email, '--password-stdin', ...args],
        { input: `${account.password}\n` });
    },
    listen(server, ...args) {
      const listener = new Process(BINARY, ['listen', '--server', server.url, ...args], { env });
      t.after(() => listener.signal('SIGKILL'));
      return listener;
    },
  };
}

// The lines that it has printed whole.
const messages = (listener) => listener.stdout.split('\n').slice(0, -1).map((line) => JSON.parse(line));
const alerts = (listener) => messages(listener).filter(({ type }) => type === 'system.alert').map(({ data }) => data.message);
const welcomed = (listener, times = 1) => eventually(20_000, `${times} welcomes`, () =>
  messages(listener).filter(({ type }) => type === 'connection.established').length >= times);
const alert = (admin, message) => admin.expect(200, 'POST', '/ws/broadcast', { body: { message } });

test('a login is stored for its user alone, and no token is shown unless asked for', async (t) => {
  const server = await Server.start(t);
  const john = await new Api(server).register();
  const mine = terminal(t);
  const done = await mine.login(john);
  assert.equal(done.code, 0, done.output);
  assert.equal(done.stdout, `logged in to ${server.url} as John Doe <${john.email}>, user, user ${john.id}\n`);
  assert.equal(statSync(mine.file).mode & 0o777, 0o600);
  const stored = JSON.parse(readFileSync(mine.file, 'utf8')).servers[server.url];
  assert.equal(stored.user_id, john.id);
  assert.ok(!done.output.includes(stored.access_token));

  const shown = await mine.login(john, '--print-token');
  const me = await new Api(server).expect(200, 'GET', '/api/v1/users/me', { token: shown.stdout.trim() });
  assert.equal(me.id, john.id);
});

test('listen misses nothing over a stop and a kill of the server, and SIGINT ends it with 0', { timeout: 120_000 }, async (t) => {
  const server = await Server.start(t, { settings: { 'server.drain_spread_ms': 0, 'auth.access_ttl_s': 3600 } });
  server.launchArgs[server.launchArgs.indexOf('127.0.0.1:0')] = server.host;
  const admin = await new Api(server).member('admin');
  const mine = terminal(t);
  assert.equal((await mine.login(admin)).code, 0);
  const listener = mine.listen(server, '--types', 'system.*');
  await welcomed(listener);
  const expected = [];
  for (const [round, end] of [() => server.stop(), () => server.crash()].entries()) {
    const sent = await mine.run(['broadcast', `live ${round}`, '--server', server.url, '--priority', 'high']);
    assert.equal(sent.code, 0, sent.output);
    assert.equal(JSON.parse(sent.stdout).success, true);
    await eventually(10_000, 'the live alert', () => alerts(listener).includes(`live ${round}`));
    await end();
    await server.launch();
    await alert(admin, `missed ${round}`);
    expected.push(`live ${round}`, `missed ${round}`);
    await eventually(40_000, 'the missed alert', () => alerts(listener).includes(`missed ${round}`));
  }
  assert.deepEqual(alerts(listener), expected);
  const welcomes = messages(listener).filter(({ type }) => type === 'connection.established');
  assert.deepEqual(welcomes.map(({ data }) => data.recovered), [false, true, true]);
  listener.signal('SIGINT');
  assert.deepEqual(await listener.ended(), { code: 0, signal: null });
});

test('listen begins where it is told to and takes its token from the environment or standard input', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const admin = await api.member('admin');
  const start = (await alert(admin, 'before')).seq;
  await alert(admin, 'after');
  const mine = terminal(t);
  const by = [
    new Process(BINARY, ['listen', '--server', server.url, '--since', String(start)], { env: { ...mine.env, COROHUB_TOKEN: admin.token } }),
    new Process(BINARY, ['listen', '--server', server.url, '--since', String(start), '--token-stdin'], { env: mine.env }),
  ];
  by[1].child.stdin.end(`${admin.token}\n`);
  for (const listener of by) {
    t.after(() => listener.signal('SIGKILL'));
    await eventually(10_000, 'what was missed', () => alerts(listener).includes('after'));
    assert.deepEqual(alerts(listener), ['after']);
    listener.signal('SIGTERM');
    assert.equal((await listener.ended()).code, 0);
  }
});

test('listen renews its login when the token ends', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, { settings: { 'auth.access_ttl_s': 5 } });
  const john = await new Api(server).register();
  const mine = terminal(t);
  await mine.login(john);
  const before = readFileSync(mine.file, 'utf8');
  const listener = mine.listen(server);
  await welcomed(listener, 2);
  assert.notEqual(readFileSync(mine.file, 'utf8'), before);
  await john.again().then((other) => other.expect(200, 'PATCH', '/api/v1/users/me', { body: { name: 'Johnny' } }));
  await listener.printed(/"profile\.updated"/);
});

test('what is published in a topic reaches those who listen to it, once for each key', async (t) => {
  const server = await Server.start(t);
  const john = await new Api(server).register();
  const mine = terminal(t);
  await mine.login(john);
  const listener = mine.listen(server, '--topic', 'rooms/one', '--topic', 'rooms/two', '--types', 'message,note');
  await welcomed(listener);
  const publish = async (...args) => {
    const done = await mine.run(['publish', ...args, '--server', server.url]);
    assert.equal(done.code, 0, done.output);
    return JSON.parse(done.stdout).data;
  };
  const first = await publish('rooms/one', '{"n":1.50}');
  await publish('rooms/two', 'plain words', '--type', 'note');
  await publish('rooms/one', '7', '--text', '--idempotency-key', 'once');
  await publish('rooms/one', '7', '--text', '--idempotency-key', 'once');
  await publish('rooms/one', '[null]');
  await publish('rooms/other', 'unheard');
  await publish('rooms/two', 'last');
  await listener.printed(/"last"/);
  const heard = messages(listener).filter(({ topic }) => topic);
  assert.deepEqual(heard.map(({ topic, type, data }) => [topic, type, data]), [
    ['rooms/one', 'message', { n: 1.5 }],
    ['rooms/two', 'note', 'plain words'],
    ['rooms/one', 'message', '7'],
    ['rooms/one', 'message', [null]],
    ['rooms/two', 'message', 'last'],
  ]);
  assert.match(listener.stdout, /"data":\{"n":1\.50\}/); // as it was given
  assert.equal(heard[0].seq, first.seq);

  // What was missed of a topic comes, too.
  const later = mine.listen(server, '--topic', 'rooms/two', '--since', String(first.seq));
  await later.printed(/"last"/);
  assert.deepEqual(messages(later).filter(({ topic }) => topic).map(({ data }) => data), ['plain words', 'last']);
});

test('what ends for good ends listen, with a word on why', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const [admin, john] = [await api.member('admin'), await api.register()];
  const mine = terminal(t);
  await mine.login(john);
  const listener = mine.listen(server);
  await welcomed(listener);
  const { client_id: id } = messages(listener)[0].data;
  await admin.expect(204, 'DELETE', `/api/v1/admin/connections/${id}`);
  assert.equal((await listener.ended()).code, 77);
  assert.match(listener.output, /corohub: the server ended the stream: kicked\n/);

  await admin.expect(200, 'PUT', `/api/v1/admin/users/${john.id}/status`, { body: { status: 'disabled' } });
  const again = mine.listen(server);
  assert.equal((await again.ended()).code, 77);
  assert.match(again.output, /the login has ended/);
});

test('mistakes have an exit code and one line', async (t) => {
  const server = await Server.start(t);
  const john = await new Api(server).register();
  const mine = terminal(t);
  const fails = async (code, pattern, args, options) => {
    const result = await mine.run(args, options);
    assert.equal(result.code, code, result.output);
    assert.match(result.output, pattern);
    assert.equal(result.output.trimEnd().split('\n').length, 1, result.output);
  };
  const where = ['--server', server.url];
  await fails(64, /there is no login for http/, ['listen', ...where]);
  await fails(64, /no TLS is needed/, ['listen', '--server', 'https://localhost:1']);
  await fails(64, /unknown flag --topik \(did you mean --topic\?\)/, ['listen', ...where, '--topik', 'a']);
  await fails(77, /invalid_credentials/, ['login', ...where, '--email', john.email, '--password-stdin'], { input: 'wrong password' });
  await mine.login(john);
  await fails(77, /admin/, ['broadcast', 'hello', ...where]);
  await fails(1, /invalid_since/, ['listen', ...where, '--since', 'x y']);
  await fails(64, /is no topic/, ['publish', '../users', '{}', ...where]);
  await server.stop();
  await fails(69, /cannot connect to/, ['listen', ...where]);
});

test('an ephemeral server tells in one line where it is, and leaves nothing', async (t) => {
  const process = new Process(BINARY, ['serve', '--ephemeral', '--exit-with-stdin']);
  t.after(() => process.signal('SIGKILL'));
  await eventually(20_000, 'its line', () => process.stdout.includes('\n'));
  const line = JSON.parse(process.stdout);
  assert.deepEqual(Object.keys(line), ['url', 'ws_url', 'admin', 'data_dir', 'pid']);
  assert.equal(line.pid, process.child.pid);
  assert.match(line.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(line.ws_url, `ws${line.url.slice(4)}/ws`);
  assert.equal(statSync(line.data_dir).mode & 0o777, 0o700);

  const server = { url: line.url, host: line.url.slice(7) };
  const api = new Api(server);
  const me = await api.expect(200, 'GET', '/api/v1/users/me', { token: line.admin.access_token });
  assert.deepEqual([me.id, me.email, me.role], [line.admin.user_id, line.admin.email, 'superadmin']);
  const feed = await Feed.open(server, { token: line.admin.access_token });
  assert.equal(feed.welcome.data.role, 'superadmin');
  for (let i = 0; i < 70; ++i) await api.register(); // more than anybody else may at once

  process.child.stdin.end();
  assert.deepEqual(await process.ended(), { code: 0, signal: null });
  assert.equal(existsSync(line.data_dir), false);
  assert.equal(process.stdout.trimEnd().split('\n').length, 1);
});

test('an ephemeral server ends with SIGTERM, too, and takes no data directory', async (t) => {
  const process = new Process(BINARY, ['serve', '--ephemeral']);
  t.after(() => process.signal('SIGKILL'));
  await eventually(20_000, 'its line', () => process.stdout.includes('\n'));
  const line = JSON.parse(process.stdout);
  process.child.stdin.end(); // means nothing without the flag
  assert.ok((await fetch(`${line.url}/readyz`)).ok);
  process.signal('SIGTERM');
  assert.equal((await process.ended()).code, 0);
  assert.equal(existsSync(line.data_dir), false);
  assert.equal((await run(BINARY, ['serve', '--ephemeral', '--data-dir', temporaryDirectory(t)])).code, 64);
});

test('a demo prints what to paste for three users, the same ones the next time', async (t) => {
  const directory = temporaryDirectory(t);
  const args = ['serve', '--demo', '--data-dir', directory, '--listen', '127.0.0.1:0', '--admin-listen', ''];
  const ids = [];
  for (let round = 0; round < 2; ++round) {
    const process = new Process(BINARY, args);
    t.after(() => process.signal('SIGKILL'));
    await process.printed(/user \d+\n(?:.*\n)*.*user \d+\n(?:.*\n)*.*user \d+\n.*\n.*\n.*\n\n/);
    const users = [...process.stdout.matchAll(/^(.+) <(.+)>, (\w+), user (\d+)\n {2}token: {2}(\S+)\n {2}listen: (.+)\n {2}curl: {3}(.+)\n/gm)];
    assert.deepEqual(users.map(([, , , role]) => role), ['admin', 'user', 'user']);
    const [, url] = process.stdout.match(/(http:\/\/localhost:\d+)\/websocket-test\.html/);
    for (const [, , email, , , token] of users) {
      const me = await fetch(`${url}/api/v1/users/me`, { headers: { Authorization: `Bearer ${token}` } });
      assert.equal((await me.json()).data.email, email);
    }
    ids.push(users.map(([, , , , id]) => id));

    const listener = new Process('sh', ['-c', `exec env ${users[1][6]}`]);
    t.after(() => listener.signal('SIGKILL'));
    await welcomed(listener);
    const sent = await run('sh', ['-c', `${users[0][7]} -s`]);
    assert.match(sent.stdout, /"success":true/);
    await eventually(10_000, 'the alert', () => alerts(listener).includes('Hello, everybody'));
    listener.signal('SIGINT');
    process.signal('SIGTERM');
    assert.equal((await process.ended()).code, 0);
  }
  assert.deepEqual(ids[0], ids[1]);
  const open = await run(BINARY, [...args, '--listen', '0.0.0.0:0']);
  assert.equal(open.code, 64);
  assert.match(open.output, /--demo prints tokens and serves on loopback only, not on 0\.0\.0\.0:0/);
});

// A program started with a standard error that is full, and that nobody will read.
async function withFullStderr(t, args) {
  const fifo = join(temporaryDirectory(t), 'stderr');
  assert.equal((await run('mkfifo', [fifo])).code, 0);
  const filler = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(filler));
  assert.throws(() => { for (;;) writeSync(filler, '.'.repeat(4096)); }, { code: 'EAGAIN' });
  const end = openSync(fifo, 'w');
  const child = spawn(BINARY, args, { stdio: ['pipe', 'pipe', end], env: { PATH: process.env.PATH } });
  closeSync(end);
  t.after(() => child.kill('SIGKILL'));
  const exited = new Promise((done) => { child.on('exit', (code, signal) => done({ code, signal })); });
  child.stdout.setEncoding('utf8');
  const [text] = await within(20_000, 'its line', once(child.stdout, 'data'));
  return { child, line: JSON.parse(text), exited };
}

for (const [what, end] of [['SIGTERM', (child) => child.kill('SIGTERM')], ['the end of standard input', (child) => child.stdin.end()]]) {
  test(`H3: ${what} ends an ephemeral server whose log nobody reads, and its directory goes`, async (t) => {
    const { child, line, exited } = await withFullStderr(t, ['serve', '--ephemeral', '--exit-with-stdin', '--log-level', 'debug']);
    assert.ok((await fetch(`${line.url}/readyz`)).ok);
    end(child);
    assert.deepEqual(await within(30_000, 'its end', exited), { code: 0, signal: null });
    assert.equal(existsSync(line.data_dir), false);
  });
}

test('H3: a second SIGTERM takes the directory of an ephemeral server with it', async (t) => {
  const server = new Process(BINARY, ['serve', '--ephemeral']);
  t.after(() => server.signal('SIGKILL'));
  await eventually(20_000, 'its line', () => server.stdout.includes('\n'));
  const { url, data_dir: directory, admin } = JSON.parse(server.stdout);
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1'); // a request that never completes would be waited for
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => { answer += text; });
  socket.write(`PATCH /api/v1/users/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${admin.access_token}\r\n` +
    'Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n');
  await eventually(5_000, '100 Continue', () => answer.includes('100 Continue'));
  server.signal('SIGTERM');
  await server.printed(/drain\.begin/);
  server.signal('SIGTERM');
  assert.equal((await server.ended()).code, 128 + 15);
  assert.equal(existsSync(directory), false);
});
