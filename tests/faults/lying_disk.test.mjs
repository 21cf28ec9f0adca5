// R3b, T68: a sync fails and the pages it was for are gone. The process ends with 74 inside it, and the next start has
// all that was acknowledged: the database file from the log, the log because nothing in it was promised too early.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Api } from '../e2e/api.mjs';
import { run, Server, temporaryDirectory } from '../e2e/server.mjs';

const SHIM = process.env.COROHUB_LYING_DISK;
const skip = SHIM && existsSync(SHIM) ? false : 'COROHUB_LYING_DISK names the library that the build makes of lying_disk.c';

const BEFORE = 20; // changes that are acknowledged before the disk begins to lie

// Writes until the server is gone; what it acknowledged. The order is given once something is.
async function writeUntilTheEnd(account, server, order) {
  const positions = [];
  let name;
  for (let number = 1; server.process.running && number < 5000; ++number) {
    if (number === BEFORE + 1) writeFileSync(order, '');
    try {
      const answer = await account.request('PATCH', '/api/v1/users/me', { body: { name: `name ${number}` } });
      assert.equal(answer.status, 200, answer.text);
      name = `name ${number}`;
      positions.push(Number(answer.headers.get('corohub-position').split(':')[1]));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // fetch failed
    }
  }
  return { positions, name };
}

async function readLog(account) {
  const seqs = new Set();
  for (let since, more = true; more;) {
    const page = (await account.request('GET', `/api/v1/events?limit=300${since ? `&since=${since}` : ''}`)).json;
    for (const { seq } of page.data) seqs.add(seq);
    ({ next: since, more } = page.meta);
  }
  return seqs;
}

for (const file of ['corohub.db', 'corohub.db-wal']) {
  test(`R3b, T68: a sync of ${file} fails and its pages are dropped`, { skip, timeout: 120_000 }, async (t) => {
    const directory = temporaryDirectory(t);
    const order = join(directory, 'order');
    const server = await Server.start(t, {
      directory,
      env: { LD_PRELOAD: SHIM, LYING_DISK_FILE: join(directory, 'data', file), LYING_DISK_ORDER: order },
    });
    const user = await new Api(server).register({ name: 'name 0' });
    const feed = await user.connect(); // its reads keep a reader busy beside the checkpoint
    const { positions, name } = await writeUntilTheEnd(user, server, order);
    assert.ok(positions.length >= BEFORE, `only ${positions.length} changes were acknowledged`);
    assert.deepEqual(await server.process.ended(), { code: 74, signal: null });
    assert.match(server.output, /storage_sync_failed/);
    assert.equal(existsSync(order), false);
    await feed.closed;

    await server.launch();
    const log = await readLog(user);
    for (const seq of positions) assert.ok(log.has(seq), `acknowledged ${seq} is gone`);
    const now = (await user.expect(200, 'GET', '/api/v1/users/me')).name;
    assert.ok(Number(now.split(' ')[1]) >= Number(name.split(' ')[1]), `${now} after ${name}`);
    await server.stop();
    const check = await run('sqlite3', [`${server.data}/corohub.db`, 'PRAGMA integrity_check']);
    assert.equal(check.output.trim(), 'ok');
    t.diagnostic(`${positions.length} acknowledged changes`);
  });
}
