// Requests no honest client sends. Each gets its answer or its end, and the server serves on.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { Api } from './api.mjs';
import { eventually, Server, within } from './server.mjs';

// Sends bytes and resolves with all that came until the server closed.
function exchange(server, bytes, ms = 15_000) {
  const socket = net.connect(server.port, '127.0.0.1');
  let answer = '';
  const closed = new Promise((done) => socket.on('close', () => done(answer)));
  socket.setEncoding('latin1').on('data', (text) => { answer += text; }).on('error', () => {});
  socket.write(bytes, 'latin1');
  return within(ms, () => `the end of a connection; sent ${JSON.stringify(bytes.slice(0, 80))}, got ${JSON.stringify(answer.slice(0, 300))}`, closed)
    .finally(() => socket.destroy());
}

const SMUGGLED = 'GET /livez HTTP/1.1\r\nHost: x\r\nX-Smuggled: yes\r\nConnection: close\r\n\r\n';
const post = (headers, body = '') => `POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}\r\n${body}`;
const get = (headers, version = '1.1') => `GET /livez HTTP/${version}\r\n${headers}\r\n`;

const FRAMING = [
  ['length and chunked', post('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['chunked and length', post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', '0\r\n\r\n')],
  ['an unknown coding', post('Transfer-Encoding: xchunked\r\n', SMUGGLED)],
  ['identity', post('Transfer-Encoding: identity\r\n', SMUGGLED)],
  ['chunked, then gzip', post('Transfer-Encoding: chunked, gzip\r\n', SMUGGLED)],
  ['gzip, then chunked', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
  ['chunked twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['chunked in HTTP/1.0', 'POST /api/v1/auth/login HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two lengths', post('Content-Length: 2\r\nContent-Length: 3\r\n', '{}')],
  ['a list of lengths', post('Content-Length: 2, 3\r\n', '{}')],
  ['a signed length', post('Content-Length: +2\r\n', '{}')],
  ['a hexadecimal length', post('Content-Length: 0x2\r\n', '{}')],
  ['a negative length', post('Content-Length: -2\r\n', '{}')],
  ['a huge chunk', post('Transfer-Encoding: chunked\r\n', 'ffffffffffffffffff\r\n')],
  ['a chunk that is none', post('Transfer-Encoding: chunked\r\n', 'xyz\r\n')],
  ['a long chunk extension', post('Transfer-Encoding: chunked\r\n', `2;${'e'.repeat(5000)}\r\n{}\r\n0\r\n\r\n`)],
  ['no Host', get('')],
  ['two Hosts', get('Host: a\r\nHost: b\r\n')],
  ['a folded line', get('Host: x\r\nX-Long: a\r\n b\r\n')],
  ['a blank before the colon', get('Host : x\r\n')],
  ['NUL in a header', get('Host: x\r\nX-Nul: a\0b\r\n')],
  ['a bare CR', get('Host: x\r\nX-Cr: a\rb\r\n')],
  ['a bare LF', 'GET /livez HTTP/1.1\nHost: x\n\n'],
  ['an unknown version', get('Host: x\r\n', '3.7')],
  ['no version', 'GET /livez\r\nHost: x\r\n\r\n'],
  ['a broken escape', 'GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an escaped NUL', 'GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['not HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
];

test('T6: broken framing is refused, and nothing behind it is answered', async (t) => {
  const server = await Server.start(t);
  for (const [what, bytes] of FRAMING) {
    const answer = await exchange(server, bytes + SMUGGLED);
    assert.match(answer, /^HTTP\/1\.1 (400|501|505) /, `${what}: ${JSON.stringify(answer.slice(0, 200))}`);
    assert.equal(answer.match(/HTTP\/1\.1 \d/g).length, 1, `${what}: answered twice`);
    assert.match(answer, /connection: close/i, what);
  }
  assert.equal((await fetch(`${server.url}/livez`)).status, 200);
});

test('T6: what stands in a trailer is nobody\'s credential', async (t) => {
  const server = await Server.start(t);
  const user = await new Api(server).register();
  const answer = await exchange(server, `PATCH /api/v1/users/me HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
    `Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer ${user.token}\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 401 /);
});

test('T7, T10: floods of headers, long addresses and bodies', async (t) => {
  const server = await Server.start(t);
  const many = Array.from({ length: 2000 }, (_, i) => `X-${i}: 1\r\n`).join('');
  const rows = [
    ['2000 headers', get(`Host: x\r\n${many}`), 431],
    ['101 short headers', get(`Host: x\r\n${Array.from({ length: 101 }, (_, i) => `A${i}:\r\n`).join('')}`), 431],
    ['a header of 9 KiB', get(`Host: x\r\nX-Big: ${'a'.repeat(9 << 10)}\r\n`), 431],
    ['an address of 5 KiB', `GET /${'a'.repeat(5 << 10)} HTTP/1.1\r\nHost: x\r\n\r\n`, 414],
    ['10 GB announced', post('Content-Length: 10000000000\r\n'), 413],
    ['10 GB announced, carefully', post('Content-Length: 10000000000\r\nExpect: 100-continue\r\n'), 413],
    ['a body over the limit in chunks', post('Transfer-Encoding: chunked\r\n', `${(70_000).toString(16)}\r\n${'a'.repeat(70_000)}\r\n0\r\n\r\n`), 413],
    ['another expectation', post('Content-Length: 2\r\nExpect: a miracle\r\n'), 417],
  ];
  for (const [what, bytes, status] of rows) {
    const answer = await exchange(server, bytes);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), `${what}: ${JSON.stringify(answer.slice(0, 200))}`);
  }
});

test('T8, T9, T11: who is slow is not waited for', async (t) => {
  const server = await Server.start(t, {
    settings: { 'http.header_timeout_s': 1, 'http.body_timeout_s': 1, 'http.idle_timeout_s': 1 },
  });
  const drips = [
    ['half a header', 'GET /livez HTTP/1.1\r\nHos', /^(HTTP\/1\.1 408 [\s\S]*)?$/],
    ['half a body', post('Content-Length: 100\r\n', '{"email"'), /^HTTP\/1\.1 408 /],
    ['nothing at all', '', /^(HTTP\/1\.1 408 [\s\S]*)?$/],
    ['nothing after a request', get('Host: x\r\n'), /^HTTP\/1\.1 200 /],
  ];
  await Promise.all(drips.map(async ([what, bytes, expected]) => assert.match(await exchange(server, bytes), expected, what)));

  // 200 of them do not keep an honest one waiting.
  const slow = Array.from({ length: 200 }, () => exchange(server, 'GET / HTTP/1.1\r\nX: '));
  assert.equal((await fetch(`${server.url}/livez`)).status, 200);
  await Promise.all(slow);
});

test('T5: handshakes that are none', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const user = await api.register();
  const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  const UP = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  const V13 = 'Sec-WebSocket-Version: 13\r\n';
  const ws = (headers, { method = 'GET', version = '1.1' } = {}) =>
    `${method} /ws?token=${user.token} HTTP/${version}\r\nHost: ${server.host}\r\n${headers}\r\n`;
  const rows = [
    ['POST', ws(UP + V13 + KEY + 'Content-Length: 0\r\nConnection: close\r\n', { method: 'POST' }), /^HTTP\/1\.1 405 [\s\S]*allow: [^\r]*GET/i],
    ['no upgrade', ws('Connection: close\r\n'), /^HTTP\/1\.1 426 [\s\S]*upgrade: websocket/i],
    ['another protocol', ws('Connection: Upgrade, close\r\nUpgrade: h2c\r\n'), /^HTTP\/1\.1 426 /],
    ['an old version', ws(UP + KEY + 'Sec-WebSocket-Version: 8\r\n'), /^HTTP\/1\.1 4(26|00) [\s\S]*sec-websocket-version: 13/i],
    ['no key', ws(UP + V13), /^HTTP\/1\.1 400 /],
    ['a short key', ws(UP + V13 + 'Sec-WebSocket-Key: c2hvcnQ=\r\n'), /^HTTP\/1\.1 400 /],
    ['HTTP/1.0', ws(UP + V13 + KEY, { version: '1.0' }), /^HTTP\/1\.1 (400|426) /],
    ['two origins', ws(UP + V13 + KEY + `Origin: ${server.url}\r\nOrigin: https://evil.example\r\n`), /^HTTP\/1\.1 40[03] /],
    ['a part of our name', ws(UP + V13 + KEY + `Origin: ${server.url}.evil.example\r\n`), /^HTTP\/1\.1 403 /],
    ['an upgrade elsewhere', `GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n${V13}${KEY}\r\n`, /^HTTP\/1\.1 200 /],
    ['a strange subprotocol', ws(UP + V13 + KEY + 'Sec-WebSocket-Protocol: \xff\xfe, ../x\r\n'), /^HTTP\/1\.1 400 /],
  ];
  for (const [what, bytes, expected] of rows) {
    const answer = await exchange(server, `${bytes}no HTTP\r\n\r\n`); // ends those that would stay open
    assert.match(answer, expected, `${what}: ${JSON.stringify(answer.slice(0, 300))}`);
  }
  await (await user.connect()).close();
});

