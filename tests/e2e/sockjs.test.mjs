// SockJS over plain HTTP, as its protocol's own suite asks, and sockjs-client in a real browser.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';

import { chromium } from 'playwright-core';

import { Api } from './api.mjs';
import { eventually, Server } from './server.mjs';
import { framesOf, messagesOf, request, SockJsSession } from './sockjs.mjs';
import { eventOf, frame, parse } from './stomp.mjs';

const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'].find((path) => path && existsSync(path));
const inBrowser = { skip: executablePath ? false : 'no Chromium', timeout: 120_000 };
const HERE = '/topic/rooms/one';
const BASES = ['/ws', '/messenger/websocket'];
const ORIGIN = 'http://localhost:1';

// Several shards: a session lives on one of them, its requests come to any.
async function start(t, { settings } = {}) {
  const server = await Server.start(t, { settings: { 'server.shards': 3, ...settings } });
  const john = await new Api(server).register({ name: 'John' });
  const connect = frame('CONNECT', { 'accept-version': '1.2', host: 'corohub', Authorization: `Bearer ${john.token}` });
  return { server, john, connect, session: (more = {}) => new SockJsSession(server, more) };
}

const uncached = (answer) => assert.match(answer.headers['cache-control'], /no-store/);
const readable = (answer, origin = ORIGIN) => {
  assert.equal(answer.headers['access-control-allow-origin'], origin);
  assert.equal(answer.headers['access-control-allow-credentials'], 'true');
};

test('the greeting, and what is not there', async (t) => {
  const { server } = await start(t);
  for (const base of BASES) {
    const greeting = await request(server, 'GET', `${base}/`);
    assert.equal(greeting.status, 200);
    assert.match(greeting.headers['content-type'], /^text\/plain; ?charset=UTF-8$/i);
    assert.equal(greeting.text, 'Welcome to SockJS!\n');
    assert.equal((await request(server, 'GET', base)).status, 426);
    for (const path of ['/a', '/a.html', '//', '///', '/a/a', '/a/a/', '/a//', '//a', '/iframe', '/iframe.htm', '/IFRAME.HTML', '/iframe.html/', '/info/x']) {
      assert.equal((await request(server, 'GET', base + path)).status, 404, base + path);
    }
  }
});

test('iframe.html, for a year', async (t) => {
  const { server } = await start(t);
  const pages = await Promise.all(['iframe.html', 'iframe-a.html', 'iframe-0.1.2.html', 'iframe-0.1.2abc-dirty.2144.html', 'iframe.html?t=qrxw'].map((name) => request(server, 'GET', `/ws/${name}`)));
  for (const page of pages) {
    assert.equal(page.status, 200);
    assert.match(page.headers['content-type'], /^text\/html; ?charset=UTF-8$/i);
    assert.match(page.headers['cache-control'], /public.*max-age=31536000|max-age=31536000.*public/);
    assert.ok(page.headers.etag);
    assert.match(page.text, /SockJS\.bootstrap_iframe\(\)/);
    assert.match(page.text, /<script src="[^"]+"><\/script>/);
    assert.equal(page.headers['set-cookie'], undefined);
    assert.equal(page.text, pages[0].text);
  }
  const again = await request(server, 'GET', '/ws/iframe.html', { headers: { 'If-None-Match': pages[0].headers.etag } });
  assert.equal(again.status, 304);
  assert.equal(again.text, '');
  assert.equal(again.headers['content-type'], undefined);
});

test('info, for every origin that may, and its preflight', async (t) => {
  const { server } = await start(t);
  const infos = [];
  for (const base of BASES) {
    const info = await request(server, 'GET', `${base}/info`, { headers: { Origin: ORIGIN } });
    assert.equal(info.status, 200);
    assert.match(info.headers['content-type'], /^application\/json/);
    uncached(info);
    readable(info);
    const { entropy, ...rest } = JSON.parse(info.text);
    assert.deepEqual(rest, { websocket: true, origins: ['*:*'], cookie_needed: false });
    assert.ok(Number.isInteger(entropy) && entropy >= 0 && entropy < 2 ** 32);
    infos.push(entropy);
    const preflight = await request(server, 'OPTIONS', `${base}/info`, { headers: { Origin: ORIGIN } });
    assert.equal(preflight.status, 204);
    readable(preflight);
    assert.match(preflight.headers['access-control-allow-methods'], /GET/);
    assert.match(preflight.headers['access-control-allow-methods'], /OPTIONS/);
    assert.equal(preflight.headers['access-control-max-age'], '31536000');
    assert.match(preflight.headers['cache-control'], /max-age=31536000/);
    assert.ok(preflight.headers.expires);
  }
  assert.notEqual(infos[0], infos[1]);
});

