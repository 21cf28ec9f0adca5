// Socket.IO by python-socketio, which has its own reading of both protocols: each transport, each namespace, what ends a seat
// and what brings it back.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { office } from './flags.mjs';
import { Process, temporaryDirectory } from './server.mjs';
import { Inbox, WAYS } from './socketio.mjs';

const WAIT_MS = 20_000;
const PROGRAM = fileURLToPath(new URL('./socketio_client.py', import.meta.url));
// The distribution's packages are for the distribution's Python.
const PYTHON = ['/usr/bin/python3', 'python3'].find((python) => spawnSync(python, ['-c', 'import requests, socketio, websocket']).status === 0);
const options = { skip: PYTHON ? false : 'python-socketio is not installed (tools/setup test installs it)', timeout: 120_000 };
const ROOM = 'rooms/one';
const PLACES = [
  { namespace: '/', welcome: 'connection.established', alert: 'system.alert', question: 'ping' },
  { namespace: '/admin', welcome: 'admin_connected', alert: 'admin_notification', question: 'request_system_metrics' },
  { namespace: '/client', welcome: 'client_connected', alert: 'client_notification', question: 'heartbeat' },
];
const NAMESPACES = PLACES.map(({ namespace }) => namespace);
const topics = [{ pattern: 'rooms/*', publish: 'user', history_count: 100 }];

class Python {
  constructor(t, server, { auth, namespaces = ['/'], transports }) {
    this.inbox = new Inbox();
    this.questions = 0;
    this.process = new Process(PYTHON, [PROGRAM]);
    t.after(() => { this.process.signal('SIGKILL'); return this.process.exited; });
    let rest = '';
    this.process.child.stdout.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) this.inbox.put(JSON.parse(line));
    });
    this.order({ connect: server.url, auth, namespaces, transports });
  }

  order(what) { this.process.child.stdin.write(`${JSON.stringify(what)}\n`); }

  // The nth event of this name in a namespace, as [name, ...arguments].
  async take(namespace, name, nth = 1) {
    const found = (all) => all.filter((each) => each[0] === namespace && each[1] === name)[nth - 1];
    const [, ...event] = await this.inbox.until(WAIT_MS, `${namespace} ${name} #${nth}`, found).catch((error) => { throw new Error(`${error.message}\n${this.process.output}`); });
    return event;
  }

  names(namespace) { return this.inbox.all.filter((each) => each[0] === namespace).map(([, name]) => name); }

  async ask(namespace, ...event) {
    const ask = ++this.questions;
    this.order({ emit: event, namespace, ask });
    const { arguments: [answer] } = await this.inbox.until(WAIT_MS, `the acknowledgement of ${event[0]}`, (all) => all.find(({ ack }) => ack === ask));
    return answer;
  }
}

for (const transports of WAYS) {
  const way = transports.join(' and ');

  test(`python-socketio over ${way}: hears, asks and publishes in each namespace`, options, async (t) => {
    const { server, admin } = await office(t, { topics });
    const one = new Python(t, server, { auth: { token: admin.token }, namespaces: NAMESPACES, transports });
    const [, welcome, meta, position] = await one.take('/', 'connection.established');
    assert.equal(welcome.user_id, admin.id);
    assert.deepEqual([meta.recovered, position], [false, `${meta.epoch}:${meta.seq}`]);
    assert.deepEqual(await one.take('/', '(connect)'), ['(connect)', welcome.client_id, transports.at(-1)]);

    assert.equal((await one.ask('/', 'subscribe', { topic: ROOM })).ok, true);
    const done = await one.ask('/', 'publish', { topic: ROOM, type: 'note', data: { n: 1.5, text: 'ü\u2028' } });
    assert.deepEqual(await one.take('/', 'note'),
      ['note', { n: 1.5, text: 'ü\u2028' }, { seq: done.data.seq, timestamp: done.data.timestamp, topic: ROOM }, `${meta.epoch}:${done.data.seq}`]);
    const bytes = { base64: Buffer.from([0, 1, 254, 255]).toString('base64') };
    assert.equal((await one.ask('/', 'publish', { topic: ROOM, type: 'photo', data: bytes })).ok, true);
    assert.deepEqual((await one.take('/', 'photo'))[1], bytes);
    const { ok, code } = await one.ask('/', 'subscribe', { topic: '' });
    assert.deepEqual({ ok, code }, { ok: false, code: 'invalid_topic' });
    one.order({ emit: ['fly', {}], namespace: '/' });
    assert.equal((await one.take('/', 'error'))[1].code, 'unknown_type');

    assert.deepEqual((await one.take('/admin', 'admin_connected'))[1].user_id, admin.id);
    const { data: subscribed } = await one.ask('/admin', 'subscribe_entity_updates', { entity_type: 'platform', entity_id: null });
    assert.deepEqual((await one.take('/admin', 'subscribed'))[1], subscribed);
    assert.deepEqual((await one.take('/client', 'client_connected'))[1].features, []);
    const { data: beat } = await one.ask('/client', 'heartbeat');
    assert.deepEqual(await one.take('/client', 'heartbeat_ack'), ['heartbeat_ack', beat]);
  });

  test(`T31: python-socketio over ${way}: a seat that is ended leaves the others alone`, options, async (t) => {
    const { server, api, admin } = await office(t);
    const root = await api.member('superadmin');
    const one = new Python(t, server, { auth: { token: admin.token }, namespaces: NAMESPACES, transports });
    for (const { namespace, welcome } of PLACES) await one.take(namespace, welcome);
    const [, seat] = await one.take('/admin', '(connect)');
    await root.expect(204, 'DELETE', `/api/v1/admin/connections/${seat}`);
    await one.take('/admin', '(disconnect)');
    assert.equal((await one.ask('/', 'ping')).ok, true);
    assert.equal((await one.ask('/client', 'heartbeat')).ok, true);
    assert.ok(!one.names('/').includes('(disconnect)'));
  });

  test(`R1: python-socketio over ${way}: kill -9, and it hears once what it has missed`, options, async (t) => {
    const { server, admin } = await office(t);
    server.launchArgs[server.launchArgs.indexOf('127.0.0.1:0')] = server.host; // where clients look for it again
    const alert = (message) => admin.expect(200, 'POST', '/ws/broadcast', { body: { message } });
    const seats = PLACES.map((place) => ({ ...place, client: new Python(t, server, { auth: { token: admin.token }, namespaces: [place.namespace], transports }) }));
    const welcome = ({ client, namespace, ...place }, nth) => client.take(namespace, place.welcome, nth);
    const alerted = ({ client, namespace, ...place }, nth) => client.take(namespace, place.alert, nth);
    for (const seat of seats) assert.equal((await welcome(seat, 1))[2].recovered, false);
    await alert('heard');
    for (const seat of seats) await alerted(seat, 1);
    // Stopped, so that what happens meanwhile is missed whatever is faster.
    for (const { client } of seats) client.process.signal('SIGSTOP');
    await server.crash();
    await server.launch();
    await alert('missed');
    for (const { client } of seats) client.process.signal('SIGCONT');
    for (const seat of seats) {
      const [, , { recovered }] = await welcome(seat, 2);
      assert.equal(recovered, seat.namespace !== '/', 'nobody knows its topics any more');
      const [, said, { seq }, position] = await alerted(seat, 2);
      assert.equal(said.message, 'missed');
      assert.equal(position.split(':')[1], String(seq));
      assert.equal((await seat.client.ask(seat.namespace, seat.question)).ok, true);
      assert.equal(seat.client.names(seat.namespace).filter((name) => name === seat.alert).length, 2, 'and no more than once');
    }
    await alert('live again');
    for (const seat of seats) assert.equal((await alerted(seat, 3))[1].message, 'live again');
  });
}

