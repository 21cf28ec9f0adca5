// The servers of feature flags that are compared, each with the same fifty: on for a tier, by a rule and by a share.
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { WebSocket } from 'ws';

import { Process, eventually, run, within } from '../tests/e2e/server.mjs';
import { Corohub, Peer, PEER_ENVIRONMENT, PROGRAMS, HERE, ends, freePort, temporaryDirectory } from './servers.mjs';

export const FLAGS = 50;
const STREAMS = { 'ofrep.refetches_per_second': 0 }; // all at once: it is their last that is asked for
const AT_ONCE = 50; // connections that are opened together
const EVENTS_MAX = 400; // flags that one run may change, each once
const KEYS = Array.from({ length: FLAGS }, (_, i) => `flag-${i}`);
const CONTEXT = { targetingKey: 'user-7', userId: 'user-7', tier: 'gold' };

const variants = { on: true, off: false };
const ruled = { state: 'ENABLED', variants, defaultVariant: 'off', targeting: { if: [{ in: [{ var: 'tier' }, ['gold', 'silver']] }, { fractional: [['on', 100], ['off', 0]] }, 'off'] } };
const plain = { state: 'ENABLED', variants, defaultVariant: 'off' };
const document = (keys, flag) => ({ flags: Object.fromEntries(keys.map((key) => [key, flag])) });
const digits = (number) => String(number).padStart(8, '0');

export class CorohubFlags extends Corohub {
  constructor() {
    super({ accounts: 10, settings: STREAMS });
    this.namespaces = 0;
  }

  async start() {
    await super.start();
    this.bulk = `POST /ofrep/v1/evaluate/flags?namespace=${await this.namespace(KEYS, ruled)}`;
  }

  // A new one, of everybody, with these flags.
  async namespace(keys, flag) {
    const key = `bench-${++this.namespaces}`;
    await this.admin.expect(201, 'POST', '/api/v1/namespaces', { body: { key, access: 'public' } });
    await this.admin.expect(200, 'POST', `/api/v1/namespaces/${key}/environments/default/import`, { body: document(keys, flag) });
    return key;
  }

  asked() { return fetch(this.server.url + this.bulk.slice(5), { method: 'POST', body: JSON.stringify({ context: CONTEXT }) }); }

  request() { return { drive: 'http', request: this.bulk, event: JSON.stringify({ context: CONTEXT }) }; }
  async unchanged() { return { ...this.request(), header: `If-None-Match: ${(await this.asked()).headers.get('etag')}` }; }

  // A PATCH of one flag after another, for clients that hear of them.
  async changes() {
    const mark = `run-${this.namespaces}-`;
    const namespace = await this.namespace(Array.from({ length: EVENTS_MAX }, (_, i) => mark + digits(i)), plain);
    return {
      namespace,
      load: {
        mark,
        drive: 'http',
        'sender-token': this.admin.token,
        request: `PATCH /api/v1/namespaces/${namespace}/environments/default/flags/{mark}`,
        header: 'If-Match: "v1"',
        event: '{"defaultVariant":"on"}',
      },
    };
  }

  async toSubscribers() {
    const { namespace, load } = await this.changes();
    return { ...this.subscribed(`flags/${namespace}`), ...load };
  }

  async toStreams() {
    const { namespace, load } = await this.changes();
    const answer = await fetch(`${this.server.url}/ofrep/v1/evaluate/flags?namespace=${namespace}`, { method: 'POST' });
    const [{ endpoint }] = (await answer.json()).eventStreams;
    return { 'get-streams': 1, path: endpoint.requestUri, ready: '"connected"', any: 'refetchEvaluation', ...load };
  }