test('frames that break RFC 6455 end their connection with the right code, and no other', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const user = await api.register();
  const bystander = await user.connect();
  const masked = (first, length, payload = Buffer.alloc(0)) => Buffer.concat([Buffer.from([first, 0x80 | length, 0, 0, 0, 0]), payload]);
  const rows = [
    ['an unmasked frame', Buffer.from([0x81, 0x01, 0x61]), 1002],
    ['a reserved bit', masked(0xc1, 1, Buffer.from('a')), 1002],
    ['an unknown opcode', masked(0x83, 0), 1002],
    ['a long ping', Buffer.concat([Buffer.from([0x89, 0x80 | 126, 0, 126, 0, 0, 0, 0]), Buffer.alloc(126)]), 1002],
    ['a continuation of nothing', masked(0x80, 1, Buffer.from('a')), 1002],
    ['bad UTF-8', masked(0x81, 1, Buffer.from([0xff])), 1007],
    ['binary', masked(0x82, 1, Buffer.from([1])), 1003],
    ['2^62 bytes', Buffer.from([0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
    ['65 KiB', Buffer.concat([Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0]), Buffer.alloc(0x10400, 0x61)]), 1009],
  ];
  for (const [what, bytes, code] of rows) {
    const feed = await user.connect();
    feed.socket._socket.write(bytes); // beneath the library, which would not send such a thing
    assert.equal((await feed.closed()).code, code, what);
  }
  assert.equal(bystander.closedWith, undefined);
  const root = await api.member('superadmin');
  await eventually(5_000, 'all of them to be gone', async () => (await root.expect(200, 'GET', '/ws/stats')).total_clients === 1);
});

