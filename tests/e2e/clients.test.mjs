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

test('it goes on where it was', async (t) => {
  const server = await Server.start(t);
  const user = await new Api(server).register();
  const folder = newcomersFolder(t);
  const client = (env) => run('node', ['test-websocket.js'], { cwd: folder, env: { PATH: process.env.PATH, URL: server.url, TOKEN: user.token, ...env } });
  await user.expect(200, 'PATCH', '/api/v1/users/me', { body: { name: 'One' } });
  const first = await client({ SINCE: '0' });
  assert.equal(first.code, 0, first.output);
  assert.match(first.output, /"recovered": true,[\s\S]*"type": "profile\.updated"/);
  const [, since] = first.output.match(/\n📍 Position: (\S+:\d+)\n$/) || assert.fail(first.output);
  const second = await client({ SINCE: since });
  assert.equal(second.code, 0, second.output);
  assert.match(second.output, /"recovered": true,/);
  assert.doesNotMatch(second.output, /profile\.updated/);
  assert.equal((await client({ SINCE: 'x' })).code, 1);
});

test('the server has the same file', async (t) => {
  const server = await Server.start(t);
  const response = await fetch(`${server.url}/test-websocket.js`);
  assert.match(response.headers.get('content-type'), /^text\/javascript/);
  assert.equal(await response.text(), readFileSync(script, 'utf8'));
});
