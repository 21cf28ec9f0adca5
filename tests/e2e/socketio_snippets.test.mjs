// Frontends as they are written for a server on their own origin: the lines of their pages, unchanged, in a browser.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { needsBrowser, openBrowser, openPage } from './browser.mjs';
import { clientKey, flip, makeClient, makeFlag, makeNamespace, N, office } from './flags.mjs';
import { eventually, run, Server } from './server.mjs';

const ADMIN = `
import io from 'socket.io-client';

// Admin connection
const adminSocket = io('/admin', {
  auth: {
    token: localStorage.getItem('adminToken')
  }
});

adminSocket.on('admin_connected', (data) => {
  console.log('Connected as admin:', data);
});

adminSocket.on('platform_update', (data) => {
  // Update UI with platform changes
  updatePlatformStatus(data);
});

// Subscribe to specific platform
adminSocket.emit('subscribe_entity_updates', {
  entity_type: 'platform',
  entity_id: 1
});
`;

const CLIENT = `
// Client connection
const clientSocket = io('/client', {
  auth: {
    token: localStorage.getItem('clientToken')
  }
});

clientSocket.on('client_connected', (data) => {
  console.log('Connected with features:', data.features);
});

clientSocket.on('config_sync', (data) => {
  // Refresh configuration
  location.reload();
});
`;

const CURL = `
curl -i -N \\
  -H "Upgrade: websocket" \\
  -H "Connection: Upgrade" \\
  -H "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==" \\
  -H "Sec-WebSocket-Version: 13" \\
  http://localhost:5001/socket.io/
`;

// A page beside the server's own, with a bundler's part done by the browser. `heard`: what it logs, as values.
async function open(t, server, token, script) {
  const bundle = readFileSync(new URL('./node_modules/socket.io-client/dist/socket.io.esm.min.js', import.meta.url), 'utf8');
  const html = `<script type="importmap">{"imports":{"socket.io-client":"/app/client.js"}}</script><script type="module">${script}</script>`;
  const browser = await openBrowser(t, '--disable-features=LocalNetworkAccessChecks'); // it does not know where a page came from that a test has made
  const page = await openPage(browser, 'about:blank');
  page.heard = [];
  await page.exposeFunction('hear', (...said) => { page.heard.push(said); });
  await page.addInitScript(([name, value]) => {
    if (location.protocol === 'about:') return;
    localStorage.setItem(name, value);
    console.log = (...said) => window.hear(...said);
    window.updatePlatformStatus = (data) => window.hear('updatePlatformStatus', data);
  }, token);
  await page.route('**/app/', (route) => route.fulfill({ contentType: 'text/html', body: html }));
  await page.route('**/app/client.js', (route) => route.fulfill({ contentType: 'text/javascript', body: bundle }));
  await page.goto(`${server.url}/app/`);
  page.hears = (like) => eventually(20_000, 'a line', () => page.heard.find(like)).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify([page.heard, page.complaints])}`); });
  return page;
}

test('an administrator\'s page: connects, follows a platform, sees it switched', { ...needsBrowser, timeout: 60_000 }, async (t) => {
  const { server, admin } = await office(t);
  await makeNamespace(admin, 'bep');
  const platform = await admin.expect(201, 'POST', `${N('bep')}/platforms`, { body: { key: 'web', name: 'Web' } });
  assert.equal(platform.id, 1);
  const page = await open(t, server, ['adminToken', admin.token], `${ADMIN}\nadminSocket.on('subscribed', (data) => console.log('subscribed', data));`);
  const [, connected] = await page.hears(([line]) => line === 'Connected as admin:');
  assert.equal(connected.user_id, admin.id);
  assert.deepEqual((await page.hears(([line]) => line === 'subscribed'))[1], { entity_type: 'platform', entity_id: 1, room: 'platform_1' });
  await admin.expect(200, 'POST', `${N('bep')}/platforms/web/disable`);
  const [, update] = await page.hears(([line]) => line === 'updatePlatformStatus');
  assert.deepEqual([update.type, update.platform_id, update.data.is_enabled], ['toggle', 1, false]);
  assert.deepEqual(page.complaints, []);
});

test('a client\'s page: connects, and loads itself anew when it is told to', { ...needsBrowser, timeout: 60_000 }, async (t) => {
  const { server, admin } = await office(t);
  await makeNamespace(admin, 'bep');
  await makeFlag(admin, 'bep', 'one');
  await makeClient(admin, 'bep', 'acme');
  const { key } = await clientKey(admin, 'bep', 'acme');
  const page = await open(t, server, ['clientToken', key], `import io from 'socket.io-client';\n${CLIENT}`);
  const features = ([line, list]) => line === 'Connected with features:' && list[0].feature_key === 'one';
  await page.hears(features);
  await flip(admin, 'bep', 'one', 'disable');
  await admin.expect(200, 'POST', `${N('bep')}/config-sync`, { body: {} });
  await page.hears((said) => features(said) && said[1][0].value === null);
  assert.deepEqual(page.complaints, []);
});

test('curl finds the endpoint, which asks for a transport', async (t) => {
  const server = await Server.start(t);
  const { code, stdout, output } = await run('bash', ['--norc', '-c', CURL.replace('localhost:5001', server.host)]);
  assert.equal(code, 0, output);
  assert.match(stdout, /^HTTP\/1\.1 400 [\s\S]*\r\n\r\n\{"code":0,"message":"Transport unknown"\}$/);
});
