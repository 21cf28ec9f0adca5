// The Node.js test clients, as a newcomer runs them.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Api } from './api.mjs';
import { run, Server, temporaryDirectory } from './server.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const tools = join(here, '../../tools');

// A folder as after `npm install`, with the scripts in it.
function newcomersFolder(t) {
  const folder = temporaryDirectory(t);
  symlinkSync(join(here, 'node_modules'), join(folder, 'node_modules'));
  for (const script of ['test-websocket.js', 'test-socketio.js']) copyFileSync(join(tools, script), join(folder, script));
  return folder;
}

const EXPECTED = /^🔌 Connecting to WebSocket\.\.\.\n✅ WebSocket connected!\n\n📨 Message received:\n(\{[\s\S]*?\n\})\n\n⏱️ {2}Test timeout - closing connection\n🔌 WebSocket disconnected\n$/;

test('without arguments, with a throw-away account', async (t) => {
  const server = await Server.start(t);
  const result = await run('node', ['test-websocket.js'], { cwd: newcomersFolder(t), env: { PATH: process.env.PATH, URL: server.url } });
  assert.equal(result.code, 0, result.output);
  const [, text] = result.output.match(EXPECTED) || assert.fail(result.output);
  const welcome = JSON.parse(text);
  assert.equal(welcome.type, 'connection.established');
  assert.equal(welcome.data.role, 'user');
});

test('with an account, with a token, with a bad one', async (t) => {
  const server = await Server.start(t);
  const user = await new Api(server).register();
  const folder = newcomersFolder(t);
  const client = (env) => run('node', ['test-websocket.js'], { cwd: folder, env: { PATH: process.env.PATH, ...env } });
  const [byAccount, byToken, byBadToken, byBadPassword] = await Promise.all([
    client({ URL: `ws://${server.host}/ws`, EMAIL: user.email, PASSWORD: user.password }),
    client({ URL: server.url, TOKEN: user.token }),
    client({ URL: server.url, TOKEN: 'eyJ.eyJ.x' }),
    client({ URL: server.url, EMAIL: user.email, PASSWORD: 'not the one' }),
  ]);
  assert.equal(byAccount.code, 0, byAccount.output);
  assert.match(byAccount.output, new RegExp(`"user_id": ${user.id}\\b`));
  assert.equal(byToken.code, 0, byToken.output);
  assert.equal(byBadToken.code, 1, byBadToken.output);
  assert.equal(byBadPassword.code, 1, byBadPassword.output);
});

test('it subscribes, publishes, and goes on where it was', async (t) => {
  const server = await Server.start(t);
  const user = await new Api(server).register();
  const folder = newcomersFolder(t);
  const client = (env) => run('node', ['test-websocket.js'], { cwd: folder, env: { PATH: process.env.PATH, URL: server.url, TOKEN: user.token, ...env } });
  const first = await client({ TOPIC: 'rooms/lobby', PUBLISH: 'hello' });
  assert.equal(first.code, 0, first.output);
  assert.match(first.output, /"type": "message",\n {2}"data": \{\n {4}"text": "hello"\n {2}\},/);
  assert.match(first.output, /"type": "reply",\n {2}"id": 1,\n {2}"ok": true,/);
  const [, since] = first.output.match(/\n📍 Position: (\S+:\d+)\n$/) || assert.fail(first.output);
  const missed = { topic: 'rooms/lobby', data: { text: 'missed' } };
  const feed = await user.connect();
  await feed.ask('publish', missed);
  const second = await client({ TOPIC: 'rooms/lobby', SINCE: since });
  assert.equal(second.code, 0, second.output);
  assert.match(second.output, /"recovered": true,/);
  assert.match(second.output, /"text": "missed"/);
  assert.doesNotMatch(second.output, /"text": "hello"/);
  assert.equal((await client({ PUBLISH: 'hello' })).code, 1);
});

test('the server has the same file', async (t) => {
  const server = await Server.start(t);
  const response = await fetch(`${server.url}/test-websocket.js`);
  assert.match(response.headers.get('content-type'), /^text\/javascript/);
  assert.equal(await response.text(), readFileSync(join(tools, 'test-websocket.js'), 'utf8'));
});

test('by Socket.IO: with a throw-away account, as an administrator, and refused', async (t) => {
  const server = await Server.start(t);
  const admin = await new Api(server).member('admin');
  const folder = newcomersFolder(t);
  const client = (env) => run('node', ['test-socketio.js'], { cwd: folder, env: { PATH: process.env.PATH, URL: server.url, SECONDS: '3', ...env } });
  const [newcomer, office, refused] = await Promise.all([
    client({}),
    client({ TOKEN: admin.token, NAMESPACES: '/admin', EMIT: '["request_dashboard_update"]' }),
    client({ NAMESPACES: '/admin' }),
  ]);
  assert.equal(newcomer.code, 0, newcomer.output);
  assert.match(newcomer.output, /^\/ 📨 connection\.established /m);
  assert.match(newcomer.output, /^\/client 📨 client_connected /m);
  assert.equal(office.code, 0, office.output);
  assert.match(office.output, /^\/admin 📨 admin_connected /m);
  assert.match(office.output, /^\/admin 📨 dashboard_update /m);
  assert.match(office.output, /^📬 \{"ok":true/m);
  assert.equal(refused.code, 1, refused.output);
  assert.match(refused.output, /^\/admin ❌ refused: admin access required \{ code: 'forbidden' \}$/m);
});
