// The pages in a real browser. Screenshots stay in the build folder, to be looked at.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { Api } from './api.mjs';
import { needsBrowser as options, openBrowser, openPage, shoot } from './browser.mjs';
import { flip, makeFlag, makeNamespace } from './flags.mjs';
import { Server } from './server.mjs';

const status = (page, text) => page.locator('#status', { hasText: new RegExp(`^${text}$`) }).waitFor();
const message = (page, type) => page.locator(`.message[data-type="${type}"]`);
const colour = (locator) => locator.evaluate((element) => getComputedStyle(element).color.match(/\d+/g).map(Number));

async function logIn(page, account) {
  await page.getByLabel('Email').fill(account.email);
  await page.getByLabel('Password').fill(account.password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('Signed in as').waitFor();
}

const connect = (page) => page.getByRole('button', { name: 'Connect', exact: true }).click();

test('log in, connect, see what happens, clear, disconnect', options, async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const john = await api.register({ name: 'John Doe' });
  const page = await openPage(await openBrowser(t), server.url);
  assert.match(page.url(), /\/websocket-test\.html$/);
  await status(page, 'Disconnected');
  const [red, green] = await colour(page.locator('#status'));
  assert.ok(red > green, 'disconnected is red');

  await logIn(page, john);
  assert.match(await page.getByLabel('JWT token').inputValue(), /^eyJ/);
  await connect(page);
  await status(page, 'Connected');
  const [r, g] = await colour(page.locator('#status'));
  assert.ok(g > r, 'connected is green');
  await message(page, 'connection.established').waitFor();

  await john.expect(200, 'PATCH', '/api/v1/users/me', { body: { name: 'John <b>D.</b>' } });
  await message(page, 'profile.updated').waitFor();
  await message(page, 'user.updated').waitFor();
  assert.equal(await page.locator('#count').innerText(), '3');
  assert.match(await message(page, 'profile.updated').locator('time').innerText(), /^\d\d:\d\d:\d\d\.\d{3}$/);
  const colours = await Promise.all(['connection.established', 'user.updated', 'profile.updated']
    .map((type) => colour(message(page, type).locator('.type'))));
  assert.equal(new Set(colours.map(String)).size, 3, 'a colour for each type');
  await shoot(page, 'connected-user');

  await page.getByRole('button', { name: 'Clear' }).click();
  assert.equal(await page.locator('#count').innerText(), '0');
  assert.equal(await page.locator('.message').count(), 0);
  assert.equal(await page.locator('#broadcast-card').isVisible(), false);
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await status(page, 'Disconnected');
  assert.deepEqual(page.complaints, []);
});

test('an admin broadcasts; a promotion shows the form, live', options, async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const root = await api.member('superadmin');
  const jane = await api.register({ name: 'Jane' });
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${server.url}/websocket-test.html`, { colorScheme: 'dark', expected: /status of 401/ });
  await logIn(page, jane);
  await connect(page);
  await status(page, 'Connected');
  assert.equal(await page.locator('#broadcast-card').isVisible(), false);
  await root.expect(200, 'PUT', `/api/v1/admin/users/${jane.id}/role`, { body: { role: 'admin' } });
  await message(page, 'user.role.changed').waitFor();
  await page.getByLabel('Message').fill('System maintenance in 5 minutes');
  await page.getByLabel('Priority').selectOption('high');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('Queued for 1 of 1 connections.').waitFor();
  await message(page, 'system.alert').getByText('System maintenance in 5 minutes (high)').waitFor();
  await shoot(page, 'connected-admin-dark');

  await root.expect(200, 'PUT', `/api/v1/admin/users/${jane.id}/role`, { body: { role: 'user' } });
  await page.locator('#broadcast-card').waitFor({ state: 'hidden' });
  assert.deepEqual(page.complaints, []);
});

test('register, another tab changes the password, come back after an expiry and a restart', options, async (t) => {
  const server = await Server.start(t, { settings: { 'auth.access_ttl_s': 5 } });
  const api = new Api(server);
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${server.url}/websocket-test.html`, { expected: /status of 401|WebSocket connection|ERR_/ });
  await page.getByLabel('Email').fill('tab@example.com');
  await page.getByLabel('Password').fill('secure123');
  await page.getByLabel('Name').fill('Tab');
  await page.getByRole('button', { name: 'Register' }).click();
  await page.getByText('Signed in as Tab').waitFor();
  await connect(page);
  await message(page, 'connection.established').first().waitFor();
  const welcomes = (n) => page.waitForFunction((count) => document.querySelectorAll('[data-type="connection.established"]').length >= count, n);

  await welcomes(2); // 1008 token_expired: it refreshed and came back
  await server.crash();
  await page.locator('#status', { hasText: 'Reconnecting' }).waitFor();
  server.launchArgs[server.launchArgs.indexOf('127.0.0.1:0')] = server.host; // where the page looks for it
  await server.launch();
  const before = await message(page, 'connection.established').count();
  await welcomes(before + 1);

  const other = await api.login('tab@example.com', 'secure123');
  await other.expect(200, 'PUT', '/api/v1/users/me/password', { body: { current_password: 'secure123', new_password: 'secure1234' } });
  await page.getByText('credentials_changed').waitFor();
  await status(page, 'Disconnected');
  assert.deepEqual(page.complaints, []);
});