// By polling it takes the close packet for a farewell.
for (const transports of WAYS.filter((each) => each.includes('websocket'))) {
  test(`R2: python-socketio over ${transports.join(' and ')}: it comes back after a server that went politely`, options, async (t) => {
    const { server, admin } = await office(t, { settings: { 'server.drain_spread_ms': 0 } });
    server.launchArgs[server.launchArgs.indexOf('127.0.0.1:0')] = server.host;
    const one = new Python(t, server, { auth: { token: admin.token }, namespaces: ['/admin'], transports });
    await one.take('/admin', 'admin_connected');
    await server.stop();
    await one.take('/admin', '(disconnect)');
    await server.launch();
    const [, , { recovered }] = await one.take('/admin', 'admin_connected', 2);
    assert.equal(recovered, true);
  });
}

test('T1: python-socketio is told why not', options, async (t) => {
  const { server, john } = await office(t);
  const nobody = new Python(t, server, { auth: { token: 'nonsense' }, namespaces: NAMESPACES, transports: ['websocket'] });
  for (const namespace of NAMESPACES)
    assert.deepEqual(await nobody.take(namespace, '(connect_error)'), ['(connect_error)', { message: 'unauthorized', data: { code: 'invalid_token' } }]);
  const user = new Python(t, server, { auth: { token: john.token }, namespaces: ['/', '/admin', '/nowhere'], transports: ['polling'] });
  await user.take('/', 'connection.established');
  assert.deepEqual((await user.take('/admin', '(connect_error)'))[1], { message: 'admin access required', data: { code: 'forbidden' } });
  assert.deepEqual((await user.take('/nowhere', '(connect_error)'))[1], { message: 'Invalid namespace' });
  assert.equal((await user.ask('/', 'ping')).ok, true);
});

test('python-socketio with handlers of one argument: recovery:false', options, async (t) => {
  const { server, admin } = await office(t, { topics });
  const one = new Python(t, server, { auth: { token: admin.token, recovery: false }, transports: ['polling', 'websocket'] });
  assert.equal((await one.take('/', 'connection.established')).length, 2);
  await one.ask('/', 'subscribe', { topic: ROOM });
  await one.ask('/', 'publish', { topic: ROOM, type: 'note', data: 7 });
  assert.deepEqual(await one.take('/', 'note'), ['note', 7]);
});

test('the example of docs/SOCKETIO.md in Python', options, async (t) => {
  const { server, admin } = await office(t);
  const [, example] = readFileSync(new URL('../../docs/SOCKETIO.md', import.meta.url), 'utf8').match(/```python\n([\s\S]*?)```/);
  const file = join(temporaryDirectory(t), 'example.py');
  writeFileSync(file, example);
  const client = new Process(PYTHON, ['-u', file], { env: { PATH: process.env.PATH, SERVER: server.url, TOKEN: admin.token } });
  t.after(() => { client.signal('SIGKILL'); return client.exited; });
  await client.printed(/^True\n/); // the whole line, so that the next is one, too
  await admin.expect(200, 'POST', '/ws/broadcast', { body: { message: 'At noon' } });
  await client.printed(/^[\w-]{22}:\d+ At noon$/m);
});