test('T54b: JSON nobody should send', async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const rows = [
    ['30,000 brackets', '['.repeat(30_000), 400],
    ['a lone surrogate', '{"email":"\\ud800","password":"x"}', 400],
    ['a byte order mark', '\ufeff{"email":"a@example.com","password":"secure123"}', 400],
    ['a duplicate', '{"email":"a@example.com","email":"b@example.com","password":"x"}', 400],
    ['NaN', '{"email":NaN}', 400],
    ['something behind it', '{"email":"a@example.com","password":"secure123"} x', 400],
    ['a list', '[]', 400],
    ['nothing', '', 400],
    ['a wrong type', '{"email":1,"password":[]}', 422],
  ];
  for (const [what, body, status] of rows) {
    const answer = await api.request('POST', '/api/v1/auth/login', { body });
    assert.equal(answer.status, status, `${what}: ${answer.text}`);
    assert.equal(answer.json.success, false, what);
  }
  const form = await api.request('POST', '/api/v1/auth/login', { body: 'email=a', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } });
  assert.equal(form.status, 415);
  const privileged = await api.request('POST', '/api/v1/auth/register', {
    body: { name: 'Eve', email: 'eve@example.com', password: 'secure123', role: 'superadmin' },
  });
  assert.equal(privileged.status, 422);
  assert.equal(privileged.json.code, 'field_not_allowed');
});
