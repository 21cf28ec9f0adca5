// R11: a thousand clients come back at once and each asks for the 50 events it missed. What do those notice who
// were there all the time? Latency is from just before a broadcast's request to its receipt, in this process; the
// crowd lives in another one. The crowd is measured twice: with nothing to catch up, and with 50 events each.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { Api, Feed } from '../tests/e2e/api.mjs';
import { Server } from '../tests/e2e/server.mjs';

const CROWD = 1000;
const AT_A_TIME = 100;
const MISSED = 50;
const LIVE = 20;
const ROUNDS = Number(process.env.ROUNDS || 5);
const PACE_MS = 20;
const PHASE_MS = 3000;

const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });
const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
const median = (values) => percentile([...values].sort((a, b) => a - b), 0.5);

// ---- the crowd: connects, counts what comes, goes ----

async function crowd({ host, token, since, expected }) {
  const began = performance.now();
  const feeds = [];
  while (feeds.length < CROWD) {
    feeds.push(...await Promise.all(Array.from({ length: AT_A_TIME }, () => Feed.open({ host }, { token, query: since ? { token, since } : { token } }))));
  }
  await Promise.all(feeds.map(async (feed) => {
    while (feed.messages.filter(({ data }) => data?.message?.startsWith('missed')).length < expected) await sleep(5);
  }));
  const took = performance.now() - began;
  for (const feed of feeds) feed.socket.terminate();
  return { took };
}

if (process.send) {
  process.on('message', async (order) => {
    process.send(await crowd(order));
    process.exit(0);
  });
} else {
  await main();
}

// ---- those who were there all the time ----

async function main() {
  const ends = [];
  const server = await Server.start({ after: (end) => ends.push(end) }, { settings: { 'auth.access_ttl_s': 3600 } });
  const api = new Api(server);
  const root = await api.member('superadmin');
  const user = await api.register();
  const live = await Promise.all(Array.from({ length: LIVE }, () => user.connect()));
  const { epoch } = live[0].welcome.data;

  let number = 0;
  // Paced broadcasts for as long as `busy` lasts, and at least a phase; the latencies of all receipts.
  const measure = async (busy) => {
    const sent = new Map();
    const latencies = [];
    for (const feed of live) {
      feed.socket.removeAllListeners('message');
      feed.socket.on('message', (bytes) => {
        const begin = sent.get(JSON.parse(bytes).data?.message);
        if (begin !== undefined) latencies.push(performance.now() - begin);
      });
    }
    let done = false;
    const both = Promise.all([busy, sleep(PHASE_MS)]).then(([result]) => { done = true; return result; });
    while (!done) {
      const message = `paced ${++number}`;
      sent.set(message, performance.now());
      root.expect(200, 'POST', '/ws/broadcast', { body: { message } });
      await sleep(PACE_MS);
    }
    const result = await both;
    await sleep(200);
    latencies.sort((a, b) => a - b);
    return { ...result, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), count: latencies.length };
  };
  const come = (since, expected) => new Promise((done) => {
    const child = fork(fileURLToPath(import.meta.url));
    child.on('message', done);
    child.send({ host: server.host, token: user.token, since, expected });
  });

  const rows = [];
  for (let round = 0; round < ROUNDS; ++round) {
    const quiet = await measure();
    const connecting = await measure(come(undefined, 0));
    const { seq } = await root.expect(200, 'POST', '/ws/broadcast', { body: { message: 'mark' } });
    for (let i = 0; i < MISSED; ++i) await root.expect(200, 'POST', '/ws/broadcast', { body: { message: `missed ${i}` } });
    const resuming = await measure(come(`${epoch}:${seq}`, MISSED));
    rows.push({ quiet, connecting, resuming });
  }
  const of = (phase, what) => median(rows.map((row) => row[phase][what]));
  console.log(`**storm**: ${CROWD} clients come back at once, ${MISSED} events missed by each; ${LIVE} live clients, a broadcast every ${PACE_MS} ms; medians of ${ROUNDS} rounds\n`);
  console.log('| what the live clients see | p50 ms | p99 ms | p99 ÷ quiet | the crowd served in ms |\n|---|---|---|---|---|');
  const titles = { quiet: 'quiet', connecting: 'the crowd connects, nothing missed', resuming: `the crowd resumes, ${MISSED} events each` };
  for (const [phase, title] of Object.entries(titles)) {
    const ratio = median(rows.map((row) => row[phase].p99 / row.quiet.p99));
    const took = phase === 'quiet' ? '' : of(phase, 'took').toFixed(0);
    console.log(`| ${title} | ${of(phase, 'p50').toFixed(2)} | ${of(phase, 'p99').toFixed(2)} | ${ratio.toFixed(2)} | ${took} |`);
  }
  for (const feed of live) feed.socket.terminate();
  for (const end of ends.reverse()) await end();
}
