// Where the server's time goes: `perf record` of its process under single loads of scenarios.mjs.
// usage: node bench/profile.mjs [row...]; SECONDS (2) of each. The recordings stay: build/bench/ROW.perf
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Process, run } from '../tests/e2e/server.mjs';
import { contender, endAll } from './contenders.mjs';
import { Generator, SECONDS } from './generator.mjs';
import { groups } from './scenarios.mjs';
import { number, table } from './tables.mjs';

const RAW = join(dirname(fileURLToPath(import.meta.url)), '../build/bench');
const SYMBOLS = 15;
const ATTACH_SECONDS = 1; // perf does not say when it is there

const rows = {
  volatile: groups.fanout.rows[0],
  'volatile-16': groups.fanout.rows[1],
  durable: groups.durable.rows[0],
  'durable-16': groups.durable.rows[1],
  'log-websocket': groups.log.rows[0],
  'log-post': groups.log.rows[1],
  health: groups.http.rows[0],
  'users-me': groups.http.rows[1],
  connect: { ...groups.idle.rows[1], options: { clients: 19_000 } },
};

const perf = (...args) => new Process('perf', args);

async function record(name, server) {
  const row = rows[name];
  const file = join(RAW, `${name}.perf`);
  const recorder = () => perf('record', '-q', '-e', 'cpu-clock', '-F', '1999', '-p', String(server.pid), '-o', file);
  const options = { ...row.options, ...row.load(server), seconds: ATTACH_SECONDS + SECONDS };
  let recording;
  let generator;
  if (options.drive) {
    generator = new Generator(server, options);
    await generator.measuring();
    recording = recorder();
  } else {
    recording = recorder();
    await new Promise((done) => { setTimeout(done, ATTACH_SECONDS * 1000); });
    generator = new Generator(server, options);
  }
  await generator.report();
  recording.signal('SIGINT');
  await recording.exited;
  return file;
}

// [share in %, what] of all that perf names by `sort`, largest first.
async function shares(file, sort) {
  const { code, stdout, output } = await run('perf', ['report', '-i', file, '--stdio', '-q', '--no-children', '--percent-limit', '0', '--sort', sort]);
  if (code !== 0) throw new Error(`perf report: ${output}`);
  return [...stdout.matchAll(/^\s*([\d.]+)%\s+(.+?)\s*$/gm)].map(([, share, what]) => [Number(share), what]);
}

async function main(names) {
  const unknown = names.filter((name) => !rows[name]);
  if (unknown.length) throw new Error(`the rows are ${Object.keys(rows).join(', ')}`);
  if ((await run('perf', ['--version']).catch(() => ({ code: 1 }))).code !== 0) throw new Error('perf is not installed');
  mkdirSync(RAW, { recursive: true });
  for (const name of names.length ? names : Object.keys(rows)) {
    const file = await record(name, await contender('corohub'));
    const objects = await shares(file, 'dso');
    const symbols = await shares(file, 'dso,sym');
    console.log(`**${name}**: ${rows[name].title}: ${objects.filter(([share]) => share >= 0.5).map(([share, what]) => `${what} ${number(share, 0)} %`).join(', ')}\n`);
    table(['%', 'object', 'symbol'], symbols.slice(0, SYMBOLS).map(([share, what]) => {
      const [, object, symbol] = what.match(/^(\S+)\s+\[.\]\s+(.*)$/) || [undefined, '', what];
      return [number(share, 1), object, `\`${symbol.slice(0, 110)}\``];
    }));
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`tools/bench: ${error.message}`);
  process.exitCode = 1;
} finally {
  await endAll();
}
