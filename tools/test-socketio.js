#!/usr/bin/env node
// Connects to corohub by Socket.IO and prints what arrives for ten seconds. Exit code 0 only if each namespace let it in.
//
//   npm install socket.io-client && node test-socketio.js
//
// From the environment:
//   URL                  the server, default http://localhost:8080
//   TOKEN                an access token, or the key of a client of feature flags; or
//   EMAIL and PASSWORD   an account to log in with
//   NAMESPACES           which ones, separated by commas: /,/client by default; /admin needs an administrator
//   EMIT                 what to say in the first of them, as JSON: ["subscribe_entity_updates",{"entity_type":"platform"}]
//   SECONDS              how long it listens, 10 by default
// Without an account, and with a server on this machine, it registers a throw-away one.
'use strict';

const crypto = require('crypto');

const { URL: given = 'http://localhost:8080', TOKEN, EMAIL, PASSWORD, NAMESPACES = '/,/client', EMIT, SECONDS = '10' } = process.env;

function fail(message) {
  console.error(`❌ ${message}`);
  process.exit(1);
}

function loadClient() {
  try {
    return require(require.resolve('socket.io-client', { paths: [process.cwd(), __dirname] })).io;
  } catch {
    return fail('The package `socket.io-client` is missing: npm install socket.io-client');
  }
}

async function post(server, path, body) {
  const answer = await fetch(server.origin + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
    .catch((error) => fail(`No answer from ${server.origin}: ${(error.cause || error).message} (is the server running?)`));
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) fail(`${path} answered ${answer.status}: ${said.detail || said.error || answer.statusText}`);
  return said.data;
}

async function getToken(server) {
  if (TOKEN) return TOKEN;
  if (EMAIL && PASSWORD) return (await post(server, '/api/v1/auth/login', { email: EMAIL, password: PASSWORD })).access_token;
  if (!/^(localhost|127(\.\d+){3}|\[::1\])$/.test(server.hostname)) return fail('Set TOKEN, or EMAIL and PASSWORD, for a server that is not on this machine');
  const account = { name: 'Socket.IO test', email: `socketio-test-${crypto.randomUUID()}@example.com`, password: crypto.randomBytes(18).toString('base64url') };
  return (await post(server, '/api/v1/auth/register', account)).access_token;
}

async function main() {
  const io = loadClient();
  const server = new URL(/^\w+:\/\//.test(given) ? given : `http://${given}`);
  const token = await getToken(server);
  const waiting = new Set(NAMESPACES.split(',').map((name) => name.trim()).filter(Boolean));
  const sockets = [...waiting].map((namespace) => {
    const socket = io(new URL(namespace, server).href, { auth: { token } });
    const say = (...line) => console.log(namespace, ...line);
    socket.on('connect', () => { waiting.delete(namespace); say('✅ connected', socket.id, socket.recovered ? '(recovered)' : ''); });
    socket.on('connect_error', (error) => say('❌ refused:', error.message, error.data ?? ''));
    socket.on('disconnect', (reason) => say('🔌 disconnected:', reason));
    socket.onAny((name, ...args) => say('📨', name, JSON.stringify(args)));
    return socket;
  });
  if (EMIT) sockets[0].emit(...JSON.parse(EMIT), (answer) => console.log('📬', JSON.stringify(answer)));
  setTimeout(() => {
    for (const socket of sockets) socket.disconnect();
    process.exitCode = waiting.size > 0 ? 1 : 0;
  }, Number(SECONDS) * 1000);
}

main();
