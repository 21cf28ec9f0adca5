// The servers of feature flags that are compared, each with the same fifty: on for a tier, by a rule and by a share.
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { WebSocket } from 'ws';

import { Process, eventually, run, within } from '../tests/e2e/server.mjs';
import { Stomp } from '../tests/e2e/stomp.mjs';
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

  // A PATCH of one flag after another, each once, for clients that hear of them.
  async changes(count = EVENTS_MAX, flag = plain) {
    const mark = `run-${this.namespaces}-`;
    const namespace = await this.namespace(Array.from({ length: count }, (_, i) => mark + digits(i)), flag);
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

  // Clients that watch fifty flags, each by a context of its own. Each change is one for all of them.
  async toWatchers() {
    const { namespace, load } = await this.changes(FLAGS, { ...plain, targeting: { if: [{ '==': [{ var: 'targetingKey' }, 'nobody'] }, 'off'] } });
    return {
      tokens: this.tokens,
      hello: `{"type":"flag.watch","id":1,"data":{"namespace":"${namespace}","context":{"targetingKey":"u{index}"}}}`,
      ready: '"type":"reply"',
      any: '"flag.values"',
      ...load,
    };
  }

  // What so many of them make the server take, and what is sent when a change is one for nobody.
  async watch(count, changes) {
    const namespace = await this.namespace(KEYS, plain);
    let told = 0;
    const open = (i) => new Promise((done, fail) => {
      const socket = new WebSocket(`ws://127.0.0.1:${this.port}/ws?token=${this.users[i % this.users.length].token}`, { perMessageDeflate: false });
      socket.on('error', fail).on('open', () => socket.send(JSON.stringify({ type: 'flag.watch', id: 1, data: { namespace, context: { targetingKey: `u${i}` } } })));
      socket.on('message', (bytes) => {
        const text = bytes.toString();
        if (text.startsWith('{"type":"reply"')) done(socket);
        else if (text.startsWith('{"type":"error"')) fail(new Error(text));
        else if (text.includes('"flag.values"')) ++told;
      });
    });
    const sockets = [];
    while (sockets.length < count) sockets.push(...await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, (_, i) => open(sockets.length + i))));
    const rss = Number(readFileSync(`/proc/${this.pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB/m)[1]) * 1024;
    const patch = (targeting) => this.admin.expect(200, 'PATCH', `/api/v1/namespaces/${namespace}/environments/default/flags/${KEYS[0]}`, { body: { targeting }, headers: { 'If-Match': '*' } });
    for (let i = 0; i < changes; ++i) {
      // The first also changes the reason, for all.
      if (i === 1) told = 0;
      await patch({ if: [{ '==': [{ var: 'targetingKey' }, `nobody-${i}`] }, 'on', 'off'] });
      if (i === 0) await eventually(20_000, 'the first change', () => told >= count);
    }
    await setTimeout(1000);
    for (const socket of sockets) socket.terminate();
    return { rss, needless: told };
  }

  // So many agents that hear by STOMP of routes. How long a change takes from its request to the last of them; and to one
  // that was away when it was made, whose server is killed right after the answer and started again.
  async agents(count, changes, restarts) {
    const namespace = await this.namespace(KEYS.slice(0, 1), plain);
    const routes = `/api/v1/namespaces/${namespace}/environments/default/routes`;
    const made = await this.admin.expect(201, 'POST', routes, { body: { path: '/pay', service_name: 'pay' } });
    const topic = '/topic/proxy_config_events';
    const change = (i) => this.admin.expect(200, 'PATCH', `${routes}/${made.id}`, { body: { config: { i } }, headers: { 'If-Match': '*' } });

    let told = 0;
    let awaited = () => {};
    const listen = async () => {
      const agent = await Stomp.open(this.server, { path: '/messenger/websocket', token: this.admin.token });
      agent.client.subscribe(topic, ({ headers }) => { agent.position = headers['message-id']; if (++told === count) awaited(); });
      return agent;
    };
    const agents = [];
    while (agents.length < count) agents.push(await listen());
    const times = [];
    for (let i = 0; i < changes; ++i) {
      told = 0;
      const all = new Promise((done) => { awaited = done; });
      const began = performance.now();
      await change(i);
      await within(20_000, () => `all agents: ${told} of ${count}`, all);
      times.push(performance.now() - began);
    }
    const since = agents[0].position;
    await Promise.all(agents.map((agent) => agent.disconnect()));

    const away = [];
    let position = since;
    for (let i = 0; i < restarts; ++i) {
      await change(changes + i);
      const answered = performance.now();
      await this.server.crash();
      await this.server.launch();
      const agent = await Stomp.open(this.server, { path: '/messenger/websocket', token: this.admin.token });
      position = await within(20_000, 'the change that was made before', new Promise((done) => {
        agent.client.subscribe(topic, ({ headers }) => done(headers['message-id']), { since: position });
      }));
      away.push(performance.now() - answered);
      await agent.disconnect();
    }
    times.sort((a, b) => a - b);
    away.sort((a, b) => a - b);
    return { last_p50_ms: times[times.length >> 1], last_p99_ms: times[Math.floor(times.length * 0.99)], last_max_ms: times.at(-1), restart_p50_ms: away[away.length >> 1], restart_max_ms: away.at(-1) };
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