test('it goes on where it was: after the server was gone, and after the page was', options, async (t) => {
  const server = await Server.start(t, { settings: { 'auth.access_ttl_s': 3600 } });
  server.launchArgs[server.launchArgs.indexOf('127.0.0.1:0')] = server.host;
  const api = new Api(server);
  const admin = await api.member('admin');
  const john = await api.register({ name: 'John Doe' });
  const say = (text) => admin.expect(200, 'POST', '/ws/broadcast', { body: { message: text } });
  const page = await openPage(await openBrowser(t), `${server.url}/websocket-test.html`, { expected: /WebSocket connection|ERR_/ });
  const position = () => page.locator('#position').innerText();
  const heard = (text) => message(page, 'system.alert').getByText(`${text} (normal)`).waitFor();
  await logIn(page, john);
  assert.equal(await position(), 'none yet');
  await connect(page);
  await message(page, 'connection.established').waitFor();
  const { seq } = await say('live');
  await heard('live');
  assert.match(await position(), new RegExp(`:${seq}$`));

  await server.crash();
  await server.launch();
  await say('missed while the server was gone'); // before the page is back, or just after
  await heard('missed while the server was gone');
  await status(page, 'Connected');

  await page.reload();
  await say('missed while the page was gone');
  await logIn(page, john);
  await connect(page);
  await heard('missed while the page was gone');
  assert.equal(await message(page, 'system.alert').count(), 1);

  await page.getByRole('button', { name: 'Disconnect' }).click();
  await say('not wanted');
  await page.getByLabel('Resume where I was').uncheck();
  await page.getByRole('button', { name: 'Clear' }).click();
  await connect(page);
  await message(page, 'connection.established').waitFor();
  await say('live again');
  await heard('live again');
  assert.equal(await message(page, 'system.alert').count(), 1);
  assert.deepEqual(page.complaints, []);
});

test('a browser takes events compressed and compresses what it says', options, async (t) => {
  const server = await Server.start(t, { settings: { 'ws.compression': true } });
  const john = await new Api(server).register({ name: 'John Doe' });
  const page = await openPage(await openBrowser(t), server.url);
  const text = 'over and over '.repeat(1000);
  const { extensions, data } = await page.evaluate(({ token, text: said }) => new Promise((done, fail) => {
    const socket = new WebSocket(`ws://${location.host}/ws?topic=rooms/lobby&token=${token}`);
    socket.onopen = () => socket.send(JSON.stringify({ type: 'publish', data: { topic: 'rooms/lobby', data: { text: said } } }));
    socket.onmessage = ({ data: came }) => {
      const event = JSON.parse(came);
      if (event.type === 'message') done({ extensions: socket.extensions, data: event.data });
    };
    socket.onclose = ({ code, reason }) => fail(new Error(`closed ${code} ${reason}`));
  }), { token: john.token, text });
  assert.match(extensions, /^permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11/);
  assert.deepEqual(data, { text });
  assert.match(await (await fetch(`${await server.adminUrl()}/metrics`)).text(), /^corohub_compressed_events_total 1$/m);
  assert.deepEqual(page.complaints, []);
});