  // So many connections that each watch fifty flags by a context of their own. What the server takes, how long a change of
  // one flag takes to the last of them when it is another one for all, and what is sent when it is for nobody.
  async watch(count, changes) {
    const byKey = { ...plain, targeting: { if: [{ '!=': [{ var: 'targetingKey' }, 'nobody'] }, 'off', 'on'] } };
    const namespace = await this.namespace(KEYS, byKey);
    const path = `/api/v1/namespaces/${namespace}/environments/default/flags/${KEYS[0]}`;
    let told = 0;
    let awaited = () => {};
    const open = (i) => new Promise((done, fail) => {
      const socket = new WebSocket(`ws://127.0.0.1:${this.port}/ws?token=${this.users[i % this.users.length].token}`, { perMessageDeflate: false });
      socket.on('error', fail).on('open', () => socket.send(JSON.stringify({ type: 'flag.watch', id: 1, data: { namespace, context: { targetingKey: `u${i}` } } })));
      socket.on('message', (bytes) => {
        const text = bytes.toString();
        if (text.startsWith('{"type":"reply"')) done(socket);
        else if (text.startsWith('{"type":"error"')) fail(new Error(text));
        else if (text.includes('"flag.values"')) ++told === count && awaited();
      });
    });
    const sockets = [];
    while (sockets.length < count) sockets.push(...await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, (_, i) => open(sockets.length + i))));
    const rss = Number(readFileSync(`/proc/${this.pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB/m)[1]) * 1024;

    const patch = (body) => this.admin.expect(200, 'PATCH', path, { body, headers: { 'If-Match': '*' } });
    const times = [];
    for (let i = 0; i < changes; ++i) {
      told = 0;
      const all = new Promise((done) => { awaited = done; });
      const began = performance.now();
      await patch({ targeting: { if: [{ '!=': [{ var: 'targetingKey' }, 'nobody'] }, i % 2 ? 'off' : 'on', 'on'] } });
      await within(20_000, () => `all watchers: ${told} of ${count}`, all);
      times.push(performance.now() - began);
      await setTimeout(300); // beyond the interval of a watcher
    }
    told = 0;
    for (let i = 0; i < changes; ++i) await patch({ targeting: { if: [{ '==': [{ var: 'targetingKey' }, `nobody-${i}`] }, 'on', { if: [true, changes % 2 ? 'on' : 'off'] }] } });
    await setTimeout(1000);
    const needless = told;
    for (const socket of sockets) socket.terminate();
    times.sort((a, b) => a - b);
    return { rss, needless, last_p50_ms: times[times.length >> 1], last_p99_ms: times[Math.floor(times.length * 0.99)], watchers: count };
  }

  // Of a server that has just started, without and with so many flags.
  async memoryPerThousand(thousands) {
    await this.restart();
    const before = pss(this.pid);
    for (let i = 0; i < thousands; ++i) await this.namespace(Array.from({ length: 1000 }, (_, n) => `flag-${n}`), ruled);
    await this.restart();
    return { bytes: (pss(this.pid) - before) / thousands };
  }
}

const pss = (pid) => Number(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Pss: +(\d+) kB/m)[1]) * 1024;

// Unleash, on a PostgreSQL of its own that lasts as long as the comparison.
export class Unleash extends Peer {
  constructor() {
    super(process.execPath, 'unleash_peer.mjs');
    this.tokens = { ADMIN_TOKEN: '*:*.bench-admin', FRONTEND_TOKEN: 'default:development.bench-frontend' };
  }

  async start() {
    this.environment = { ...PEER_ENVIRONMENT, ...this.tokens, NODE_ENV: 'production', DATABASE_URL: await database() };
    await super.start();
  }

  spawn() { this.process = new Process(this.command, this.args, { cwd: HERE, env: this.environment }); }

  async launch() {
    this.spawn();
    [, this.port] = await this.process.printed(/"port":(\d+)/, 60_000);
    await this.fill();
  }

  async fill() {
    const base = '/api/admin/projects/default/features';
    const post = async (path, body) => {
      const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
        method: 'POST', headers: { Authorization: this.tokens.ADMIN_TOKEN, 'Content-Type': 'application/json' }, body: JSON.stringify(body),
      });
      if (!answer.ok && answer.status !== 409) throw new Error(`POST ${path}: ${answer.status}: ${await answer.text()}`);
      return answer.status;
    };
    await post('/api/admin/context', { name: 'tier', legalValues: [] });
    for (const name of KEYS) {
      if (await post(base, { name, type: 'release' }) === 409) continue; // of the process before
      await post(`${base}/${name}/environments/development/strategies`, {
        name: 'flexibleRollout', parameters: { rollout: '100', stickiness: 'userId', groupId: name }, constraints: [{ contextName: 'tier', operator: 'IN', values: ['gold', 'silver'] }],
      });
      await post(`${base}/${name}/environments/development/on`, {});
    }
    const path = this.request().request.slice(4);
    await eventually(60_000, 'all flags of Unleash', async () => {
      const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, { headers: { Authorization: this.tokens.FRONTEND_TOKEN } });
      return (await answer.json()).toggles?.length === FLAGS;
    });
  }

  request() { return { drive: 'http', request: 'GET /api/frontend?userId=user-7&properties%5Btier%5D=gold', header: `Authorization: ${this.tokens.FRONTEND_TOKEN}` }; }
  unchanged() { return this.request(); } // the same: what a client of it asks again and again
}

// The address of an empty PostgreSQL, which runs as somebody who is not root.
async function database() {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : [];
  if (versions.length === 0) throw new Error('there is no PostgreSQL (package postgresql)');
  const programs = join('/usr/lib/postgresql', versions.sort((a, b) => b - a)[0], 'bin');
  const root = process.getuid() === 0;
  const as = (name, args) => (root ? ['setpriv', ['--reuid=postgres', '--clear-groups', join(programs, name), ...args]] : [join(programs, name), args]);
  const directory = join(temporaryDirectory(), 'postgresql');
  mkdirSync(directory);
  if (root) {
    const { stdout } = await run('id', ['-u', 'postgres']);
    chownSync(join(directory, '..'), Number(stdout), 0);
    chownSync(directory, Number(stdout), 0);
  }
  const made = await run(...as('initdb', ['-D', join(directory, 'data'), '-A', 'trust', '-U', 'bench', '--no-sync']));
  if (made.code !== 0) throw new Error(`initdb: ${made.output}`);
  const port = await freePort();
  const server = new Process(...as('postgres', ['-D', join(directory, 'data'), '-p', String(port), '-k', directory, '-h', '127.0.0.1']));
  ends.push(async () => { server.signal('SIGINT'); await server.ended(); });
  await server.printed(/ready to accept connections/);
  return `postgres://bench@127.0.0.1:${port}/postgres`;
}

// Programs that evaluate in their own process and print nanoseconds: {"static":N,"equal":N,"fractional":N}.
class Evaluation {
  constructor(command, args) { Object.assign(this, { command, args }); }

  async start() {
    if (this.command.includes('/') && !existsSync(this.command)) throw new Error(`there is no ${this.command}`);
  }

  async kill() {} // it ends by itself

  async evaluate() {
    const { code, stdout, output } = await run(this.command, this.args, { cwd: HERE, env: process.env });
    if (code !== 0) throw new Error(output);
    return JSON.parse(stdout);
  }
}

export class FlagdCore extends Evaluation {
  constructor() { super(process.execPath, ['flagd_core.mjs']); }
}

export class OwnEvaluation extends Evaluation {
  constructor() { super(join(PROGRAMS, 'corohub_bench_flags'), []); }
}
