// What the commands write: all of it or 74, and nothing of strangers that a terminal would obey.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { Api } from './api.mjs';
import { BINARY, Process, Server, corohub, eventually, run, temporaryDirectory } from './server.mjs';

const env = { PATH: process.env.PATH };

// Standard output that takes nothing.
async function intoFullDevice(args, input = '') {
  const command = new Process('sh', ['-c', 'exec "$@" >/dev/full', 'sh', BINARY, ...args], { env });
  command.child.stdin.end(input);
  return { ...(await command.ended()), output: command.output };
}

test('G1: every command whose output is lost answers 74', { timeout: 120_000 }, async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const admin = await api.member('admin');
  const data = ['--data-dir', server.data];
  const where = ['--server', server.url, '--token-stdin'];
  const commands = [
    [['--help']], [['version']], [['--version']], [['config', 'defaults']], [['config', 'show']], [['config', 'check']],
    [['doctor', ...data]], [['user', 'list', ...data]], [['keys', 'rotate', ...data]],
    [['backup', ...data, join(server.directory, 'copy.db')]],
    [['user', 'set-password', ...data, '--email', admin.email, '--password-stdin'], 'secure1234\n'],
    [['serve', '--ephemeral']],
  ];
  const { token } = await api.login(admin.email, admin.password);
  for (const command of [['listen', ...where], ['broadcast', 'hello', ...where], ['publish', 'rooms/one', '1', ...where]])
    commands.unshift([command, token]);
  for (const [args, input] of commands) {
    const { code, output } = await intoFullDevice(args, input);
    assert.equal(code, 74, `${args.join(' ')}: ${output}`);
    assert.match(output, /corohub: cannot write to standard output: /, args.join(' '));
  }
});

test('a server whose standard output is lost serves all the same, and says so', async (t) => {
  const directory = temporaryDirectory(t);
  const server = new Process('sh', ['-c', 'exec "$@" >/dev/full', 'sh', BINARY, 'serve', '--data-dir', join(directory, 'data'),
    '--listen', '127.0.0.1:0', '--admin-listen', ''], { env });
  t.after(() => server.signal('SIGKILL'));
  await server.printed(/"output\.lost"/);
  const [, url] = await server.printed(/"listening","url":"(http:[^"]+)"/);
  assert.ok((await fetch(`${url}/readyz`)).ok);
  server.signal('SIGTERM');
  assert.equal((await server.ended()).code, 0);
});

// Standard output that is a full pipe, held open by a reader that never reads.
const unread = (directory, args) => new Process('sh', ['-c',
  'mkfifo "$0" && exec 3<>"$0" && { dd if=/dev/zero of="$0" bs=4096 count=16 oflag=nonblock 2>/dev/null; exec "$@" >&3; }',
  join(directory, 'pipe'), BINARY, 'serve', ...args], { env });

test('so does one whose standard output nobody reads, and a trial ends with 74', async (t) => {
  const directory = temporaryDirectory(t);
  const server = unread(directory, ['--data-dir', join(directory, 'data'), '--listen', '127.0.0.1:0', '--admin-listen', '']);
  t.after(() => server.signal('SIGKILL'));
  await server.printed(/"output\.lost"/);
  const [, url] = await server.printed(/"listening","url":"(http:[^"]+)"/);
  assert.ok((await fetch(`${url}/readyz`)).ok);
  server.signal('SIGTERM');
  assert.equal((await server.ended()).code, 0);
  const trial = unread(temporaryDirectory(t), ['--ephemeral']);
  t.after(() => trial.signal('SIGKILL'));
  assert.equal((await trial.ended()).code, 74);
});

test('G1: listen ends quietly when its reader has gone', async (t) => {
  const server = await Server.start(t);
  const john = await new Api(server).register();
  const listener = new Process(BINARY, ['listen', '--server', server.url], { env: { ...env, COROHUB_TOKEN: john.token } });
  t.after(() => listener.signal('SIGKILL'));
  await listener.printed(/"connection\.established"/);
  const before = listener.output;
  listener.child.stdout.destroy();
  await john.expect(200, 'PATCH', '/api/v1/users/me', { body: { name: 'Johnny' } });
  assert.deepEqual(await listener.ended(), { code: 0, signal: null });
  assert.equal(listener.output, before);
});

const HOSTILE = '\u009b31m \u202eevil\u2066 \u007f \u2028';
// What a terminal would obey, but for the ends of lines.
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

