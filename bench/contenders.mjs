// The servers of a comparison: started when first asked for, and ended by process id.
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Process, run } from '../tests/e2e/server.mjs';
import { CorohubFlags, FlagdCore, OwnEvaluation, Unleash } from './flag_servers.mjs';
import { Corohub, ends, freePort, HERE, Peer, PEER_ENVIRONMENT, PROGRAMS, temporaryDirectory } from './servers.mjs';

const GO_HUB = join(HERE, '../build/bench/go-hub');
// Hashing as shipped, for what is about hashing: fewer accounts, for registering one takes long.
const HASHING = { settings: { 'auth.argon2_memory_kib': 19_456, 'auth.argon2_passes': 2 }, accounts: 100 };

const started = new Map(); // by name
const absent = new Set();
export async function endAll() {
  for (const end of ends.splice(0).reverse()) await end();
  started.clear();
}

// Frames of STOMP: a client that connects, and subscribes if there is a topic.
const stompFrames = (destination, connect = {}) => [
  `CONNECT\naccept-version:1.2\nhost:/\n${Object.entries(connect).map(([name, value]) => `${name}:${value}\n`).join('')}\n`,
  ...(destination ? [`SUBSCRIBE\nid:1\ndestination:${destination}\nreceipt:subscribed\n\n`] : []),
];
const stompReady = (destination) => (destination ? 'RECEIPT' : 'CONNECTED');
// Of another run, another session: those of a client that has just gone live for a while.
const sockjsPath = (base, transport) => `${base}/000/${randomUUID()}{index}/${transport}`;

// The same server, whose clients speak STOMP; the publishers are native.
class CorohubStomp extends Corohub {
  client() { return this.subscribed(''); }

  subscribed(topic) {
    const destination = topic && `/topic/${topic}`;
    return { tokens: this.tokens, ...this.carrier(stompFrames(destination)), ready: stompReady(destination) };
  }

  carrier(frames) { return { path: '/messenger/websocket', hello: frames.map((frame) => `${frame}{nul}`).join('') }; }
}

class CorohubSockJs extends CorohubStomp {
  carrier(frames) { return { path: `${sockjsPath('/ws', 'websocket')}?token={token}`, hello: JSON.stringify(frames.map((frame) => `${frame}\0`)) }; }
}

class CorohubXhr extends CorohubSockJs {
  carrier(frames) {
    const { path, hello } = super.carrier(frames);
    return { path: path.replace('/websocket?', '/xhr_streaming?'), 'say-path': path.replace('/websocket?', '/xhr_send?'), hello };
  }
}

// Texts of Engine.IO 4: "40" joins, "2" is a ping.
const SOCKET_IO = '/socket.io/?EIO=4&transport=websocket';
class SocketIo extends Peer {
  client() { return { path: SOCKET_IO, hello: '40', ready: '40{', ping: '2', pong: '3' }; }

  volatile() {
    return {
      ...this.client(),
      drive: 'websocket',
      'sender-path': `${SOCKET_IO}&publisher=1`,
      'sender-hello': '40',
      'sender-ready': '40{',
      event: '42["publish",{"type":"message","data":"{mark}{pad}"}]',
    };
  }
}

// Clients speak Socket.IO on WebSockets; the publishers are native.
class CorohubSocketIo extends Corohub {
  client() { return { tokens: this.tokens, path: SOCKET_IO, hello: '40{"token":"{token}"}', ready: '42["connection.established"', ping: '2', pong: '3' }; }

  subscribed(topic) {
    const { hello, ready, ...client } = this.client();
    return { ...client, first: hello, 'first-ready': ready, hello: `421["subscribe",{"topic":"${topic}"}]`, ready: '431[{"ok":true' };
  }
}

// SockJS as its own package speaks it; published to by a raw WebSocket.
class SockJs extends Peer {
  constructor(transport) {
    super(process.execPath, 'sockjs_peer.mjs');
    this.transport = transport;
  }

