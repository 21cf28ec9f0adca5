// R21: whoever ends a backup half way finds nothing of it, and is told so.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Api } from '../e2e/api.mjs';
import { BINARY, eventually, Process, Server } from '../e2e/server.mjs';

const SHIM = process.env.COROHUB_LYING_DISK;
const skip = SHIM && existsSync(SHIM) ? false : 'COROHUB_LYING_DISK names the library that the build makes of lying_disk.c';

// A server, and a folder in which every write is slow.
async function prepare(t) {
  const server = await Server.start(t, { env: { LD_PRELOAD: SHIM || '' } });
  await server.stop();
  const target = join(server.directory, 'out');
  mkdirSync(target);
  server.env.LYING_DISK_SLOW = `${target}/`;
  await server.launch();
  await new Api(server).register();
  const arguments_ = ['backup', '--data-dir', server.data, join(target, 'copy.db')];
  const underWay = () => eventually(10_000, 'the copy under way', () => readdirSync(target).length > 0);
  return { server, target, arguments_, underWay };
}

test('R21: SIGTERM of the server during a backup', { skip, timeout: 60_000 }, async (t) => {
  const { server, target, arguments_, underWay } = await prepare(t);
  const backup = new Process(BINARY, arguments_);
  await underWay();
  server.process.signal('SIGTERM');
  assert.deepEqual(await backup.ended(), { code: 75, signal: null });
  assert.match(backup.output, /broken off/);
  assert.deepEqual(await server.process.ended(), { code: 0, signal: null });
  assert.deepEqual(readdirSync(target), []);
});

test('R21: SIGTERM of the command during a backup of a stopped server', { skip, timeout: 60_000 }, async (t) => {
  const { server, target, arguments_, underWay } = await prepare(t);
  await server.stop();
  const backup = new Process(BINARY, arguments_, { env: server.env });
  await underWay();
  backup.signal('SIGTERM');
  assert.deepEqual(await backup.ended(), { code: 75, signal: null });
  assert.match(backup.output, /broken off/);
  assert.deepEqual(readdirSync(target), []);
});
