// The servers of a comparison: started when first asked for, on a free port of 127.0.0.1, and ended by process id.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Api } from '../tests/e2e/api.mjs';
import { Process, Server } from '../tests/e2e/server.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
export const PROGRAMS = process.env.COROHUB_BENCH_PROGRAMS || join(HERE, '../build/release/bench');
const GO_HUB = join(HERE, '../build/bench/go-hub');
const ACCOUNTS = 500;

// What is lifted is what would refuse one machine that plays thousands of people; everything else is as shipped.
const SETTINGS = {
  'auth.access_ttl_s': 86_400,
  'http.requests_per_connection': 1_000_000,
  'server.admin_listen': '127.0.0.1:0',
};

const ends = [];
const started = new Map(); // by name
export async function endAll() {
  for (const end of ends.splice(0).reverse()) await end();
  started.clear();
}

function temporaryFile(name, lines) {
  const directory = mkdtempSync(join(tmpdir(), 'corohub-bench-'));
  ends.push(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, name);
  writeFileSync(path, lines.join('\n'));
  return path;
}

class Corohub {
  async start() {
    this.server = await Server.start({ after: (end) => ends.push(end) }, { settings: SETTINGS });
    const api = new Api(this.server);
    this.root = await api.member('superadmin');
    this.admin = await api.member('admin');
    this.users = [];
    while (this.users.length < ACCOUNTS) this.users.push(...await Promise.all(Array.from({ length: 10 }, () => api.register())));
    this.tokens = temporaryFile('tokens', this.users.map((user) => user.token));
  }

  // The same accounts, none of the memory.
  async restart() {
    await this.server.stop();
    await this.server.launch();
  }

  // Tokens of `count` clients of which `few` belong to one account and the others to all but the first user.
  dealt(count, few, account) {
    const others = this.users.slice(1);
    return temporaryFile('tokens', Array.from({ length: count }, (_, i) => (i < few ? account : others[i % others.length]).token));
  }

  get port() { return this.server.port; }
  get pid() { return this.server.pid; }

  client() { return { tokens: this.tokens, ready: 'connection.established' }; }

  volatile() {
    return {
      tokens: this.tokens,
      hello: '{"type":"subscribe","id":1,"data":{"topic":"public/bench"}}',
      ready: '"type":"reply"',
      drive: 'websocket',
      'sender-token': this.root.token,
      event: '{"type":"publish","id":{id},"data":{"topic":"public/bench","data":"{mark}{pad}"}}',
    };
  }

  durable() {
    return { ...this.client(), drive: 'http', 'sender-token': this.root.token, request: 'POST /ws/broadcast', event: '{"message":"{mark}{pad}"}' };
  }

  // Into the log, with nobody to hear it.
  log(drive) {
    const data = '"data":"{mark}{pad}"';
    return drive === 'websocket'
      ? { drive, 'sender-token': this.root.token, event: `{"type":"publish","id":{id},"data":{"topic":"rooms/bench",${data}}}` }
      : { drive, 'sender-token': this.root.token, request: 'POST /api/v1/topics/rooms/bench/events', event: `{${data}}` };
  }

  // To few of all clients: a user, or a role.
  targeted(clients, few) {
    const account = few === 1 ? this.users[0] : this.admin;
    const to = few === 1 ? `{"user_id":${account.id}}` : '{"role":"admin"}';
    return {
      tokens: this.dealt(clients, few, account),
      ready: 'connection.established',
      drive: 'http',
      'sender-token': this.root.token,
      request: 'POST /api/v1/publish',
      event: `{"to":${to},"type":"bench","data":"{mark}{pad}"}`,
    };
  }

  get(path) { return { drive: 'http', 'sender-token': path === '/health' ? '' : this.root.token, request: `GET ${path}` }; }
}

// A program with the routes of limit.cpp.
class Peer {
  constructor(command, ...args) {
    this.command = command;
    this.args = args;
  }

  async start() {
    this.process = new Process(this.command, this.args, { cwd: HERE });
    ends.push(async () => {
      this.process.signal('SIGKILL');
      await this.process.exited;
    });
    [, this.port] = await this.process.printed(/"port":(\d+)/);
  }

  async restart() {
    this.process.signal('SIGKILL');
    await this.process.exited;
    await this.start();
  }

  get pid() { return this.process.child.pid; }

  client() { return {}; }
  volatile() { return { drive: 'websocket', 'sender-path': '/publish', event: '{"type":"message","data":"{mark}{pad}"}' }; }
  durable() { return { drive: 'http', request: 'POST /broadcast', event: '{"type":"message","data":"{mark}{pad}"}' }; }
  get() { return { drive: 'http', request: 'GET /' }; }
}

const known = {
  corohub: new Corohub(),
  limit: new Peer(join(PROGRAMS, 'corohub_bench_limit')),
  'limit-batch': new Peer(join(PROGRAMS, 'corohub_bench_limit'), '--batch'),
  'node-ws': new Peer(process.execPath, 'ws_peer.mjs'),
  ...(existsSync(GO_HUB) ? { 'go-hub': new Peer(GO_HUB) } : {}),
};

// Undefined for a peer that this machine cannot have.
export async function contender(name) {
  if (known[name] && !started.has(name)) {
    started.set(name, known[name]);
    await known[name].start();
  }
  return started.get(name);
}
