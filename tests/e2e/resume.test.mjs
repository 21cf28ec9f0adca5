// Nothing missed, as other people's programs see it: a browser's EventSource, curl, and a client that comes back.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';

import { chromium } from 'playwright-core';

import { Api, Feed } from './api.mjs';
import { record } from './recording.mjs';
import { eventually, Process, run, Server } from './server.mjs';

const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser', process.env.CHROMIUM].find((path) => path && existsSync(path));
const ROUNDS = Number(process.env.COROHUB_RESUME_ROUNDS || 10);

async function alert(admin, message) {
  const answer = await admin.request('POST', '/ws/broadcast', { body: { message } });
  assert.equal(answer.status, 200, answer.text);
  return answer.headers.get('corohub-position');
}

const inBrowser = { skip: executablePath ? false : 'no Chromium' };

// A page of the server with an EventSource; `query` may ask the page. got(n): what it has received, once that is n events.
async function openStream(t, server, query, headers = {}) {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  t.after(() => browser.close());
  const page = await (await browser.newContext({ extraHTTPHeaders: headers })).newPage();
  await page.goto(server.url);
  const address = `/api/v1/events/stream${typeof query === 'string' ? query : await query(page)}`;
  await page.evaluate((address) => {
    window.got = [];
    window.stream = new EventSource(address);
    window.stream.onmessage = ({ data, lastEventId }) => window.got.push({ id: lastEventId, text: data });
  }, address);
  const got = (count) => eventually(30_000, `${count} events`, async () => {
    const events = await page.evaluate(() => window.got);
    return events.length >= count && events;
  });
  return {
    page,
    async got(count) {
      const events = await got(count);
      for (const { text } of events) record(text);
      return events.map(({ id, text }) => ({ id, ...JSON.parse(text) }));
    },
  };
}

test('T36: a browser reads the stream with a ticket that its page has asked for', inBrowser, async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const admin = await api.member('admin');
  const start = await alert(admin, 'before');
  await alert(admin, 'missed');
  // The page asks for it, which names its origin; its EventSource, to the same origin, names none.
  const ticketOf = (page) => page.evaluate(async (token) => {
    const answer = await fetch('/api/v1/auth/ws-ticket', { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
    return (await answer.json()).data.ticket;
  }, admin.token);
  const { page, got } = await openStream(t, server, async (asking) => `?ticket=${await ticketOf(asking)}&since=${start}`);
  await got(2);
  const live = await alert(admin, 'live');
  const events = await got(3);
  assert.deepEqual(events.map(({ type }) => type), ['connection.established', 'system.alert', 'system.alert']);
  assert.equal(events[0].id, start);
  assert.equal(events[0].data.recovered, true);
  assert.equal(events[1].data.message, 'missed');
  assert.equal(events[2].id, live);
  assert.equal(await page.evaluate(() => window.stream.readyState), 1);
});

test('a browser comes back by itself, and the last event it had is where it goes on', inBrowser, async (t) => {
  const server = await Server.start(t, { settings: { 'server.drain_spread_ms': 0, 'auth.access_ttl_s': 3600 } });
  server.launchArgs[server.launchArgs.indexOf('127.0.0.1:0')] = server.host; // where the browser looks for it again
  const api = new Api(server);
  const admin = await api.member('admin');
  const john = await api.register();
  // An EventSource has no headers of its own; a proxy in front may add the credential.
  const { got } = await openStream(t, server, '?types=system.alert', { Authorization: `Bearer ${john.token}` });
  await got(1);
  const ends = [() => server.stop(), () => server.crash()];
  for (const [round, end] of ends.entries()) {
    await alert(admin, `live ${round}`);
    await eventually(10_000, 'the live event', async () => (await got(1)).some(({ data }) => data.message === `live ${round}`));
    await end();
    await server.launch();
    await alert(admin, `missed ${round}`); // before it is back, or just after
    await eventually(30_000, 'the missed event', async () => (await got(1)).some(({ data }) => data.message === `missed ${round}`));
  }
  const events = await got(1);
  assert.deepEqual(events.filter(({ type }) => type === 'system.alert').map(({ data }) => data.message),
    ['live 0', 'missed 0', 'live 1', 'missed 1']);
  const welcomes = events.filter(({ type }) => type === 'connection.established');
  assert.deepEqual(welcomes.map(({ data }) => data.recovered), [false, true, true]);
  // What the server said last before the first end; a kill says nothing.
  assert.deepEqual(events.filter(({ type }) => type === 'connection.closed').map(({ data }) => data), [{ code: 1001, reason: 'draining' }]);
});

test('curl reads the stream and polls', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const admin = await api.member('admin');
  const start = await alert(admin, 'before');
  const credential = ['-H', `Authorization: Bearer ${admin.token}`];

  const stream = new Process('curl', ['-sN', ...credential, '-H', `Last-Event-ID: ${start}`, `${server.url}/api/v1/events/stream`]);
  t.after(() => stream.signal('SIGKILL'));
  await stream.printed(/^retry: \d+\nid: \S+\ndata: \{"type":"connection\.established".*\}\n\n/);
  const position = await alert(admin, 'streamed');
  await stream.printed(new RegExp(`\\nid: ${position}\\ndata: \\{.*"streamed".*\\}\\n\\n`));

  const empty = await run('curl', ['-s', '-i', ...credential, `${server.url}/api/v1/events/poll?timeout=0&since=${position}`]);
  assert.match(empty.output, /^HTTP\/1\.1 204 /);
  assert.match(empty.output, new RegExp(`Corohub-Next: ${position}\r\n`));
  const poll = run('curl', ['-s', ...credential, `${server.url}/api/v1/events/poll?timeout=30&since=${position}`]);
  const polled = await alert(admin, 'polled');
  const answer = JSON.parse((await poll).output);
  assert.deepEqual(answer.data.map(({ data }) => data.message), ['polled']);
  assert.equal(answer.meta.next, polled);

  await server.stop();
  assert.equal((await stream.ended()).code, 0); // the body ended as it should
  assert.match(stream.output, /"type":"connection\.closed","data":\{"code":1001,"reason":"draining"\}/);
});