  client() {
    const path = sockjsPath('/bench', this.transport);
    return { path, ready: 'o', ...(this.transport === 'websocket' ? {} : { 'say-path': path.replace(this.transport, 'xhr_send') }) };
  }

  volatile() { return { ...this.client(), drive: 'websocket', 'sender-path': '/publish/websocket', event: '{"type":"message","data":"{mark}{pad}"}' }; }
}

// STOMP on WebSockets by RabbitMQ, with Erlang's port mapper of its own, so that nothing of it stays behind.
class RabbitMq extends Peer {
  async launch() {
    const [port, mapperPort, nodePort] = [await freePort(), await freePort(), await freePort()];
    const directory = temporaryDirectory();
    const file = (name, text) => { const path = join(directory, name); writeFileSync(path, text); return path; };
    const mapper = { ERL_EPMD_PORT: String(mapperPort), ERL_EPMD_ADDRESS: '127.0.0.1' };
    const settings = `listeners.tcp = none\nstomp.listeners.tcp = none\nweb_stomp.tcp.ip = 127.0.0.1\nweb_stomp.tcp.port = ${port}\n`;
    const env = {
      ...PEER_ENVIRONMENT,
      ...mapper,
      HOME: directory,
      RABBITMQ_NODENAME: 'bench@localhost',
      RABBITMQ_BASE: directory,
      RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_DIST_PORT: String(nodePort),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RUNNING_UNDER_SYSTEMD: '1', // no script between this process and the node
      RABBITMQ_CONF_ENV_FILE: file('environment', ''),
      RABBITMQ_ENABLED_PLUGINS_FILE: file('plugins', '[rabbitmq_web_stomp].'),
      RABBITMQ_CONFIG_FILE: file('rabbitmq.conf', settings).replace(/\.conf$/, ''),
    };
    this.mapper = new Process('epmd', ['-address', '127.0.0.1', '-port', String(mapperPort)], { env });
    this.process = new Process(this.command, this.args, { cwd: directory, env });
    await this.process.printed(/Server startup complete/, 60_000);
    this.port = port;
  }

  async kill() {
    await super.kill();
    if (this.mapper) {
      this.mapper.signal('SIGKILL');
      await this.mapper.exited.catch(() => {});
    }
  }

  client() { return { path: '/ws', hello: this.frames(''), ready: stompReady('') }; }
  frames(destination) { return stompFrames(destination, { login: 'guest', passcode: 'guest' }).map((frame) => `${frame}{nul}`).join(''); }

  volatile() {
    return {
      path: '/ws',
      hello: this.frames('/topic/bench'),
      ready: stompReady('/topic/bench'),
      drive: 'websocket',
      'sender-path': '/ws',
      'sender-hello': this.frames(''),
      'sender-ready': 'CONNECTED',
      event: 'SEND\ndestination:/topic/bench\n\n"{mark}{pad}"{nul}',
    };
  }
}

// Published to by POST only.
class Nchan extends Peer {
  async launch() {
    this.port = await freePort();
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'temporary'));
    const config = join(directory, 'nginx.conf');
    writeFileSync(config, readFileSync(join(HERE, 'nchan.conf'), 'utf8').replace('{port}', this.port));
    this.spawn('-p', directory, '-c', config);
    await this.process.printed(/using the "epoll" event method/);
  }

  volatile() { return this.durable(); }
}

class Nats extends Peer {
  async launch() {
    this.spawn();
    [, this.port] = await this.process.printed(/Listening for websocket clients on ws:\/\/[^\s]*:(\d+)/);
    await this.process.printed(/Server is ready/);
  }

  client() {
    return { path: '/', hello: 'CONNECT {"verbose":false}\r\nSUB bench 1\r\nPING\r\n', ready: 'PONG', ping: 'PING\r\n', pong: 'PONG\r\n' };
  }