test('topics: subscribe, publish, who is there, who is typing', options, async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const browser = await openBrowser(t);
  const pages = [];
  for (const name of ['Ann', 'Bob']) {
    const page = await openPage(browser, `${server.url}/websocket-test.html`);
    await logIn(page, await api.register({ name }));
    assert.equal(await page.locator('#topics-card').isVisible(), false);
    await connect(page);
    await page.getByRole('button', { name: 'Subscribe' }).click();
    await page.getByText('Subscribed to rooms/lobby.').waitFor();
    pages.push(page);
  }
  const [ann, bob] = pages;
  const lobby = (page) => page.locator('[data-topic="rooms/lobby"]');
  await lobby(ann).getByText('2 here: Ann, Bob').waitFor();
  await lobby(bob).getByText('2 here: Ann, Bob').waitFor();
  await message(ann, 'presence.joined').getByText('Bob came; 2 there.').waitFor();

  await ann.locator('#text').pressSequentially('Hello');
  await lobby(bob).getByText('Ann typing…').waitFor();
  await ann.getByRole('button', { name: 'Publish' }).click();
  await ann.getByText(/^Published to rooms\/lobby as #\d+\.$/).waitFor();
  for (const page of pages) await message(page, 'message').getByText('"Hello"').waitFor();
  await lobby(bob).getByText('Ann typing…').waitFor({ state: 'hidden' }); // whoever has spoken types no more
  await lobby(bob).scrollIntoViewIfNeeded();
  await shoot(bob, 'topics');

  await bob.getByRole('button', { name: 'Clear' }).click();
  await bob.getByRole('button', { name: 'History' }).click();
  await bob.getByText('1 earlier messages.').waitFor();
  await message(bob, 'message').getByText('"Hello"').waitFor();
  await lobby(bob).getByRole('button', { name: 'Leave' }).click();
  await lobby(bob).waitFor({ state: 'detached' });
  await lobby(ann).getByText('1 here: Ann').waitFor();
  await bob.locator('#topic').fill('admin/ops');
  await bob.getByRole('button', { name: 'Subscribe' }).click();
  await bob.locator('#topics-note.bad').getByText('forbidden').waitFor();
  for (const page of pages) assert.deepEqual(page.complaints, []);
});

test('STOMP on a WebSocket, and over each transport of SockJS', options, async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const native = await (await api.register({ name: 'Ann' })).connect();
  await native.ask('subscribe', { topic: 'rooms/lobby' });
  const page = await openPage(await openBrowser(t), `${server.url}/websocket-test.html`);
  await logIn(page, await api.register({ name: 'Bob' }));
  const log = (what) => page.locator(`#stomp-log [data-what="${what}"]`);
  const press = (name) => page.locator('#stomp-card').getByRole('button', { name, exact: true }).click();
  for (const transport of [undefined, 'websocket', 'xhr_streaming', 'eventsource', 'xhr']) {
    await page.getByLabel('STOMP over').selectOption(transport ? 'sockjs' : 'stomp');
    if (transport) await page.getByLabel('Transport').selectOption(transport);
    await press('Open');
    await log('connected').getByText('version 1.2').waitFor();
    await press('Listen');
    await log('done').getByText('listening to /topic/rooms/lobby').waitFor();
    const text = `by ${transport || 'a plain WebSocket'}`;
    await page.locator('#stomp-text').fill(text);
    await press('Say');
    await log('/topic/rooms/lobby').getByText(text).waitFor();
    await native.next('message', ({ data }) => data === text);
    assert.match(await log('/topic/rooms/lobby').locator('time').first().innerText(), /^\d\d:\d\d:\d\d\.\d{3}$/);
    if (!transport) {
      await page.locator('#stomp-card').scrollIntoViewIfNeeded();
      await shoot(page, 'stomp');
    }
    await press('Close');
    await log('closed').waitFor();
    await press('Empty');
    assert.equal(await page.locator('#stomp-log li').count(), 0);
  }
  await press('Open');
  await page.locator('#stomp-destination').fill('/topic/admin/ops');
  await press('Listen');
  await log('error').getByText('forbidden').waitFor();
  await log('closed').waitFor();
  assert.deepEqual(page.complaints, []);
});

