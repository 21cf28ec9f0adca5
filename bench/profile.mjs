// Where the server's time goes: `perf record` of its process under single loads of scenarios.mjs; and the memory of
// idle connections.
// usage: node bench/profile.mjs [row...]; SECONDS (2) of each; SERVERS (corohub): the peers can be looked at, too.
// The recordings stay: build/bench/ROW-SERVER.perf
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Process, run } from '../tests/e2e/server.mjs';
import { contender, endAll, wanted } from './contenders.mjs';
import { Generator, SECONDS } from './generator.mjs';
import { profileMemory } from './memory.mjs';
import { groups } from './scenarios.mjs';
import { number, table } from './tables.mjs';

const RAW = join(dirname(fileURLToPath(import.meta.url)), '../build/bench');
const SYMBOLS = 15;
const SYMBOL_LENGTH = 110;
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

async function record(row, server, file) {
  const recorder = () => perf('record', '-q', '-g', '-e', 'cpu-clock', '-F', '1999', '-p', String(server.pid), '-o', file);
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
}

// [share in %, what] of all that perf names by `sort`, largest first; with what they call, or their own only.
async function shares(file, sort, calls = '--no-children') {
  const { code, stdout, output } = await run('perf', ['report', '-i', file, '--stdio', '-q', '-g', 'none', calls, '--percent-limit', '0', '--sort', sort]);
  if (code !== 0) throw new Error(`perf report: ${output}`);
  return [...stdout.matchAll(/^\s*([\d.]+)%(?:\s+[\d.]+%)?\s+(.+?)\s*$/gm)].map(([, share, what]) => [Number(share), what]);
}

const listed = (parts) => parts.filter(([share]) => share >= 0.5).map(([share, what]) => `${what} ${number(share, 0)} %`).join(', ');

async function profileTime(name, serverName) {
  const row = rows[name];
  const server = row.servers.includes(serverName) && await contender(serverName);
  if (!server) return;
  const file = join(RAW, `${name}-${serverName}.perf`);
  await record(row, server, file);
  const objects = await shares(file, 'dso');
  const calls = (await shares(file, 'sym', '--children')).filter(([, what]) => what.includes(' __x64_sys_'));
  const symbols = await shares(file, 'dso,sym');
  console.log(`**${name}**: ${row.title}, ${serverName}: ${listed(objects)}\n`);
  console.log(`System calls: ${listed(calls.map(([share, what]) => [share, what.replace(/.*__x64_sys_/, '')]))}\n`);
  table(['%', 'object', 'symbol'], symbols.slice(0, SYMBOLS).map(([share, what]) => {
    const [, object, symbol] = what.match(/^(\S+)\s+\[.\]\s+(.*)$/) || [undefined, '', what];
    return [number(share, 1), object, `\`${symbol.slice(0, SYMBOL_LENGTH)}\``];
  }));
}

async function main(names) {
  const all = [...Object.keys(rows), 'memory'];
  if (names.some((name) => !all.includes(name))) throw new Error(`the rows are ${all.join(', ')}`);
  mkdirSync(RAW, { recursive: true });
  for (const name of names.length ? names : all) {
    const tool = name === 'memory' ? 'valgrind' : 'perf';
    const { code } = await run(tool, ['--version']).catch(() => ({ code: 1 }));
    if (code !== 0) throw new Error(`${name}: ${tool} is not installed`);
    if (name === 'memory') {
      await profileMemory(RAW);
    } else {
      for (const server of wanted || ['corohub']) await profileTime(name, server);
    }
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
