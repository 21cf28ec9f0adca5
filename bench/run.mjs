// Runs groups of scenarios, each server in turn in every round, and prints tables of medians in Markdown.
// usage: node bench/run.mjs [group...]; ROUNDS (5), SECONDS (2) of each measurement. Raw figures: build/bench/*.json
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { run } from '../tests/e2e/server.mjs';
import { PROGRAMS, contender, endAll } from './contenders.mjs';
import { groups } from './scenarios.mjs';

const ROUNDS = Number(process.env.ROUNDS || 5);
const SECONDS = Number(process.env.SECONDS || 2);
const RAW = join(dirname(fileURLToPath(import.meta.url)), '../build/bench');

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2;
};
const number = (value, digits) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

const progress = (text) => { if (process.stderr.isTTY) process.stderr.write(`\r${text}\x1b[K`); };

async function measure(row, server) {
  const options = { port: server.port, pid: server.pid, seconds: SECONDS, ...row.options, ...row.load(server) };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { code, stdout, output } = await run(join(PROGRAMS, 'corohub_bench'), args);
  if (code !== 0) throw new Error(`the load generator: ${output}`);
  return { ...JSON.parse(stdout), load: loadavg()[0] };
}

// Round by round, so that what else the machine does meets all alike: results[row][server] is a list.
async function measureGroup({ rows, fresh }) {
  const results = rows.map(() => ({}));
  for (let round = 1; round <= ROUNDS; ++round) {
    for (const [i, row] of rows.entries()) {
      for (const name of row.servers) {
        const server = await contender(name);
        if (!server) continue;
        if (fresh) await server.restart();
        (results[i][name] ||= []).push(await measure(row, server));
        progress(`round ${round}/${ROUNDS}: ${row.title}, ${name}`);
      }
    }
  }
  progress('');
  return results;
}

// The median of the rounds' own ratios: a slow moment of the machine meets both sides.
const ratio = (list, floor, key) => (floor ? number(median(list.map((each, i) => each[key] / floor[i][key])), 2) : '');
const spread = (list, key) => `${number(Math.min(...list.map((each) => each[key])), 2)}–${number(Math.max(...list.map((each) => each[key])), 2)}`;
const of = (list, key) => median(list.map((each) => each[key]));
const total = (list, key) => list.reduce((sum, each) => sum + each[key], 0);

function table(heads, lines) {
  console.log(`| ${heads.join(' | ')} |\n|${'---|'.repeat(heads.length)}`);
  for (const line of lines) console.log(`| ${line.join(' | ')} |`);
  console.log();
}

function drivenTable({ rows, unit, units }, results) {
  const heads = ['load', 'server', `CPU µs per ${unit}`, 'min–max', '× floor', `${units}/s`, 'per read', 'p50 ms', 'p99 ms', 'last of an event, max ms', 'lost', 'closed'];
  table(heads, rows.flatMap((row, i) => Object.entries(results[i]).map(([name, list], line) => {
    // What one event costs, however many it is for.
    const scaled = unit === 'event' ? list.map((each) => ({ ...each, cpu_us: each.cpu_us * row.options.receivers })) : list;
    const rate = list.map((each) => (unit === 'event' ? each.events : each.deliveries) / each.seconds);
    const floor = results[i][row.floor || 'limit'];
    return [line ? '' : row.title, name, number(of(scaled, 'cpu_us'), 2), spread(scaled, 'cpu_us'), ratio(list, floor, 'cpu_us'),
      number(median(rate), 0), number(of(list, 'deliveries_per_read'), 1), number(of(list, 'p50_ms'), 2), number(of(list, 'p99_ms'), 2),
      number(Math.max(...list.map((each) => each.last_max_ms)), 1),
      total(list, 'missing') + total(list, 'refusals'), total(list, 'closed')];
  })));
  const foreign = results.flatMap((row) => Object.values(row).flat().map((each) => each.foreign_cores));
  console.log(`Other programs meanwhile: ${number(Math.max(0, median(foreign)), 2)} cores (median).\n`);
}

function idleTable({ rows }, results) {
  const heads = ['connections', 'server', 'PSS bytes per connection', 'CPU µs to accept one', 'min–max', 'idle CPU, % of a core', 'connected in s'];
  table(heads, rows.flatMap((row, i) => Object.entries(results[i]).map(([name, list], line) => [
    line ? '' : row.title, name, number(of(list, 'pss_per_client'), 0), number(of(list, 'accept_cpu_us'), 1), spread(list, 'accept_cpu_us'),
    'idle_cpu_percent' in list[0] ? number(of(list, 'idle_cpu_percent'), 2) : '', number(of(list, 'connect_seconds'), 2)])));
}

async function main(names) {
  const unknown = names.filter((name) => !groups[name]);
  if (unknown.length) throw new Error(`no scenario ${unknown.join(', ')}; there are ${Object.keys(groups).join(', ')}, storm`);
  mkdirSync(RAW, { recursive: true });
  console.log(`${new Date().toISOString()}, ${cpus().length} cores, load ${loadavg()[0].toFixed(2)}, medians of ${ROUNDS} rounds of ${SECONDS} s\n`);
  for (const name of names) {
    const results = await measureGroup(groups[name]);
    writeFileSync(join(RAW, `${name}.json`), JSON.stringify(groups[name].rows.map((row, i) => ({ title: row.title, results: results[i] })), null, 1));
    console.log(`**${name}**: ${groups[name].what}\n`);
    (groups[name].fresh ? idleTable : drivenTable)(groups[name], results);
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