test('Socket.IO by each transport, and what was missed follows', options, async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const admin = await api.member('admin');
  const native = await (await api.register({ name: 'Ann' })).connect();
  await native.ask('subscribe', { topic: 'rooms/lobby' });
  const page = await openPage(await openBrowser(t), `${server.url}/websocket-test.html`);
  const card = page.locator('#socketio-card');
  const log = (what) => card.locator(`#socketio-log [data-what="${what}"]`);
  const press = (name) => card.getByRole('button', { name, exact: true }).click();
  const emit = async (name, data) => {
    await page.locator('#socketio-name').fill(name);
    await page.locator('#socketio-data').fill(JSON.stringify(data));
    await press('Emit');
  };
  const close = async () => {
    await press('Close');
    await log('closed').waitFor();
    await press('Empty');
  };
  await logIn(page, await api.register({ name: 'Bob' }));
  for (const transport of ['upgrade', 'websocket', 'polling']) {
    await page.getByLabel('Engine.IO by').selectOption(transport);
    await press('Open');
    await log('connection.established').waitFor();
    await emit('subscribe', { topic: 'rooms/lobby' });
    await emit('publish', { topic: 'rooms/lobby', data: `by ${transport}` });
    await native.next('message', ({ data }) => data === `by ${transport}`);
    await log('message').getByText(`by ${transport}`).waitFor();
    if (transport === 'upgrade') {
      await card.scrollIntoViewIfNeeded();
      await shoot(page, 'socketio');
    }
    await close();
    await admin.expect(200, 'POST', '/ws/broadcast', { body: { message: `missed after ${transport}` } });
    await press('Open');
    await log('system.alert').getByText(`missed after ${transport}`).waitFor();
    await close();
  }
  await page.getByLabel('Socket.IO in').selectOption('/admin');
  await press('Open');
  await log('refused').getByText('admin access required (forbidden)').waitFor();
  assert.deepEqual(page.complaints, []);
});

test('changes of flags, over each transport of SockJS: of one namespace, of all, as a guest', options, async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const admin = await api.member('admin');
  await makeNamespace(admin, 'bep', { access: 'public' });
  await makeNamespace(admin, 'inner');
  for (const namespace of ['bep', 'inner']) await makeFlag(admin, namespace, 'new-feature', { state: 'DISABLED' });
  const page = await openPage(await openBrowser(t), `${server.url}/websocket-test.html`);
  const card = page.locator('#flags-card');
  const press = (name) => card.getByRole('button', { name, exact: true }).click();
  const log = (what) => card.locator(`[data-what="${what}"]`);
  const state = (text) => card.locator('#flags-state', { hasText: new RegExp(`^${text}$`) }).waitFor();
  const choices = () => card.locator('#flags-namespace option').allInnerTexts();
  await state('Disconnected');
  await card.locator('#flags-namespace option[value="bep"]').waitFor({ state: 'attached' });
  assert.deepEqual(await choices(), ['all', 'bep'], 'a guest sees what is public');
  for (const transport of ['websocket', 'xhr_streaming', 'eventsource', 'xhr']) {
    await card.getByLabel('SockJS by').selectOption(transport);
    await press('Watch');
    await state('Connected');
    await log('connection_status').getByText('Successfully subscribed to flag updates', { exact: true }).waitFor();
    await flip(admin, 'inner', 'new-feature', 'enable');
    await flip(admin, 'bep', 'new-feature', 'enable');
    await log('enabled').getByText('bep/new-feature').waitFor();
    assert.match(await log('enabled').locator('time').innerText(), /^\d\d:\d\d:\d\d\.\d{3}$/);
    await flip(admin, 'bep', 'new-feature', 'disable');
    await log('disabled').getByText('bep/new-feature').waitFor();
    assert.equal(await log('enabled').count(), 1);
    await press('Stop');
    await state('Disconnected');
    await press('Empty log');
    assert.equal(await card.locator('li').count(), 0);
  }
  await logIn(page, await api.register({ name: 'Bob' }));
  await press('Watch');
  await state('Connected');
  await card.getByLabel('Flags of').selectOption('inner');
  await log('connection_status').getByText('Successfully subscribed to flag updates for namespace: inner').waitFor();
  await flip(admin, 'bep', 'new-feature', 'enable');
  await flip(admin, 'inner', 'new-feature', 'disable');
  await log('disabled').getByText('inner/new-feature').waitFor();
  assert.equal(await log('enabled').count(), 0, 'the other namespace is not watched any more');
  await card.scrollIntoViewIfNeeded();
  await shoot(page, 'flags');
  await press('Stop');
  assert.deepEqual(page.complaints, []);
});

