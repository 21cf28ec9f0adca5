// Clients of Engine.IO 4 by hand, as far as measuring needs them: what a delivery by polling costs the server, what a
// connection with two namespaces takes, and what others notice when thousands come, poll and upgrade at once. Such a storm
// is a process of its own: node socketio.mjs storm PORT COUNT, tokens on its standard input.
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { WebSocket } from 'ws';

import { Process } from '../tests/e2e/server.mjs';
import { Generator, SECONDS } from './generator.mjs';
import { Corohub, temporaryDirectory } from './servers.mjs';
import { number, of, spread, table, total } from './tables.mjs';

const AT_ONCE = 50;
const PATH = '/socket.io/?EIO=4&transport=';
const TOPIC = 'public/polled';

// ---- a client ----

class Client {
  constructor(port, token) {
    this.port = port;
    this.token = token;
    this.agent = new Agent({ keepAlive: true, maxSockets: 2 });
    this.waiting = [];
  }

  ask(method, query, body) {
    return new Promise((done, fail) => {
      const asked = request({ host: '127.0.0.1', port: this.port, method, path: PATH + query, agent: this.agent }, (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
          const text = Buffer.concat(chunks).toString();
          answer.statusCode === 200 ? done(text) : fail(new Error(`${answer.statusCode}: ${text}`));
        }).on('error', fail);
      });
      asked.on('error', fail).end(body);
    });
  }

  async open() {
    this.sid = JSON.parse((await this.ask('GET', 'polling')).slice(1)).sid;
    return this;
  }

  say(packet) { return this.ask('POST', `polling&sid=${this.sid}`, packet); }

  take(packet) {
    if (packet === '2') this.say('3').catch(() => {});
    this.waiting = this.waiting.filter(({ part, done }) => !(packet.startsWith(part) && (done(), true)));
  }

  packet(part) { return new Promise((done) => { this.waiting.push({ part, done }); }); }

  async pollOnce() {
    const payload = await this.ask('GET', `polling&sid=${this.sid}`);
    for (const packet of payload.split('\x1e')) this.take(packet);
  }

  async poll() {
    while (!this.closed) await this.pollOnce();
  }

  // As browsers do it: poll, and then go over to a WebSocket.
  async upgrade() {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}${PATH}websocket&sid=${this.sid}`, { perMessageDeflate: false });
    this.socket = socket;
    await new Promise((done, fail) => { socket.on('open', done).on('error', fail); });
    const answered = new Promise((done) => { socket.once('message', done); });
    socket.send('2probe');
    await answered;
    socket.on('message', (bytes) => { bytes.toString() === '2' ? socket.send('3') : this.take(bytes.toString()); });
    socket.send('5');
  }

  join(name = '', auth = '') {
    const answer = this.packet(`40${name}{`);
    return Promise.all([answer, this.say(`40${name}${auth}`)]);
  }

  close() {
    this.closed = true;
    this.socket?.terminate();
    this.agent.destroy();
  }
}

const auth = (token) => (token ? JSON.stringify({ token }) : '');

async function inTurns(count, make) {
  const made = [];
  while (made.length < count) made.push(...await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - made.length) }, (_, i) => make(made.length + i))));
  return made;
}

// ---- polling ----

// The sessions are opened here; the load generator, which is faster than the servers, polls for them. It answers no pings,
// so a measurement has to be over before the first pong is due.
async function polling({ clients: count, options }, server) {
  const ours = server.root !== undefined;
  const clients = await inTurns(count, async (i) => {
    const client = await new Client(server.port, ours ? server.users[i % server.users.length].token : '').open();
    const joined = client.packet('40{');
    await client.say(`40${auth(client.token)}`);
    while (client.waiting.length > 0) await client.pollOnce();
    await joined;
    if (!ours) return client;
    const subscribed = client.packet('431');
    await client.say(`421["subscribe",{"topic":"${TOPIC}"}]`);
    while (client.waiting.length > 0) await client.pollOnce();
    await subscribed;
    return client;
  });
  const load = server.volatile(TOPIC);
  for (const name of ['first', 'first-ready', 'hello', 'ready', 'ping', 'pong']) delete load[name];
  const sids = join(temporaryDirectory(), 'sids');
  writeFileSync(sids, clients.map(({ sid }) => sid).join('\n'));
  const polled = { ...load, ...options, clients: count, tokens: sids, path: `${PATH}polling&sid={token}`, 'get-polls': 1 };
  const result = await new Generator(server, polled).report();
  for (const client of clients) client.close();
  return result;
}

// ---- idle ----

const pss = (pid) => Number(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Pss:\s+(\d+) kB/m)[1]) * 1024;

async function idle({ clients: count }, server) {
  await server.restart();
  const ours = server.root !== undefined;
  const before = pss(server.pid);
  const sockets = await inTurns(count, (i) => new Promise((done, fail) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}${PATH}websocket`, { perMessageDeflate: false });
    const token = ours ? auth(server.users[i % server.users.length].token) : '';
    socket.on('error', fail).on('message', (bytes) => {
      const text = bytes.toString();
      if (text === '2') socket.send('3');
      else if (text.startsWith('0')) socket.send(`40${token}`);
      else if (text.startsWith('40{')) socket.send(`40/client,${token}`);
      else if (text.startsWith('40/client,')) done(socket);
      else if (text.startsWith('44')) fail(new Error(text));
    });
  }));
  await sleep(1000);
  const bytes = (pss(server.pid) - before) / count;
  for (const socket of sockets) socket.terminate();
  return { bytes };
}

