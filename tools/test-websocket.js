#!/usr/bin/env node
// Connects to corohub's WebSocket and prints what arrives for ten seconds. Exit code 0 only if the welcome came.
//
//   npm install ws && node test-websocket.js
//
// From the environment:
//   URL                  the server, default http://localhost:8080 (ws:// and a path /ws are fine too)
//   TOKEN                an access token; or
//   EMAIL and PASSWORD   an account to log in with
//   SINCE                a position, <epoch>:<seq> or 0: what was missed since then comes first
//   TOPIC                a topic to subscribe to, or several, separated by commas: rooms/lobby
//   PUBLISH              what to publish in the first of them: JSON, or text that becomes {"text": …}
// With any of the last three it also prints the position at the end, to be the next SINCE. Without an account, and with a
// server on this machine, it registers a throw-away one.
'use strict';

const crypto = require('crypto');
const dns = require('dns');

const RUN_MS = 10_000;
const REQUEST_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 2_000;

dns.setDefaultResultOrder('ipv4first'); // Node 18 would try only [::1] for localhost

function fail(message) {
  console.error(`❌ ${message}`);
  process.exit(1);
}

function loadWs() {
  try {
    return require(require.resolve('ws', { paths: [process.cwd(), __dirname] }));
  } catch {
    return fail('The package `ws` is missing: npm install ws');
  }
}

function parseServer(text) {
  try {
    const url = new URL(/^\w+:\/\//.test(text) ? text : `http://${text}`);
    const secure = url.protocol === 'https:' || url.protocol === 'wss:';
    const base = url.pathname.replace(/\/(ws)?\/*$/, '');
    return {
      http: `${secure ? 'https' : 'http'}://${url.host}${base}`,
      ws: `${secure ? 'wss' : 'ws'}://${url.host}${base}/ws`,
      loopback: /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname),
    };
  } catch {
    return fail(`Not a URL: ${text}`);
  }
}

async function post(server, path, body) {
  let response;
  try {
    response = await fetch(server.http + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch (error) {
    const cause = error.cause || error;
    return fail(`No answer from ${server.http}: ${cause.code || cause.message} (is the server running?)`);
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) fail(`${path} answered ${response.status}: ${answer.detail || answer.error || response.statusText}`);
  return answer.data;
}

async function getToken(server) {
  const { TOKEN, EMAIL, PASSWORD } = process.env;
  if (TOKEN) return TOKEN;
  if (EMAIL && PASSWORD) {
    return (await post(server, '/api/v1/auth/login', { email: EMAIL, password: PASSWORD })).access_token;
  }
  if (!server.loopback) return fail('Set TOKEN, or EMAIL and PASSWORD, for a server that is not on this machine');
  const account = {
    name: 'WebSocket test',
    email: `websocket-test-${crypto.randomUUID()}@example.com`,
    password: crypto.randomBytes(18).toString('base64url'),
  };
  return (await post(server, '/api/v1/auth/register', account)).access_token;
}

// Topics named at connect are resumed with the rest, so that there is one position for all.
function address(server, token) {
  const query = new URLSearchParams({ token });
  if (process.env.SINCE) query.set('since', process.env.SINCE);
  for (const topic of topics()) query.append('topic', topic);
  return `${server.ws}?${query}`;
}

const topics = () => (process.env.TOPIC || '').split(',').map((topic) => topic.trim()).filter(Boolean);

function publication() {
  const { PUBLISH } = process.env;
  let data;
  try {
    data = JSON.parse(PUBLISH);
  } catch {
    data = { text: PUBLISH };
  }
  return { type: 'publish', id: 1, data: { topic: topics()[0], data } };
}

function run(WebSocket, server, token) {
  let welcomed = false;
  let epoch;
  let seq;
  console.log('🔌 Connecting to WebSocket...');
  const socket = new WebSocket(address(server, token), { handshakeTimeout: REQUEST_TIMEOUT_MS });

  const showsPosition = ['SINCE', 'TOPIC', 'PUBLISH'].some((name) => process.env[name]);
  const timer = setTimeout(() => {
    console.log('\n⏱️  Test timeout - closing connection');
    // Other people's events move the log on: the last one of ours is an old position.
    if (showsPosition && welcomed) socket.send(JSON.stringify({ type: 'ping', id: 'position' }));
    else socket.close(1000);
    setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
  }, RUN_MS);

  socket.on('open', () => console.log('✅ WebSocket connected!'));
  socket.on('message', (bytes) => {
    const message = JSON.parse(bytes.toString());
    if (message.type === 'connection.established') {
      welcomed = true;
      ({ epoch, seq } = message.data);
      if (process.env.PUBLISH) socket.send(JSON.stringify(publication()));
    }
    if (message.seq !== undefined) seq = message.seq;
    if (message.id === 'position') {
      seq = message.data.seq;
      socket.close(1000);
      return;
    }
    console.log('\n📨 Message received:');
    console.log(JSON.stringify(message, null, 2));
  });
  socket.on('error', (error) => console.error(`❌ WebSocket error: ${error.message}`));
  socket.on('close', (code, reason) => {
    clearTimeout(timer);
    if (code !== 1000 && reason.length > 0) console.error(`closed by the server: ${code} ${reason}`);
    console.log('🔌 WebSocket disconnected');
    if (epoch && showsPosition) console.log(`📍 Position: ${epoch}:${seq}`);
    process.exitCode = welcomed ? 0 : 1;
  });
}

async function main() {
  const WebSocket = loadWs();
  if (process.env.PUBLISH && topics().length === 0) fail('PUBLISH needs a TOPIC');
  const server = parseServer(process.env.URL || 'http://localhost:8080');
  run(WebSocket, server, await getToken(server));
}

main();