test('R1: a client that resumes misses nothing across kill -9', { timeout: 60_000 + ROUNDS * 20_000 }, async (t) => {
  const server = await Server.start(t, { settings: { 'auth.access_ttl_s': 3600 } });
  const api = new Api(server);
  const admin = await api.member('superadmin');
  const start = await alert(admin, 'begin');
  const got = [];
  let position = start;
  let feed;
  const subscribe = async () => {
    feed = await Feed.open(server, { token: admin.token, query: { token: admin.token, since: position, topic: 'rooms/one' } });
    assert.equal(feed.welcome.data.recovered, true);
  };
  const take = () => {
    const events = feed.messages.filter(({ seq }) => seq !== undefined);
    got.push(...events);
    if (events.length > 0) position = `${feed.welcome.data.epoch}:${events.at(-1).seq}`;
  };

  // Round by round: the topic's history does not keep all of a hundred rounds.
  const log = [];
  let logged = start;
  const readLog = async () => {
    for (let more = true; more;) {
      const page = await admin.request('GET', `/api/v1/events?limit=300&topic=rooms/one&since=${logged}`);
      assert.equal(page.status, 200, page.text);
      log.push(...page.json.data);
      ({ next: logged, more } = page.json.meta);
    }
  };

  for (let round = 0; round < ROUNDS; ++round) {
    await subscribe();
    let acknowledged = 0;
    const publisher = await admin.connect();
    const write = (writer, i) => (writer % 2 ? alert(admin, `${round}.${writer}.${i}`) : publisher.ask('publish', { topic: 'rooms/one', data: `${round}.${writer}.${i}` }));
    const writing = Promise.all([1, 2, 3, 4].map(async (writer) => {
      for (let i = 0; ; ++i) {
        await write(writer, i);
        ++acknowledged;
      }
    }).map((work) => work.catch(() => {})));
    await eventually(20_000, 'some writes', () => acknowledged > 100);
    await server.crash();
    await writing;
    await feed.closed();
    take();
    await server.launch();
    await readLog();
  }

  const last = await alert(admin, 'end');
  await subscribe();
  await feed.next('system.alert', ({ data }) => data.message === 'end');
  take();
  await readLog();
  assert.deepEqual(got, log);
  assert.equal(position, last);
});
