// Behind the proxies that people use, configured as docs/OPERATIONS.md says: who calls is who called them.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import WebSocket from 'ws';

import { eventually, Process, Server, temporaryDirectory, within } from './server.mjs';

const CLIENT = '127.0.0.9'; // on this machine all addresses of 127.0.0.0/8 are ours; the proxy connects from 127.0.0.1
const installed = (path) => ({ skip: existsSync(path) ? false : `no ${path}` });

// A listening socket that a program inherits as descriptor 3: a free port that nobody can take meanwhile.
async function freePort(t) {
  const listener = net.createServer();
  await new Promise((done) => listener.listen(0, '127.0.0.1', done));
  return { listener, fd: listener._handle.fd, port: listener.address().port };
}

async function startProxy(t, command, args, { listener, fd, port }, env = {}) {
  const proxy = new Process(command, args, { stdio: ['pipe', 'pipe', 'pipe', fd], env: { ...process.env, ...env } });
  listener.close(); // it would accept, too
  t.after(async () => { proxy.signal('SIGTERM'); await proxy.ended(); });
  await eventually(10_000, 'the proxy', async () => {
    if (!proxy.running) throw new Error(proxy.output);
    return (await ask(port, { path: '/livez' })).status === 200;
  });
  return port;
}

function ask(port, { method = 'GET', path, headers = {}, body } = {}) {
  return within(10_000, path, new Promise((done, fail) => {
    const request = http.request({ port, method, path, localAddress: CLIENT, headers: { ...headers, ...(body && { 'Content-Type': 'application/json' }) } });
    request.on('error', fail).on('response', async (response) => {
      let text = '';
      for await (const piece of response.setEncoding('utf8')) text += piece;
      done({ status: response.statusCode, json: text.startsWith('{') ? JSON.parse(text) : undefined });
    });
    request.end(body && JSON.stringify(body));
  }));
}

const SPOOF = { 'X-Forwarded-For': '198.51.100.1', Forwarded: 'for=198.51.100.2', 'X-Real-IP': '198.51.100.3' };

async function behaves(port) {
  const registered = await ask(port, {
    method: 'POST', path: '/api/v1/auth/register', headers: SPOOF, body: { name: 'Ann', email: 'ann@example.com', password: 'secure123' },
  });
  assert.equal(registered.status, 201);
  const token = { Authorization: `Bearer ${registered.json.data.access_token}` };
  const sessions = await ask(port, { path: '/api/v1/auth/sessions', headers: { ...token, ...SPOOF } });
  assert.deepEqual(sessions.json.data.map(({ ip }) => ip), [CLIENT]);

  // A page of the public address opens a socket, and an event stream's first event comes at once.
  const headers = { ...token, ...SPOOF, Host: 'app.example.com:8443', Origin: 'https://app.example.com:8443' };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers, localAddress: CLIENT });
  const [welcome] = await within(10_000, 'the welcome', new Promise((done, fail) => socket.on('error', fail).once('message', (...of) => done(of))));
  assert.equal(JSON.parse(welcome).type, 'connection.established');
  socket.terminate();
  const stream = http.get({ port, path: '/api/v1/events/stream', localAddress: CLIENT, headers: token });
  const first = await within(10_000, 'the first event', new Promise((done, fail) => {
    stream.on('error', fail).on('response', (response) => response.setEncoding('utf8').once('data', done));
  }));
  assert.match(first, /connection\.established|retry:/);
  stream.destroy();

  const wrong = [];
  for (let i = 0; i < 12; ++i) {
    const login = { email: `nobody${i}@example.com`, password: 'wrong-password' };
    wrong.push((await ask(port, { method: 'POST', path: '/api/v1/auth/login', headers: { 'X-Forwarded-For': `198.51.100.${i}` }, body: login })).status);
  }
  assert.ok(wrong.includes(429), `T16: ${wrong}`);
}

const behind = (t, more = {}) => Server.start(t, { settings: { 'limits.exempt_cidrs': [], 'proxy.trusted_cidrs': ['127.0.0.1'], ...more } });

test('T16: nginx', installed('/usr/sbin/nginx'), async (t) => {
  const server = await behind(t);
  const socket = await freePort(t);
  const directory = temporaryDirectory(t);
  const config = join(directory, 'nginx.conf');
  writeFileSync(config, `
    daemon off; worker_processes 1; pid ${directory}/pid; error_log stderr;
    events {}
    http {
      access_log off;
      client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy; fastcgi_temp_path ${directory}/fastcgi;
      uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
      map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
      server {
        listen 127.0.0.1:${socket.port};
        location / {
          proxy_pass http://${server.host};
          proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header Forwarded "";
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
          proxy_read_timeout 120s;
        }
      }
    }`);
  await behaves(await startProxy(t, '/usr/sbin/nginx', ['-c', config, '-p', directory], socket, { NGINX: '3;' }));
});

const haproxy = (server, lines, option = '') => `
defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 2m
listen corohub
    bind fd@3
${lines.map((line) => `    ${line}\n`).join('')}
    server corohub ${server.host} ${option}
`;

async function startHaproxy(t, config) {
  const socket = await freePort(t);
  const file = join(temporaryDirectory(t), 'haproxy.cfg');
  writeFileSync(file, config);
  return startProxy(t, '/usr/sbin/haproxy', ['-db', '-f', file], socket);
}

test('T16: HAProxy', installed('/usr/sbin/haproxy'), async (t) => {
  const server = await behind(t);
  await behaves(await startHaproxy(t, haproxy(server, ['mode http', 'http-request del-header Forwarded', 'option forwardfor'])));
});

for (const version of ['send-proxy', 'send-proxy-v2'])
  test(`T16: HAProxy without HTTP, ${version}`, installed('/usr/sbin/haproxy'), async (t) => {
    // Its own health checks are no way to wait for it here: without the header a trusted peer gets nothing.
    const server = await Server.start(t, { settings: { 'limits.exempt_cidrs': [], 'proxy.trusted_cidrs': ['127.0.0.8'], 'server.proxy_protocol': true } });
    await behaves(await startHaproxy(t, haproxy(server, ['mode tcp', 'source 127.0.0.8'], version)));
  });
