// One corohub process for one test: started on a free port with a data directory of its own, and gone with the test.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const BINARY = resolve(process.env.COROHUB_BINARY || join(ROOT, 'build/release/corohub'));
export const ARTIFACTS = resolve(process.env.COROHUB_ARTIFACTS || join(ROOT, 'build/e2e'));
const START_TIMEOUT_MS = 20_000;
const EXIT_TIMEOUT_MS = 30_000;

// Callers are this machine, so limits per address would meet all of a test's clients at once; hashing is made cheap,
// because nothing here is about passwords' strength.
const RIG_SETTINGS = {
  'limits.exempt_cidrs': ['127.0.0.0/8', '::1/128'],
  'auth.argon2_memory_kib': 1024,
  'auth.argon2_passes': 1,
  'server.admin_listen': '127.0.0.1:0',
};

// Without settings of the caller's own, and without the variables above, which corohub would refuse as unknown.
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('COROHUB_')));

export function temporaryDirectory(t) {
  const path = mkdtempSync(join(tmpdir(), 'corohub-e2e-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

// Resolves with what `promise` gives, or rejects with a description once the time is over.
export function within(ms, what, promise) {
  let timer;
  const expired = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${typeof what === 'function' ? what() : what}`)), ms);
  });
  return Promise.race([promise, expired]).finally(() => clearTimeout(timer));
}

// Asks until the answer is neither false nor an error.
export async function eventually(ms, what, ask) {
  const deadline = Date.now() + ms;
  for (;;) {
    let reason = 'it was false';
    try {
      const answer = await ask();
      if (answer) return answer;
    } catch (error) {
      reason = error.message;
    }
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms for ${what}: ${reason}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

function toml(settings, topics) {
  const value = (v) => (Array.isArray(v) ? `[${v.map(value).join(', ')}]` : typeof v === 'string' ? JSON.stringify(v) : String(v));
  const lines = (table) => Object.entries(table).map(([key, v]) => `${key} = ${value(v)}\n`).join('');
  return lines(settings) + topics.map((rule) => `[[topic]]\n${lines(rule)}`).join('');
}

// A program of ours from start to end: what it printed and how it ended.
export class Process {
  constructor(command, args, options = {}) {
    this.output = '';
    this.stdout = ''; // alone
    this.watchers = new Set();
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: ENVIRONMENT, ...options });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output += text;
        for (const look of this.watchers) look();
      });
    }
    this.child.stdout.on('data', (text) => { this.stdout += text; });
    this.child.stdin.on('error', () => {}); // it ended without reading
    this.exited = new Promise((done, fail) => {
      this.child.on('error', fail);
      this.child.on('close', (code, signal) => done({ code, signal }));
    });
    this.exited.catch(() => {});
  }

  // The match of `pattern` in the lines that were printed so far or will be, each of them whole.
  printed(pattern, ms = START_TIMEOUT_MS) {
    let look;
    const found = new Promise((done, fail) => {
      look = () => { const match = this.output.slice(0, this.output.lastIndexOf('\n') + 1).match(pattern); if (match) done(match); };
      this.exited.then(({ code, signal }) => fail(new Error(`ended (${signal || code}) before it printed ${pattern}:\n${this.output}`)), fail);
    });
    this.watchers.add(look);
    look();
    return within(ms, () => `${pattern} in:\n${this.output}`, found).finally(() => this.watchers.delete(look));
  }

  ended(ms = EXIT_TIMEOUT_MS) {
    return within(ms, () => `the end of process ${this.child.pid}:\n${this.output.slice(-4000)}`, this.exited);
  }

  get running() { return this.child.exitCode === null && this.child.signalCode === null; }

  signal(name) { this.child.kill(name); }
}

// Runs a command to its end.
export async function run(command, args, { input = '', ...options } = {}) {
  const process = new Process(command, args, options);
  process.child.stdin.end(input);
  return { ...(await process.ended()), output: process.output, stdout: process.stdout };
}

export const corohub = (args, options) => run(BINARY, args, options);

export class Server {
  // settings: by key, as in the configuration file; topics: its rules; args: further arguments; wrap: (command, args) -> [command, args];
  // binary: another than the one under test
  static async start(t, { settings = {}, topics = [], args = [], env = {}, directory = temporaryDirectory(t), wrap, binary = BINARY } = {}) {
    const server = new Server(t, directory, toml({ ...RIG_SETTINGS, ...settings }, topics), args, env, wrap, binary);
    await server.launch();
    return server;
  }

  constructor(t, directory, config, args, env, wrap, binary) {
    this.binary = binary;
    this.directory = directory;
    this.data = join(directory, 'data');
    this.config = join(directory, 'corohub.toml');
    writeFileSync(this.config, config);
    this.launchArgs = ['serve', '--config', this.config, '--data-dir', this.data, '--listen', '127.0.0.1:0', ...args];
    this.env = { ...ENVIRONMENT, ...env };
    this.wrap = wrap || ((command, list) => [command, list]);
    this.logs = ''; // of the processes before the present one
    t.after(async () => {
      if (!this.process.running) return;
      this.process.signal('SIGKILL');
      await this.process.exited;
    });
  }

  async launch() {
    if (this.process) this.logs += this.process.output;
    const [command, list] = this.wrap(this.binary, this.launchArgs);
    this.process = new Process(command, list, { env: this.env, cwd: this.directory });
    const [, host] = await this.process.printed(/listening(?: on |","url":")https?:\/\/((?:127\.0\.0\.1|localhost):\d+)/);
    this.host = host;
    this.url = `http://${host}`;
    this.port = Number(host.split(':')[1]);
    await eventually(START_TIMEOUT_MS, 'readiness', async () => (await fetch(`${this.url}/readyz`)).ok);
  }

  get output() { return this.logs + this.process.output; }
  get pid() { return this.process.child.pid; }

  // The address of the admin listener, from the line that names it.
  async adminUrl() {
    const [, host] = await this.process.printed(/(?:metrics|admin)[^\n]*?(127\.0\.0\.1:\d+)/i);
    return `http://${host}`;
  }

  async stop(signal = 'SIGTERM') {
    this.process.signal(signal);
    return this.process.ended();
  }

  // kill -9 and start again on the same data.
  async crash() {
    this.process.signal('SIGKILL');
    await this.process.ended();
  }

  // A user made by the command line, which reaches a running server through its control socket.
  async createUser({ name, email, role, password }) {
    const args = ['user', 'create', '--data-dir', this.data, '--name', name, '--email', email, '--role', role, '--password-stdin'];
    const result = await run(this.binary, args, { input: `${password}\n` });
    if (result.code !== 0) throw new Error(`corohub user create: ${result.code}: ${result.output}`);
    return result;
  }
}
