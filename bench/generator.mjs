// The load generator as a process: options become `--name value`, its report is one line of JSON.
import { loadavg } from 'node:os';
import { join } from 'node:path';

import { Process } from '../tests/e2e/server.mjs';
import { PROGRAMS } from './servers.mjs';

export const SECONDS = Number(process.env.SECONDS || 2);

export class Generator {
  constructor(server, options) {
    const all = { port: server.port, pid: server.pid, seconds: SECONDS, ...options };
    const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.process = new Process(join(PROGRAMS, 'corohub_bench'), args);
  }

  // Its clients are connected; the measured time has begun.
  ready() { return this.process.printed(/corohub_bench: ready/, 70_000); }
  measuring() { return this.process.printed(/corohub_bench: measuring/, 70_000); }

  // Ends its standard input, which a companion waits for.
  async report() {
    this.process.child.stdin.end();
    const { code, signal } = await this.process.exited;
    if (code !== 0) throw new Error(`the load generator: ${signal || this.process.output}`);
    return { ...JSON.parse(this.process.stdout), load: loadavg()[0] };
  }

  async kill() {
    this.process.signal('SIGKILL');
    await this.process.exited;
  }
}

export const drive = (server, options) => new Generator(server, options).report();