test('sessions: preflight, other methods, one session for one id whatever the server part', async (t) => {
  const { session, connect } = await start(t);
  for (const transport of ['xhr', 'xhr_streaming', 'xhr_send']) {
    const one = session({ headers: { Origin: ORIGIN } });
    const asked = await request(one.server, 'OPTIONS', one.path(transport), { headers: { Origin: ORIGIN } });
    assert.equal(asked.status, 204);
    readable(asked);
    assert.match(asked.headers['access-control-allow-methods'], /POST/);
    assert.equal(asked.headers['access-control-max-age'], '31536000');
    assert.equal((await request(one.server, 'GET', one.path(transport))).status, 405);
  }
  const one = session();
  assert.equal((await request(one.server, 'POST', one.path('eventsource'))).status, 405);
  const opened = await one.poll();
  assert.deepEqual([opened.status, opened.text], [200, 'o\n']);
  assert.match(opened.headers['content-type'], /^application\/javascript; ?charset=UTF-8$/i);
  uncached(opened);
  const sent = await one.say(connect);
  assert.deepEqual([sent.status, sent.text], [204, '']);
  assert.match(sent.headers['content-type'], /^text\/plain; ?charset=UTF-8$/i);
  one.node = 'another'; // the same session
  assert.match((await one.take(1))[0], /^CONNECTED\n/);
  const other = session();
  assert.equal((await other.poll()).text, 'o\n');
});

test('a poll waits, gets all that is there at once, and its session is the same for whoever has the id', async (t) => {
  const { session, connect } = await start(t);
  const one = session();
  await one.poll();
  await one.say(connect, frame('SUBSCRIBE', { id: 1, destination: HERE, receipt: 's' }));
  await one.take(2);
  const waiting = one.poll();
  await one.say(frame('SEND', { destination: HERE }, '1'));
  const [message] = messagesOf((await waiting).text);
  assert.equal(parse(message).body, '1');
  await one.say(...[2, 3, 4].map((n) => frame('SEND', { destination: HERE, receipt: n }, String(n))));
  const rest = await one.take(6);
  assert.deepEqual(rest.map(parse).filter(({ command }) => command === 'MESSAGE').map(({ body }) => body), ['2', '3', '4']);
});

test('streams: a prelude, many messages in one body, an end after 128 KiB and on with the next', async (t) => {
  const { session, connect } = await start(t);
  for (const [transport, prelude] of [['xhr_streaming', /^h{2048}\no\n/], ['eventsource', /^\r\ndata: o\r\n\r\n/]]) {
    const one = session();
    let stream = await one.stream(transport);
    await stream.until(prelude);
    assert.match(stream.headers['content-type'], transport === 'eventsource' ? /^text\/event-stream; ?charset=UTF-8$/i : /^application\/javascript; ?charset=UTF-8$/i);
    uncached(stream);
    await one.say(connect, frame('SUBSCRIBE', { id: 1, destination: HERE, receipt: 's' }));
    await stream.until(/RECEIPT/);
    const got = [];
    const body = `"${'x'.repeat(4000)}"`;
    for (let n = 0; n < 60; ++n) {
      await one.say(frame('SEND', { destination: HERE, n }, body));
      if (!stream.end && stream.text.length < 140_000) continue;
      await stream.closed();
      got.push(...messagesOf(stream.text));
      stream = await one.stream(transport);
    }
    await stream.until(/\\nn:59\\n[^\n]*\n/);
    got.push(...messagesOf(stream.text));
    stream.abort();
    const numbers = got.map(parse).filter(({ command }) => command === 'MESSAGE').map(({ headers }) => Number(headers.n));
    assert.deepEqual(numbers, Array.from({ length: 60 }, (_, n) => n), transport);
  }
});

test('what was sent while nobody read waits; a broken stream ends a session, and who does not come back is gone', async (t) => {
  const { session, connect } = await start(t);
  const one = session();
  await one.poll();
  await one.say(connect, frame('SUBSCRIBE', { id: 1, destination: HERE, receipt: 's' }));
  await one.take(2);
  for (let n = 0; n < 3; ++n) await one.say(frame('SEND', { destination: HERE }, String(n)));
  assert.deepEqual((await one.take(3)).map((text) => parse(text).body), ['0', '1', '2']);

  const broken = session();
  const stream = await broken.stream();
  await stream.until(/o\n/);
  stream.abort();
  await eventually(5_000, 'its end', async () => (await broken.poll()).text === 'c[1002,"Connection interrupted"]\n');

  const left = session();
  await left.poll();
  await eventually(15_000, 'its end', async () => (await left.say('\n')).status === 404); // five seconds, by the protocol
});

