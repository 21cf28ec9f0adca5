// R1 in short form: kill -9 under load, again and again. What was acknowledged is there after every restart, and the
// log, read over HTTP, is the judge.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Api } from '../e2e/api.mjs';
import { eventually, run, Server, within } from '../e2e/server.mjs';

const ROUNDS = Number(process.env.COROHUB_CRASH_ROUNDS || 8);
const WRITERS = 8;
const READY_MS = 10_000;

// Reads the log as `account` may see it, from `since` to its end.
async function readLog(account, since) {
  const events = [];
  let more = true;
  while (more) {
    const answer = await account.request('GET', `/api/v1/events?limit=300${since ? `&since=${since}` : ''}`);
    assert.equal(answer.status, 200, answer.text);
    events.push(...answer.json.data);
    ({ next: since, more } = answer.json.meta);
  }
  return { events, next: since };
}

function assertRising(events) {
  for (let i = 1; i < events.length; ++i) assert.ok(events[i].seq > events[i - 1].seq, `${events[i - 1].seq} before ${events[i].seq}`);
}

// Changes its own name and registers others until the server dies; notes what was acknowledged.
class Writer {
  constructor(account, index) {
    this.account = account;
    this.index = index;
    this.acknowledged = 0; // number of the last name that was answered 200
    this.tried = 0;
    this.positions = []; // of acknowledged changes: seq
    this.registered = []; // emails
  }

  async work(api) {
    for (;;) {
      const number = ++this.tried;
      const answer = await this.account.request('PATCH', '/api/v1/users/me', { body: { name: `writer ${this.index} ${number}` } });
      assert.equal(answer.status, 200, answer.text);
      this.acknowledged = number;
      this.positions.push(Number(answer.headers.get('corohub-position').split(':')[1]));
      if (number % 5 === 0) {
        const email = `made.${this.index}.${number}@example.com`;
        const made = await api.request('POST', '/api/v1/auth/register', { body: { name: 'Made', email, password: 'secure123' } });
        assert.equal(made.status, 201, made.text);
        this.registered.push(email);
      }
    }
  }
}

const isDisconnect = (error) => error instanceof TypeError || error.name === 'TypeError'; // fetch failed

test('R1: kill -9 loses nothing that was acknowledged', { timeout: 240_000 }, async (t) => {
  const server = await Server.start(t, { settings: { 'auth.access_ttl_s': 3600 } });
  const api = new Api(server);
  const root = await api.member('superadmin');
  const writers = [];
  for (let i = 0; i < WRITERS; ++i) writers.push(new Writer(await api.register({ name: `writer ${i} 0` }), i));

  let oracle = { events: [], next: undefined }; // what the admin has read so far
  for (let round = 0; round < ROUNDS; ++round) {
    const before = writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
    const working = writers.map((writer) => writer.work(api).catch((error) => { if (!isDisconnect(error)) throw error; }));
    const goal = before + 20 + Math.floor(Math.random() * 200);
    await eventually(30_000, 'enough writes', () => writers.reduce((sum, writer) => sum + writer.acknowledged, 0) >= goal);
    await server.crash();
    await within(20_000, 'the writers to notice', Promise.all(working));

    const dead = Date.now();
    await server.launch();
    assert.ok(Date.now() - dead < READY_MS, `ready after ${Date.now() - dead} ms`);

    const { events, next } = await readLog(root, oracle.next);
    oracle = { events: oracle.events.concat(events), next };
    assertRising(oracle.events);
    const created = new Set(oracle.events.filter(({ type }) => type === 'user.created').map(({ data }) => data.email));
    for (const writer of writers) {
      const mine = (await readLog(writer.account)).events;
      assertRising(mine);
      const seqs = new Set(mine.map(({ seq }) => seq));
      for (const seq of writer.positions) assert.ok(seqs.has(seq), `round ${round}: acknowledged ${seq} is not in the log`);
      const { name } = await writer.account.expect(200, 'GET', '/api/v1/users/me');
      const number = Number(name.split(' ')[2]);
      assert.ok(number >= writer.acknowledged && number <= writer.tried, `${name}, acknowledged ${writer.acknowledged}`);
      // One user.updated and one profile.updated for every change that took place, acknowledged or not.
      assert.equal(mine.filter(({ type }) => type === 'user.updated').length, mine.filter(({ type }) => type === 'profile.updated').length);
      for (const email of writer.registered) assert.ok(created.has(email), `${email} was registered, and is gone`);
    }
  }
  await server.stop();
  const check = await run('sqlite3', [`${server.data}/corohub.db`, 'PRAGMA integrity_check']);
  assert.equal(check.output.trim(), 'ok');
  t.diagnostic(`${ROUNDS} rounds, ${writers.reduce((sum, writer) => sum + writer.positions.length, 0)} acknowledged changes, ${oracle.events.length} events`);
});
