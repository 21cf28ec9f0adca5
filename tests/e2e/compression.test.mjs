// permessage-deflate with a client of others: who offers it gets large events compressed, all others as before.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { test } from 'node:test';

import { Api, barrier, WebSocket } from './api.mjs';
import { eventually, Server, within } from './server.mjs';

const TOPIC = 'rooms/compression';
const AGREED = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11';
const compressing = { settings: { 'ws.compression': true, 'diagnostics.echo': true } };
const large = (word) => ({ text: `${word} `.repeat(1000), numbers: Array.from({ length: 200 }, (_, i) => i * i) });

// What the 101 says of extensions, for an offer as it is; or the status.
function answerTo(server, path, offer) {
  return within(10_000, 'the answer to an offer', new Promise((done, fail) => {
    const socket = connect(server.port, '127.0.0.1');
    let head = '';
    socket.on('error', fail).on('data', (bytes) => {
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.destroy();
      const [, status] = head.match(/^HTTP\/1\.1 (\d+) /);
      const [, extensions] = head.match(/\r\nSec-WebSocket-Extensions: ([^\r]*)\r\n/i) || [];
      done(status === '101' ? extensions ?? 'none' : status);
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${server.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n`
      + `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${offer === undefined ? '' : `Sec-WebSocket-Extensions: ${offer}\r\n`}\r\n`);
  }));
}

async function counters(server) {
  const text = await (await fetch(`${await server.adminUrl()}/metrics`)).text();
  const value = (name) => Number(text.match(new RegExp(`^${name} (\\S+)$`, 'm'))?.[1] ?? 0);
  return {
    events: value('corohub_compressed_events_total'),
    before: value('corohub_compressed_events_in_bytes_total'),
    after: value('corohub_compressed_events_out_bytes_total'),
  };
}

// How many bytes have come over the connection.
const received = (feed) => feed.socket._socket.bytesRead;

test('an event is compressed once, for all who offered it, and is the same for the others', async (t) => {
  const server = await Server.start(t, compressing);
  const user = await new Api(server).register();
  const offers = [true, { serverMaxWindowBits: 15 }, { serverMaxWindowBits: 11 }, { clientMaxWindowBits: 9 },
    { serverNoContextTakeover: true, clientNoContextTakeover: true }, { threshold: 0 }];
  const query = (token) => ({ token, topic: TOPIC });
  const packed = await Promise.all(offers.map((perMessageDeflate) => user.connect({ query: query(user.token), perMessageDeflate })));
  const plain = await Promise.all([false, { serverMaxWindowBits: 10 }].map((perMessageDeflate) => user.connect({ query: query(user.token), perMessageDeflate })));
  for (const feed of packed) assert.equal(feed.socket.extensions, 'permessage-deflate');
  for (const feed of plain) assert.equal(feed.socket.extensions, '');

  const began = await counters(server);
  const before = [...packed, ...plain].map(received);
  const data = large('over and over');
  await packed[0].ask('publish', { topic: TOPIC, data }); // compressed by the client, too
  await packed[1].ask('publish', { topic: TOPIC, data: { text: 'short' } });
  for (const feed of [...packed, ...plain]) {
    assert.deepEqual((await feed.next('message')).data, data);
    assert.deepEqual((await feed.next('message', (each) => each.data.text === 'short')).data, { text: 'short' });
  }
  const grown = [...packed, ...plain].map((feed, i) => received(feed) - before[i]);
  for (const bytes of grown.slice(0, packed.length)) assert.ok(bytes < 2500, `${bytes} bytes`);
  for (const bytes of grown.slice(packed.length)) assert.ok(bytes > 14_000, `${bytes} bytes`);
  const now = await counters(server);
  assert.equal(now.events - began.events, 1);
  assert.ok(now.before - began.before > 14_000);
  assert.ok(now.after - began.after < 2000);
});

test('what was missed comes compressed, too, and a client may send what it likes', async (t) => {
  const server = await Server.start(t, compressing);
  const api = new Api(server);
  const user = await api.register();
  const root = await api.member('superadmin');
  const { epoch, seq } = (await user.connect({ perMessageDeflate: false })).welcome.data;
  const message = 'word '.repeat(80);
  await root.expect(200, 'POST', '/ws/broadcast', { body: { message } });
  const feed = await user.connect({ query: { token: user.token, since: `${epoch}:${seq}` }, perMessageDeflate: { threshold: 0 } });
  assert.equal((await feed.next('system.alert')).data.message, message);
  assert.equal((await counters(server)).events, 1);
  assert.deepEqual(Object.keys(await feed.ask('ping')), ['seq']);
  await barrier(root, feed);
  assert.equal(await feed.close().then(({ code }) => code), 1000);
});

test('the mirror takes everything compressed', async (t) => {
  const server = await Server.start(t, compressing);
  const socket = new WebSocket(`ws://${server.host}/ws/echo`, { perMessageDeflate: { threshold: 0 } });
  const came = [];
  socket.on('message', (data, binary) => came.push([data.toString('latin1'), binary]));
  await within(10_000, 'the handshake', new Promise((done, fail) => socket.on('open', done).on('error', fail)));
  assert.equal(socket.extensions, 'permessage-deflate');
  const noise = randomBytes(300_000);
  const sent = ['', 'a', 'a'.repeat(5_000_000), noise];
  for (const each of sent) socket.send(each);
  socket.send('in ', { fin: false });
  socket.send('three ', { fin: false });
  socket.send('parts');
  await eventually(10_000, 'all of it', () => came.length === sent.length + 1);
  assert.deepEqual(came.map(([text]) => text), ['', 'a', 'a'.repeat(5_000_000), noise.toString('latin1'), 'in three parts']);
  assert.deepEqual(came.map(([, binary]) => binary), [false, false, false, true, false]);
  socket.close();
  await new Promise((done) => socket.on('close', done));
});

test('T57: a bomb and bad data end their own connection', async (t) => {
  const server = await Server.start(t, compressing);
  const user = await new Api(server).register();
  const bystander = await user.connect();
  const bomb = await user.connect({ perMessageDeflate: true });
  bomb.send('0'.repeat(65_537));
  assert.deepEqual(await bomb.closed(), { code: 1009, reason: 'message_too_big' });
  const exact = await user.connect({ perMessageDeflate: true });
  exact.send(' '.repeat(65_536));
  assert.equal((await exact.next('error')).data.code, 'invalid_message');
  const bad = await user.connect({ perMessageDeflate: true });
  bad.socket._socket.write(Buffer.from([0xc1, 0x81, 0, 0, 0, 0, 0x07]));
  assert.deepEqual(await bad.closed(), { code: 1007, reason: 'invalid_payload' });
  const unasked = await user.connect({ perMessageDeflate: false });
  unasked.socket._socket.write(Buffer.from([0xc1, 0x81, 0, 0, 0, 0, 0x00]));
  assert.deepEqual(await unasked.closed(), { code: 1002, reason: 'protocol_error' });
  assert.deepEqual(Object.keys(await bystander.ask('ping')), ['seq']);
});

test('offers are answered as they allow, and only where it is switched on', async (t) => {
  const server = await Server.start(t, compressing);
  const user = await new Api(server).register();
  const path = `/ws?token=${user.token}`;
  assert.equal(await answerTo(server, path, undefined), 'none');
  assert.equal(await answerTo(server, path, 'permessage-deflate'), AGREED);
  assert.equal(await answerTo(server, path, 'permessage-deflate; client_max_window_bits'), `${AGREED}; client_max_window_bits=11`);
  assert.equal(await answerTo(server, path, 'permessage-deflate; server_max_window_bits=9, permessage-deflate; client_max_window_bits=8'),
    `${AGREED}; client_max_window_bits=8`);
  assert.equal(await answerTo(server, path, 'permessage-deflate; server_max_window_bits=10'), 'none');
  assert.equal(await answerTo(server, path, 'permessage-deflate; surprise'), 'none');
  assert.equal(await answerTo(server, path, 'permessage-deflate;'), '400');
  assert.equal(await answerTo(server, '/ws/echo', 'permessage-deflate'), AGREED);

  const usual = await Server.start(t, { settings: { 'diagnostics.echo': true } });
  const other = await new Api(usual).register();
  assert.equal(await answerTo(usual, `/ws?token=${other.token}`, 'permessage-deflate; client_max_window_bits'), 'none');
  assert.equal(await answerTo(usual, '/ws/echo', 'permessage-deflate'), 'none');
  const feed = await other.connect({ perMessageDeflate: true });
  assert.equal(feed.socket.extensions, '');
});