// ---- a storm of upgrades ----

async function upgradeAll(port, tokens, count) {
  const began = performance.now();
  const outcomes = await Promise.allSettled(Array.from({ length: count }, async (_, i) => {
    const client = await new Client(port, tokens[i % tokens.length]).open();
    const joined = client.packet('40{');
    const polled = client.poll();
    polled.catch(() => {}); // it is awaited behind what may fail first
    await Promise.all([joined, client.say(`40${auth(client.token)}`)]);
    client.closed = true; // the poll under way is the last
    await Promise.all([client.upgrade(), polled]);
    return client;
  }));
  const connected = outcomes.filter(({ status }) => status === 'fulfilled').length;
  const failure = outcomes.find(({ status }) => status === 'rejected');
  return { connected, seconds: (performance.now() - began) / 1000, failure: failure && String(failure.reason) };
}

// What native clients of `server` notice while the storm comes to `target`.
async function beside(server, target, count, options) {
  const paced = new Generator(server, options);
  await paced.measuring();
  const companion = new Process(process.execPath, [fileURLToPath(import.meta.url), 'storm', String(target.port), String(count)]);
  setPriority(companion.child.pid, 19);
  companion.child.stdin.end(target.users.map(({ token }) => token).join('\n'));
  const result = await paced.report();
  const { code } = await companion.exited;
  if (code !== 0) throw new Error(`storm: ${companion.output}`);
  const { failure, ...outcome } = JSON.parse(companion.stdout);
  if (failure) console.error(`storm: ${failure}`);
  return { ...result, ...outcome };
}

// The storm takes the machine, whoever is its target: what it takes of the server shows beside the same storm elsewhere.
async function storm({ clients, options }, server) {
  const load = server.volatile('public/bench');
  const native = { ...load, path: '/ws', hello: '{"type":"subscribe","id":1,"data":{"topic":"public/bench"}}', ready: '"type":"reply"', ...options };
  for (const name of ['first', 'first-ready', 'ping', 'pong']) delete native[name];
  const alone = await new Generator(server, native).report();
  const other = new Corohub();
  await other.start();
  const elsewhere = await beside(server, other, clients, native);
  await other.kill();
  const here = await beside(server, server, clients, native);
  return { ...here, alone_p99_ms: alone.p99_ms, elsewhere_p99_ms: elsewhere.p99_ms, elsewhere_max_ms: elsewhere.max_ms };
}

// ---- tables ----

const parts = {
  polling: {
    measure: polling,
    heads: ['polling', 'server', 'CPU µs per delivery', 'min–max', 'deliveries/s', 'per poll', 'p50 ms', 'p99 ms', 'lost'],
    line: (list) => [number(of(list, 'cpu_us'), 1), spread(list, 'cpu_us'), number(list[0].deliveries / list[0].seconds, 0), number(of(list, 'deliveries_per_read'), 1), number(of(list, 'p50_ms'), 2), number(of(list, 'p99_ms'), 2), total(list, 'missing')],
  },
  idle: {
    measure: idle,
    heads: ['idle connections', 'server', 'PSS bytes per connection'],
    line: (list) => [number(of(list, 'bytes'), 0)],
  },
  storm: {
    measure: storm,
    heads: ['2,000 clients poll and upgrade beside', 'server', 'p99 ms', 'max ms', 'if they come to another server: p99 ms', 'max ms', 'without them: p99 ms', 'connected', 'in s', 'lost', 'closed'],
    line: (list) => [number(of(list, 'p99_ms'), 2), number(of(list, 'max_ms'), 1), number(of(list, 'elsewhere_p99_ms'), 2), number(of(list, 'elsewhere_max_ms'), 1), number(of(list, 'alone_p99_ms'), 2), number(of(list, 'connected'), 0), number(of(list, 'seconds'), 1), total(list, 'missing'), total(list, 'closed')],
  },
};

export const measure = (row, server) => parts[row.part].measure(row, server);

export function print({ rows }, results) {
  for (const [name, { heads, line }] of Object.entries(parts)) {
    const lines = rows.flatMap((row, i) => (row.part === name ? Object.entries(results[i]).map(([server, list], at) => [at ? '' : row.title, server, ...line(list)]) : []));
    if (lines.length) table(heads, lines);
  }
}

if (process.argv[2] === 'storm') {
  const tokens = readFileSync(0, 'utf8').split('\n');
  console.log(JSON.stringify(await upgradeAll(Number(process.argv[3]), tokens, Number(process.argv[4]))));
  process.exit();
}