  volatile() {
    return {
      ...this.client(),
      drive: 'websocket',
      'sender-path': '/',
      'sender-hello': 'CONNECT {"verbose":false}\r\nPING\r\n',
      'sender-ready': 'PONG',
      event: 'PUB bench {size}\r\n{mark}{pad}\r\n',
    };
  }
}

const known = {
  corohub: new Corohub(),
  'corohub, hashing as shipped': new Corohub(HASHING),
  // An earlier binary, measured beside the present one wherever that is.
  ...(process.env.BEFORE && { before: new Corohub({ binary: process.env.BEFORE }) }),
  limit: new Peer(join(PROGRAMS, 'corohub_bench_limit')),
  'limit-batch': new Peer(join(PROGRAMS, 'corohub_bench_limit'), '--batch'),
  'go-hub': new Peer(GO_HUB),
  'node-ws': new Peer(process.execPath, 'ws_peer.mjs'),
  'socket.io': new SocketIo(process.execPath, 'socketio_peer.mjs'),
  'corohub-stomp': new CorohubStomp(),
  'corohub-sockjs': new CorohubSockJs(),
  'corohub-xhr': new CorohubXhr(),
  'corohub-socketio': new CorohubSocketIo(),
  sockjs: new SockJs('websocket'),
  'sockjs-xhr': new SockJs('xhr_streaming'),
  rabbitmq: new RabbitMq('/usr/lib/rabbitmq/bin/rabbitmq-server'),
  nchan: new Nchan('nginx'),
  'corohub-flags': new CorohubFlags(),
  unleash: new Unleash(),
  'flagd-core': new FlagdCore(),
  'corohub-evaluation': new OwnEvaluation(),
  nats: new Nats('nats-server', '-c', 'nats.conf'),
};
export const wanted = process.env.SERVERS?.split(',');
const unknown = wanted?.filter((name) => !known[name]) || [];
if (unknown.length) {
  console.error(`SERVERS: no ${unknown.join(', ')}; there are ${Object.keys(known).filter((name) => !name.includes(',')).join(', ')}`);
  process.exit(64);
}

// The servers of a row, and what stands in for an earlier one.
export const withBefore = (names) => (known.before ? names.flatMap((name) => (name === 'corohub' ? [name, 'before'] : [name])) : names);

// Undefined for one that was not asked for or that this machine cannot have.
export async function contender(name) {
  if ((wanted && !wanted.includes(name.split(', ')[0])) || absent.has(name)) return undefined;
  if (!started.has(name)) {
    try {
      await known[name].start();
      started.set(name, known[name]);
    } catch (error) {
      absent.add(name);
      console.error(`tools/bench: without ${name}: ${error.message}`);
    }
  }
  return started.get(name);
}

// Of what the peers consist, as far as it is there.
export async function versions() {
  const programs = [['node', '--version'], ['go', 'version', GO_HUB], ['nginx', '-v'], ['nats-server', '--version']];
  const texts = await Promise.all(programs.map(async ([name, ...args]) => {
    const { code, output } = await run(name, args, { env: PEER_ENVIRONMENT }).catch(() => ({}));
    return code === 0 ? `${name} ${output.match(/\d+\.\d+[.\d]*/)}` : '';
  }));
  const packages = await Promise.all(['rabbitmq-server', 'postgresql'].map(async (name) => {
    const { code, stdout } = await run('dpkg-query', ['-W', `-f=${name} \${Version}`, name]).catch(() => ({}));
    return code === 0 && stdout;
  }));
  const { dependencies } = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8'));
  const npm = ['unleash-server', '@openfeature/flagd-core'].map((name) => `${name} ${dependencies[name]}`);
  return [...texts, ...packages, ...npm].filter(Boolean).join(', ');
}

// After something went wrong with it: the next one who asks gets a fresh one.
export async function discard(name) {
  await started.get(name)?.kill();
  started.delete(name);
}