test('T26: a session\'s id, which is all that a stranger would need, stands in no log', async (t) => {
  const { server, session, connect } = await start(t, { settings: { 'log.level': 'trace' } });
  const one = session();
  await one.poll();
  await one.say(connect);
  await one.take(1);
  await one.post('xhr_send', { body: '[' });
  assert.doesNotMatch(server.output, new RegExp(one.id));
});

test('an end is told, and told again', async (t) => {
  const { session, connect } = await start(t);
  const one = session();
  await one.poll();
  await one.say(connect, frame('DANCE', {}));
  const said = [];
  for (;;) {
    const answer = await one.poll();
    const frames = framesOf(answer.text);
    said.push(...frames);
    if (frames.some(([kind]) => kind === 'c')) break;
  }
  const messages = said.filter(([kind]) => kind === 'a').flatMap(([, list]) => list).map(parse);
  assert.deepEqual(messages.map(({ command }) => command), ['CONNECTED', 'ERROR']);
  const [, end] = said.at(-1);
  assert.equal(end.length, 2);
  assert.deepEqual(framesOf((await one.poll()).text), [['c', end]]);
});

test('the characters that old browsers lose are escaped', async (t) => {
  const { session, connect } = await start(t);
  const one = session();
  await one.poll();
  await one.say(connect, frame('SUBSCRIBE', { id: 1, destination: HERE, receipt: 's' }));
  await one.take(2);
  const text = '\u200c\u200f\u2028\u202f\u2060\u206f\ufff0\uffff \u00e9 \u{1f600}';
  await one.say(frame('SEND', { destination: HERE, 'content-type': 'text/plain' }, text));
  const { text: raw } = await one.poll();
  assert.doesNotMatch(raw, /[\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff]/);
  assert.equal(parse(messagesOf(raw)[0]).body, text);
});

test('HTTP/1.0 and a HEAD', async (t) => {
  const { server } = await start(t);
  assert.equal((await request(server, 'HEAD', '/ws/info')).text, '');
  const answer = await new Promise((done, fail) => {
    const asking = http.request({ host: '127.0.0.1', port: server.port, path: '/ws/info', headers: { Connection: 'close' } }, (response) => { response.resume().on('end', () => done(response)); });
    asking.on('error', fail).end();
  });
  assert.equal(answer.headers.connection, 'close');
});

// ---- in a browser ----

const SCRIPTS = { '/stomp.js': '@stomp/stompjs/bundles/stomp.umd.js', '/sockjs.js': 'sockjs-client/dist/sockjs.js', '/webstomp.js': 'webstomp-client/dist/webstomp.js' };

// A site of somebody else's, from another origin, with the usual scripts.
async function site(t) {
  const pages = http.createServer(({ url }, response) => {
    const script = SCRIPTS[url];
    response.setHeader('Content-Type', script ? 'text/javascript; charset=utf-8' : 'text/html; charset=utf-8');
    const folder = script && script.split('/').slice(0, script.startsWith('@') ? 2 : 1).join('/');
    response.end(script ? readFileSync(new URL(`./node_modules/${folder}${script.slice(folder.length)}`, import.meta.url)) : Object.keys(SCRIPTS).map((name) => `<script src="${name}"></script>`).join(''));
  });
  await new Promise((done) => pages.listen(0, '127.0.0.1', done));
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  t.after(async () => { await browser.close(); pages.closeAllConnections(); pages.close(); });
  const page = await browser.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(error.message));
  await page.goto(`http://127.0.0.1:${pages.address().port}/`);
  return page;
}