test('a wrong password and a wrong token are said plainly', options, async (t) => {
  const server = await Server.start(t);
  const user = await new Api(server).register();
  const page = await openPage(await openBrowser(t), `${server.url}/websocket-test.html`, { expected: /status of 401|WebSocket connection/ });
  await page.getByLabel('Email').fill(user.email);
  await page.getByLabel('Password').fill('not the one');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.locator('#sign-in-note.bad').waitFor();
  await connect(page);
  await page.getByText('Log in above, or paste a token.').waitFor();
  for (const token of ['not a token', 'eyJhbGciOiJIUzI1NiJ9.e30.x']) {
    await page.getByLabel('JWT token').fill(token);
    await connect(page);
    await page.locator('#connection-note.bad').waitFor();
    await status(page, 'Disconnected');
  }
  assert.deepEqual(page.complaints, []);
});

test('opened from disk, the page says where it is served', options, async (t) => {
  const file = join(dirname(fileURLToPath(import.meta.url)), '../../web/websocket-test.html');
  const page = await openPage(await openBrowser(t), pathToFileURL(file).href);
  const link = page.getByRole('link', { name: 'http://localhost:8080/websocket-test.html' });
  assert.equal(await link.getAttribute('href'), 'http://localhost:8080/websocket-test.html');
  assert.equal(await page.locator('#client').isVisible(), false);
  await shoot(page, 'from-disk');
});

test('the setup link', options, async (t) => {
  const server = await Server.start(t);
  const [, fragment] = await server.process.printed(/\/setup(#\S+)/);
  const page = await openPage(await openBrowser(t), `${server.url}/setup${fragment}`);
  await page.getByLabel('Name').fill('Root');
  await page.getByLabel('Email').fill('root@example.com');
  await page.getByLabel('Password').fill('secure123');
  await shoot(page, 'setup');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText('Root is superadmin now').waitFor();
  assert.equal(new URL(page.url()).hash, '');
  await page.getByRole('link', { name: 'Open the WebSocket test client' }).click();
  await page.waitForURL(/websocket-test\.html$/);
  assert.deepEqual(page.complaints, []);
});

test('a reset link sets a password, and is not in the address afterwards', options, async (t) => {
  const server = await Server.start(t);
  const api = new Api(server);
  const root = await api.member('superadmin');
  const john = await api.register({ name: 'John Doe' });
  const { link } = await root.expect(201, 'POST', `/api/v1/admin/users/${john.id}/password-reset`);
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${server.url}${link}`);
  assert.equal(new URL(page.url()).hash, '');
  await page.getByLabel('New password').fill('secure1234');
  await shoot(page, 'reset');
  await page.getByRole('button', { name: 'Set the password' }).click();
  await page.getByText('The password is set. Log in with it.').waitFor();
  await api.login(john.email, 'secure1234');
  assert.deepEqual(page.complaints, []);

  const again = await openPage(browser, `${server.url}${link}`, { expected: /status of 401/ });
  await again.getByLabel('New password').fill('secure12345');
  await again.getByRole('button', { name: 'Set the password' }).click();
  await again.locator('#note.bad').waitFor();
  const none = await openPage(browser, `${server.url}/reset`);
  await none.getByText('The token is missing from this link.').waitFor();
  assert.deepEqual([...again.complaints, ...none.complaints], []);
});

test('the API reference renders every operation', options, async (t) => {
  const server = await Server.start(t);
  const page = await openPage(await openBrowser(t), `${server.url}/docs#broadcast`);
  await page.locator('#broadcast[open]').waitFor();
  const { paths } = await (await fetch(`${server.url}/openapi.json`)).json();
  const operations = Object.values(paths).reduce((sum, path) => sum + Object.keys(path).length, 0);
  assert.equal(await page.locator('.operation').count(), operations);
  await shoot(page, 'docs');
  assert.deepEqual(page.complaints, []);
});

test('a narrow window shows everything', options, async (t) => {
  const server = await Server.start(t);
  const page = await openPage(await openBrowser(t), `${server.url}/websocket-test.html`, { viewport: { width: 360, height: 740 } });
  await status(page, 'Disconnected');
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(overflow, 0);
  await shoot(page, 'narrow');
});
