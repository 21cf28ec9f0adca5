// What the servers of a comparison are made of: one of ours, and any program beside it, on a free port of 127.0.0.1 each
// and ended by process id.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Api, Feed } from '../tests/e2e/api.mjs';
import { Process, Server } from '../tests/e2e/server.mjs';

export const HERE = dirname(fileURLToPath(import.meta.url));
export const PROGRAMS = process.env.COROHUB_BENCH_PROGRAMS || join(HERE, '../build/release/bench');
const ACCOUNTS = 500;
export const PEER_ENVIRONMENT = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }; // where Debian has nginx

// What is lifted is what would refuse one machine that plays thousands of people; everything else is as shipped.
const SETTINGS = {
  'auth.access_ttl_s': 86_400,
  'http.requests_per_connection': 1_000_000,
  'server.admin_listen': '127.0.0.1:0',
};

export const ends = []; // of what a comparison started, to be asked for in reverse

export function temporaryDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'corohub-bench-'));
  ends.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function temporaryFile(name, lines) {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, lines.join('\n'));
  return path;
}

export const freePort = () => new Promise((done) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

export class Corohub {
  constructor({ settings = {}, accounts = ACCOUNTS, wrap, binary } = {}) {
    this.wrap = wrap;
    this.binary = binary;
    this.settings = { ...SETTINGS, ...settings };
    this.accounts = accounts;
  }

  async start() {
    this.server = await Server.start({ after: (end) => ends.push(end) }, { settings: this.settings, wrap: this.wrap, binary: this.binary });
    const api = new Api(this.server);
    this.root = await api.member('superadmin');
    this.admin = await api.member('admin');
    this.users = [];
    while (this.users.length < this.accounts) this.users.push(...await Promise.all(Array.from({ length: 10 }, () => api.register())));
    this.tokens = temporaryFile('tokens', this.users.map((user) => user.token));
  }

  // The same accounts, none of the memory.
  async restart() {
    await this.server.stop();
    await this.server.launch();
  }

  async kill() {
    if (this.server?.process.running) await this.server.crash();
  }

  async metrics() { return (await fetch(`${await this.server.adminUrl()}/metrics`)).text(); }

  // Tokens of `count` clients of which `few` belong to one account and the others to all but the first user.
  dealt(count, few, account) {
    const others = this.users.slice(1);
    return temporaryFile('tokens', Array.from({ length: count }, (_, i) => (i < few ? account : others[i % others.length]).token));
  }

  get port() { return this.server.port; }
  get pid() { return this.server.pid; }

  client() { return { tokens: this.tokens, ready: 'connection.established' }; }

  // Clients that hear a topic without history.
  subscribed(topic) {
    return { tokens: this.tokens, hello: `{"type":"subscribe","id":1,"data":{"topic":"${topic}"}}`, ready: '"type":"reply"' };
  }

  volatile(topic = 'public/bench') {
    return {
      ...this.subscribed(topic),
      drive: 'websocket',
      'sender-token': this.root.token,
      event: `{"type":"publish","id":{id},"data":{"topic":"${topic}","data":"{mark}{pad}"}}`,
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

  // Nobody's logins: each is hashed, or refused because too many wait.
  logins() { return { drive: 'http', request: 'POST /api/v1/auth/login', event: '{"email":"nobody{id}@example.com","password":"{mark}"}' }; }

  // Clients that come back and missed so many events.
  async resuming(missed) {
    const feed = await Feed.open(this.server, { token: this.root.token });
    const broadcast = (message) => this.root.expect(200, 'POST', '/ws/broadcast', { body: { message } });
    const { seq } = await broadcast('the last one seen');
    for (let i = 1; i <= missed; ++i) await broadcast(`missed ${i}.`);
    feed.socket.terminate();
    return { tokens: this.tokens, path: `/ws?since=${encodeURIComponent(`${feed.welcome.data.epoch}:${seq}`)}`, ready: `missed ${missed}.` };
  }
}

// A program with the routes of limit.cpp.
export class Peer {
  constructor(command, ...args) {
    this.command = command;
    this.args = args;
  }

  async start() {
    ends.push(() => this.kill());
    await this.launch();
  }

  async launch() {
    this.spawn();
    [, this.port] = await this.process.printed(/"port":(\d+)/);
  }

  spawn(...more) {
    this.process = new Process(this.command, [...this.args, ...more], { cwd: HERE, env: PEER_ENVIRONMENT });
  }

  async restart() {
    await this.kill();
    await this.launch();
  }

  async kill() {
    this.process.signal('SIGKILL');
    await this.process.exited.catch(() => {}); // there was no such program
  }

  get pid() { return this.process.child.pid; }

  client() { return {}; }
  volatile() { return { ...this.client(), drive: 'websocket', 'sender-path': '/publish', event: '{"type":"message","data":"{mark}{pad}"}' }; }
  durable() { return { ...this.client(), drive: 'http', request: 'POST /broadcast', event: '{"type":"message","data":"{mark}{pad}"}' }; }
  get() { return { drive: 'http', request: 'GET /' }; }
}
