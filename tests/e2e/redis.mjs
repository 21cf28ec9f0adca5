// A Redis of a test's own, without persistence, on a free port; and a client that speaks just enough of its protocol.
import { spawnSync } from 'node:child_process';
import { connect, createServer } from 'node:net';

import { eventually, Process, temporaryDirectory } from './server.mjs';

const WAIT_MS = 10_000;

export function needsRedis() {
  return spawnSync('redis-server', ['--version']).status === 0 ? {} : { skip: 'redis-server is not installed (tools/setup test installs it)' };
}

export const freePort = () => new Promise((done, fail) => {
  const server = createServer().once('error', fail).listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

const encode = (words) => Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...words.map((word) => {
  const bytes = Buffer.from(word);
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);
})]);

// The reply that begins at `at`, and where the next one begins; nothing: it is not there as a whole.
function decode(bytes, at) {
  const end = bytes.indexOf('\r\n', at);
  if (end < 0) return undefined;
  const line = bytes.toString('utf8', at + 1, end);
  const kind = String.fromCharCode(bytes[at]);
  let next = end + 2;
  if (kind === '+') return [line, next];
  if (kind === '-') return [new Error(line), next];
  if (kind === ':') return [Number(line), next];
  const count = Number(line);
  if (count < 0) return [null, next];
  if (kind === '$') return bytes.length < next + count + 2 ? undefined : [bytes.toString('utf8', next, next + count), next + count + 2];
  const list = [];
  for (let i = 0; i < count; ++i) {
    const item = decode(bytes, next);
    if (item === undefined) return undefined;
    list.push(item[0]);
    next = item[1];
  }
  return [list, next];
}

export class Redis {
  // args: further ones of redis-server; port: that of one that was stopped
  static async start(t, { args = [], port } = {}) {
    const redis = new Redis(t, args, port || (await freePort()));
    await redis.launch();
    return redis;
  }

  constructor(t, args, port) {
    this.t = t;
    this.args = args;
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.directory = temporaryDirectory(t);
    t.after(() => this.kill());
  }

  async launch() {
    this.process = new Process('redis-server', ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no',
      '--dir', this.directory, ...this.args]);
    await this.process.printed(/Ready to accept connections/);
  }

  async kill() {
    if (!this.process.running) return;
    this.process.signal('SIGKILL');
    await this.process.exited;
  }

  pause() { this.process.signal('SIGSTOP'); }
  resume() { this.process.signal('SIGCONT'); }

  // Several commands at once; their replies, errors among them.
  async all(commands, login) {
    const list = login ? [login, ...commands] : commands;
    const socket = connect(this.port, '127.0.0.1');
    try {
      return await new Promise((done, fail) => {
        let bytes = Buffer.alloc(0);
        const replies = [];
        socket.setTimeout(WAIT_MS, () => fail(new Error('Redis does not answer')));
        socket.on('error', fail).on('close', () => fail(new Error('Redis has hung up')));
        socket.on('data', (piece) => {
          bytes = Buffer.concat([bytes, piece]);
          let at = 0;
          for (let reply; replies.length < list.length && (reply = decode(bytes, at)); [, at] = reply) replies.push(reply[0]);
          bytes = bytes.subarray(at);
          if (replies.length === list.length) done(login ? replies.slice(1) : replies);
        });
        socket.write(Buffer.concat(list.map(encode)));
      });
    } finally {
      socket.destroy();
    }
  }

  async ask(...words) {
    const [reply] = await this.all([words], this.login);
    if (reply instanceof Error) throw reply;
    return reply;
  }

  publish(message, channel = 'flipt:flags:update') {
    return this.ask('PUBLISH', channel, typeof message === 'string' ? message : JSON.stringify(message));
  }

  // Waits until so many listen.
  heard(count = 1, channel = 'flipt:flags:update') {
    return eventually(20_000, `${count} listeners`, async () => (await this.ask('PUBSUB', 'NUMSUB', channel))[1] === count);
  }
}
