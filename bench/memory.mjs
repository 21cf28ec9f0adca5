// What an idle connection holds of malloc's memory, by the places that took it: valgrind's massif counts, once before
// and once after a thousand clients came.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { BINARY, run } from '../tests/e2e/server.mjs';
import { Corohub } from './servers.mjs';
import { Generator } from './generator.mjs';
import { number, table } from './tables.mjs';

const CLIENTS = 1000;
const ACCOUNTS = 50;
const SHOWN_BYTES = 8;

// "void a::b<c<d> >::e(f) [clone .resume] (in /g)" -> "a::b::e"
function plainName(frame) {
  let text = frame.replace(/\(anonymous namespace\)/g, '{}').replace(/operator\(\)/g, 'operator{}').replace(/ \(in .*| \[clone .*/g, '');
  for (let before; before !== text;) [before, text] = [text, text.replace(/<[^<>]*>/g, '')];
  return text.replace(/\(.*/, '').split(' ').pop().replace('operator{}', 'operator()').replace('{}', '(anonymous)');
}

// Bytes by place: the function that allocated, and the first function of ours above it.
function places(file) {
  const text = readFileSync(file, 'utf8');
  const bytes = new Map();
  const add = (place, count) => bytes.set(place, (bytes.get(place) || 0) + count);
  const path = [];
  for (const [, indent, children, count, where] of text.matchAll(/^( *)n(\d+): (\d+) (.*)$/gm)) {
    path.length = indent.length;
    path.push(plainName(where.replace(/^0x[0-9A-F]+: /, '')));
    if (Number(children)) continue;
    if (/^in \d+ places/.test(where)) path[path.length - 1] = 'many small ones';
    const [, allocator = '', ...callers] = path;
    const ours = [allocator, ...callers].find((name) => name.startsWith('corohub::'));
    add(ours && ours !== allocator ? `${allocator} for ${ours}` : allocator, Number(count));
  }
  add("malloc's own, and rounding", Number(text.match(/^mem_heap_extra_B=(\d+)/m)[1]));
  return bytes;
}

async function checked(command, ...args) {
  const { code, output } = await run(command, args);
  if (code !== 0) throw new Error(`${command}: ${output}`);
}

export async function profileMemory(directory) {
  // Debian's valgrind does not read what clang says for debuggers; names of functions are enough.
  const program = join(directory, 'corohub-names');
  await checked('strip', '--strip-debug', '-o', program, BINARY);
  const massif = ['--tool=massif', '--depth=20', '--threshold=0.05', `--massif-out-file=${join(directory, 'massif.out')}`];
  const server = new Corohub({ accounts: ACCOUNTS, wrap: (command, args) => ['valgrind', [...massif, program, ...args]] });
  await server.start();
  const snapshot = async (name) => {
    const file = join(directory, `massif-${name}`);
    await checked('vgdb', `--pid=${server.pid}`, 'detailed_snapshot', file);
    return places(file);
  };

  const before = await snapshot('before');
  const clients = new Generator(server, { ...server.client(), clients: CLIENTS, 'until-input-ends': 1 });
  await clients.ready();
  const after = await snapshot('after');
  await clients.report();

  const growth = [...after].map(([place, bytes]) => [(bytes - (before.get(place) || 0)) / CLIENTS, place]).sort(([a], [b]) => b - a);
  const sum = growth.reduce((all, [bytes]) => all + bytes, 0);
  console.log(`**memory**: ${number(sum, 0)} bytes of malloc's per idle connection\n`);
  table(['bytes', 'taken by'], growth.filter(([bytes]) => Math.abs(bytes) >= SHOWN_BYTES).map(([bytes, place]) => [number(bytes, 0), `\`${place}\``]));
}
