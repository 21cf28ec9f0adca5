// Runs groups of scenarios, each server in turn in every round, and prints tables of medians in Markdown.
// usage: node bench/run.mjs [group...]; ROUNDS (5), SECONDS (2) of each measurement, SERVERS (all) with commas.
// Raw figures: build/bench/*.json
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import * as beside from './beside.mjs';
import { contender, discard, endAll, versions, withBefore } from './contenders.mjs';
import * as flags from './flags.mjs';
import { SECONDS, drive } from './generator.mjs';
import * as latency from './latency.mjs';
import { groups } from './scenarios.mjs';
import * as socketio from './socketio.mjs';
import { median, number, of, ratio, spread, table, total } from './tables.mjs';

const ROUNDS = Number(process.env.ROUNDS || 5);
const RAW = join(dirname(fileURLToPath(import.meta.url)), '../build/bench');

const progress = (text) => { if (process.stderr.isTTY) process.stderr.write(`\r${text}\x1b[K`); };

const driven = {
  measure: (row, server) => drive(server, { ...row.options, ...row.load(server) }),

  print({ rows, unit, units, floor = '× floor' }, results) {
    const heads = ['load', 'server', `CPU µs per ${unit}`, 'min–max', floor, `${units}/s`, 'per read', 'p50 ms', 'p99 ms', 'last of an event, max ms', 'lost', 'closed'];
    table(heads, rows.flatMap((row, i) => Object.entries(results[i]).map(([name, list], line) => {
      // What one event costs, however many it is for.
      const scaled = unit === 'event' ? list.map((each) => ({ ...each, cpu_us: each.cpu_us * row.options.receivers })) : list;
      const rate = list.map((each) => (unit === 'event' ? each.events : each.deliveries) / each.seconds);
      return [line ? '' : row.title, name, number(of(scaled, 'cpu_us'), 2), spread(scaled, 'cpu_us'), ratio(list, results[i][row.floor || 'limit'], 'cpu_us'),
        number(median(rate), 0), number(of(list, 'deliveries_per_read'), 1), number(of(list, 'p50_ms'), 2), number(of(list, 'p99_ms'), 2),
        number(Math.max(...list.map((each) => each.last_max_ms)), 1),
        total(list, 'missing') + total(list, 'refusals'), total(list, 'closed')];
    })));
    const foreign = results.flatMap((row) => Object.values(row).flat().map((each) => each.foreign_cores));
    if (foreign.length) console.log(`Other programs meanwhile: ${number(Math.max(0, median(foreign)), 2)} cores (median).\n`);
  },
};

const idle = {
  ...driven,

  print({ rows }, results) {
    const heads = ['connections', 'server', 'PSS bytes per connection', 'of this [heap]', 'other anonymous', 'the rest', 'CPU µs to accept one', 'min–max',
      'idle CPU, % of a core', 'connected in s'];
    table(heads, rows.flatMap((row, i) => Object.entries(results[i]).map(([name, list], line) => {
      const rest = list.map((each) => ({ bytes: each.pss_per_client - each.heap_per_client - each.anonymous_per_client }));
      return [line ? '' : row.title, name, number(of(list, 'pss_per_client'), 0), number(of(list, 'heap_per_client'), 0), number(of(list, 'anonymous_per_client'), 0),
        number(of(rest, 'bytes'), 0), number(of(list, 'accept_cpu_us'), 1), spread(list, 'accept_cpu_us'),
        'idle_cpu_percent' in list[0] ? number(of(list, 'idle_cpu_percent'), 2) : '', number(of(list, 'connect_seconds'), 2)];
    })));
  },
};

const kinds = { driven, idle, latency, beside, flags, socketio };

// Round by round, so that what else the machine does meets all alike: results[row][server] is a list.
async function measureGroup({ rows, kind = 'driven', fresh }) {
  const results = rows.map(() => ({}));
  for (let round = 1; round <= ROUNDS; ++round) {
    for (const [i, row] of rows.entries()) {
      for (const name of withBefore(row.servers)) {
        const server = await contender(name);
        if (!server) continue;
        progress(`round ${round}/${ROUNDS}: ${row.title}, ${name}`);
        try {
          if (fresh) await server.restart();
          const result = await kinds[kind].measure(row, server);
          (results[i][name] ||= []).push({ ...result, round });
        } catch (error) {
          console.error(`tools/bench: failed: ${row.title}, ${name}, round ${round}: ${error.message}`);
          process.exitCode = 1;
          await discard(name);
        }
      }
    }
  }
  progress('');
  return results;
}

async function main(names) {
  const unknown = names.filter((name) => !groups[name]);
  if (unknown.length) throw new Error(`no scenario ${unknown.join(', ')}; there are ${Object.keys(groups).join(', ')}`);
  mkdirSync(RAW, { recursive: true });
  console.log(`${new Date().toISOString()}, ${cpus().length} cores, load ${loadavg()[0].toFixed(2)}, medians of ${ROUNDS} rounds of ${SECONDS} s; ${await versions()}\n`);
  for (const name of names.length ? names : Object.keys(groups)) {
    const group = groups[name];
    const results = await measureGroup(group);
    writeFileSync(join(RAW, `${name}.json`), JSON.stringify(group.rows.map((row, i) => ({ title: row.title, results: results[i] })), null, 1));
    console.log(`**${name}**: ${group.what}\n`);
    kinds[group.kind || 'driven'].print(group, results);
    await endAll();
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`\n${error.message}`);
  process.exitCode = 1;
} finally {
  await endAll();
}