test('G1, T53: nothing of other people reaches the terminal raw', async (t) => {
  const server = await Server.start(t);
  const john = await new Api(server).register();
  const as = { env: { ...env, COROHUB_TOKEN: john.token } };
  const listener = new Process(BINARY, ['listen', '--server', server.url, '--topic', 'rooms/one', '--types', 'message'], as);
  t.after(() => listener.signal('SIGKILL'));
  await listener.printed(/"connection\.established"/);
  const sent = await run(BINARY, ['publish', '--server', server.url, 'rooms/one', JSON.stringify({ [HOSTILE]: HOSTILE })], as);
  assert.equal(sent.code, 0, sent.output);
  await listener.printed(/"message"/);
  await eventually(5_000, 'the whole line', () => listener.stdout.split('\n').length === 3);
  assert.doesNotMatch(listener.stdout, CONTROLS);
  const lines = listener.stdout.trimEnd().split('\n');
  assert.deepEqual(JSON.parse(lines[1]).data, { [HOSTILE]: HOSTILE });
  listener.signal('SIGTERM');
  await listener.ended();

  // An account from before names were checked.
  await server.stop();
  const sql = `UPDATE users SET name = char(27) || '[2J' || char(0x202e) || char(10) || 'x' WHERE id = ${john.id}`;
  assert.equal((await run('sqlite3', [join(server.data, 'corohub.db'), sql])).code, 0);
  const list = await corohub(['user', 'list', '--data-dir', server.data]);
  assert.equal(list.code, 0, list.output);
  assert.doesNotMatch(list.output, CONTROLS);
  assert.match(list.output, /\\u001b\[2J\\u202e\\u000ax\n/);
});

test('G1, T53: neither does what another server, a file or an argument says', async (t) => {
  const other = http.createServer((_, response) => {
    response.writeHead(403, { 'Content-Type': 'application/problem+json' });
    response.end(JSON.stringify({ code: 'forbidden', detail: '\u001b]0;title\u0007 \u202e' }));
  }).listen(0, '127.0.0.1');
  t.after(() => other.close());
  await new Promise((done) => { other.once('listening', done); });
  const { port } = other.address();
  const as = { env: { ...env, COROHUB_TOKEN: 'a' } };
  for (const args of [['publish', 'rooms/one', '1', '--server', `http://127.0.0.1:${port}`],
    ['listen', '--server', 'http://\u001b[2J:1'], ['config', 'check', '--config', '/\u001b[2J\u202e'], ['\u009bx'], ['serve', '--\u202e']]) {
    const result = await run(BINARY, args, as);
    assert.notEqual(result.code, 0);
    assert.doesNotMatch(result.output, CONTROLS, JSON.stringify(args));
    assert.match(result.output, /\\u00(1b|9b)|\\u202e/);
  }
});

test('G1: the list of accounts has them all', async (t) => {
  const server = await Server.start(t);
  await new Api(server).register();
  await server.stop();
  const many = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
    INSERT INTO users (name, email, email_key, password_hash, created_at, updated_at)
    SELECT 'u', i || '@many.example', i || '@many.example', '', 0, 0 FROM n`;
  assert.equal((await run('sqlite3', [join(server.data, 'corohub.db'), many])).code, 0);
  const count = async () => {
    const list = await corohub(['user', 'list', '--data-dir', server.data]);
    assert.equal(list.code, 0, list.output);
    return list.stdout.split('\n').filter((line) => /@/.test(line)).length;
  };
  assert.equal(await count(), 12_001);
  await server.launch();
  assert.equal(await count(), 12_001);
  await server.stop();
  writeFileSync(join(server.data, 'corohub.db'), 'damaged');
  const refused = await corohub(['user', 'list', '--data-dir', server.data]);
  assert.equal(refused.code, 65, refused.output);
  assert.equal(refused.stdout, '', 'no heading without a list');
});

test('G1: a Kubernetes service of our name keeps nothing from starting', async () => {
  const services = { COROHUB_SERVICE_HOST: '10.96.0.17', COROHUB_SERVICE_PORT: '8080', COROHUB_PORT: 'tcp://10.96.0.17:8080' };
  assert.equal((await corohub(['config', 'check'], { env: { ...env, ...services } })).code, 0);
  const wrong = await corohub(['config', 'check'], { env: { ...env, COROHUB_PORT: '8080' } });
  assert.equal(wrong.code, 64);
  assert.match(wrong.output, /unknown environment variable COROHUB_PORT/);
});

test('G1, R23: configurations that can never work are refused by check and start alike', async (t) => {
  const data = ['--data-dir', join(temporaryDirectory(t), 'data')];
  for (const [args, why] of [
    [['--ws-max-message-bytes', '4194304', '--ws-outbox-max-bytes', '16777216'], /limits\.ws_bytes_burst/],
    [['--events-max-bytes', '1048576'], /ws\.outbox_max_bytes/],
  ])
    for (const command of [['config', 'check'], ['serve']]) {
      const result = await corohub([...command, ...data, ...args]);
      assert.equal(result.code, 64, result.output);
      assert.match(result.output, why);
    }
});

test('G4: what stands open is warned of, and the pages for developers can be switched off', async (t) => {
  const server = await Server.start(t, {
    settings: { 'server.pages': false, 'http.cors_origins': ['*'], 'server.admin_listen': '0.0.0.0:0' }, args: ['--listen', '0.0.0.0:0'],
  });
  await server.process.printed(/"diagnostics\.echo"|"limits\.exempt"/); // the last of them
  for (const event of ['listen.plain_http', 'query_token.exposed', 'admin_listener.exposed', 'cors.any', 'limits.exempt'])
    assert.match(server.output, new RegExp(`"level":"warn","event":"${event.replace('.', '\\.')}"`));
  for (const path of ['/', '/docs', '/websocket-test.html', '/test-websocket.js'])
    assert.equal((await fetch(server.url + path, { redirect: 'manual' })).status, 404, path);
  for (const path of ['/setup', '/openapi.json', '/health']) assert.equal((await fetch(server.url + path)).status, 200, path);
  assert.doesNotMatch(server.process.stdout, /websocket-test\.html/);
});

test('G4: a server on loopback warns of nothing', async (t) => {
  const server = await Server.start(t, { settings: { 'limits.exempt_cidrs': [] } });
  assert.equal((await fetch(`${server.url}/`, { redirect: 'manual' })).status, 302);
  await server.stop();
  assert.doesNotMatch(server.output, /"level":"warn"/);
});

test('H7: a password on standard input ends before the end of its line, also of one of Windows', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const create = (email, input) => corohub(['user', 'create', '--data-dir', server.data, '--name', 'Ann', '--email', email, '--password-stdin'], { input });
  for (const [email, input, password] of [
    ['a@example.com', 'Long enough 1\r\n', 'Long enough 1'],
    ['b@example.com', 'Long enough 1\n', 'Long enough 1'],
    ['c@example.com', 'Long enough 1', 'Long enough 1'],
  ]) {
    assert.equal((await create(email, input)).code, 0);
    await api.login(email, password);
  }
});
