// The Node.js test client, as a newcomer runs it.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Api } from './api.mjs';
import { run, Server, temporaryDirectory } from './server.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const script = join(here, '../../tools/test-websocket.js');

// A folder as after `npm install ws`, with the script in it.
function newcomersFolder(t) {
  const folder = temporaryDirectory(t);
  symlinkSync(join(here, 'node_modules'), join(folder, 'node_modules'));
  copyFileSync(script, join(folder, 'test-websocket.js'));
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
  assert.equal(await response.text(), readFileSync(script, 'utf8'));
});