test('@stomp/stompjs in a browser: plain, and over SockJS with each transport', inBrowser, async (t) => {
  const { server, john } = await start(t);
  const page = await site(t);
  const native = await john.connect();
  await native.ask('subscribe', { topic: 'rooms/one' });
  const rows = [undefined, 'websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'];
  for (const transport of rows) {
    for (const base of transport ? ['/ws', '/messenger/websocket'] : ['/ws']) {
      const what = `${transport || 'plain'} ${base}`;
      const got = await page.evaluate(({ host, base, token, transport, what }) => new Promise((done, fail) => {
        const messages = [];
        const client = new window.StompJs.Client({
          webSocketFactory: () => (transport ? new window.SockJS(`http://${host}${base}`, null, { transports: [transport] }) : new WebSocket(`ws://${host}${base}`, ['v12.stomp'])),
          connectHeaders: { Authorization: `Bearer ${token}` },
          reconnectDelay: 0,
          onStompError: ({ headers }) => fail(new Error(JSON.stringify(headers))),
          onWebSocketClose: ({ code, reason }) => fail(new Error(`closed ${code} ${reason}`)),
          onConnect: () => {
            client.watchForReceipt('s', () => {
              for (let n = 1; n <= 5; ++n) client.publish({ destination: '/topic/rooms/one', body: JSON.stringify(`${what} ${n} é\u2028`), headers: { 'content-type': 'application/json' } });
            });
            client.subscribe('/topic/rooms/one', ({ headers, body }) => {
              messages.push({ headers, body });
              if (messages.length < 5) return;
              client.onWebSocketClose = () => done(messages);
              client.deactivate();
            }, { receipt: 's' });
          },
        });
        client.activate();
        setTimeout(() => fail(new Error(`after 10 s: ${messages.length} messages`)), 10_000);
      }), { host: server.host, base, token: john.token, transport, what }).catch((error) => assert.fail(`${what}: ${error.message}`));
      assert.deepEqual(got.map(({ body }) => JSON.parse(body)), [1, 2, 3, 4, 5].map((n) => `${what} ${n} é\u2028`));
      await native.next('message', ({ data }) => data === `${what} 5 é\u2028`);
      const theirs = native.messages.filter(({ seq, data }) => seq && String(data).startsWith(`${what} `));
      assert.deepEqual(got.map(eventOf), theirs);
    }
  }
  assert.deepEqual(page.complaints, []);
});

test('SockJS chooses its transport by itself, and one that is refused is told why', inBrowser, async (t) => {
  const { server, john } = await start(t);
  const page = await site(t);
  const open = (token) => page.evaluate(({ host, token }) => new Promise((done) => {
    const client = window.webstomp.over(new window.SockJS(`http://${host}/ws`), { debug: false, heartbeat: false });
    client.connect({ Authorization: `Bearer ${token}` }, ({ headers }) => { done(headers); client.disconnect(); }, ({ headers, code }) => done(headers || { closed: code }));
  }), { host: server.host, token });
  assert.equal((await open(john.token)).version, '1.2');
  assert.equal((await open('no')).code, 'invalid_token');
  assert.deepEqual(page.complaints, []);
});

test('a page without a credential follows the flags of a public namespace', inBrowser, async (t) => {
  const { server } = await start(t);
  const admin = await new Api(server).member('admin');
  const flags = '/api/v1/namespaces/bep/flags';
  await admin.expect(201, 'POST', '/api/v1/namespaces', { body: { key: 'bep', access: 'public' } });
  await admin.expect(201, 'POST', flags, { body: { key: 'new-feature', variants: { on: true, off: false }, defaultVariant: 'on' } });
  const page = await site(t);
  let listening;
  await page.exposeFunction('listening', () => listening());
  for (const [library, action] of [['webstomp', 'enable'], ['StompJs.Stomp', 'disable']]) {
    const subscribed = new Promise((done) => { listening = done; });
    const hearing = page.evaluate(({ host, library }) => new Promise((done, fail) => {
      const Stomp = library.split('.').reduce((value, name) => value[name], window);
      const socket = () => new window.SockJS(`http://${host}/ws`);
      const stompClient = Stomp.over(library === 'webstomp' ? socket() : socket);
      const heard = {};
      const hear = (what) => ({ body }) => {
        (heard[what] ||= []).push(body);
        if (heard.answers?.length === 2 && !heard.all) window.listening();
        if (heard.all && heard.bep) { done(heard); stompClient.disconnect(); }
      };
      stompClient.connect({}, () => {
        stompClient.subscribe('/user/queue/subscription', hear('answers'));
        stompClient.subscribe('/topic/flags', hear('all'));
        stompClient.subscribe('/topic/flags/bep', hear('bep'));
      }, fail);
      setTimeout(() => fail(new Error(`after 10 s: ${JSON.stringify(heard)}`)), 10_000);
    }), { host: server.host, library });
    await Promise.race([subscribed, hearing]);
    await admin.expect(200, 'POST', `/api/v1/namespaces/bep/environments/default/flags/new-feature/${action}`);
    const { answers, all, bep } = await hearing;
    assert.match(answers[0], /^\{"type":"connection_status","message":"Successfully subscribed to flag updates","timestamp":\d{13}\}$/);
    assert.match(answers[1], /"message":"Successfully subscribed to flag updates for namespace: bep"/);
    assert.equal(all.length, 1);
    assert.match(all[0], new RegExp(`^\\{"type":"flag_update","namespace":"bep","flagKey":"new-feature","action":"${action}d","enabled":${action === 'enable'},"timestamp":\\d{13}\\}$`));
    assert.deepEqual(bep, all);
  }
  assert.deepEqual(page.complaints, []);
});
