// OpenFeature's own providers, in Node.js and in a browser: what they say of our flags, and how they hear of changes.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createGate } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature as ServerSide } from '@openfeature/server-sdk';
import { OpenFeature as ClientSide } from '@openfeature/web-sdk';
import EventSource from 'eventsource';

import { needsBrowser, openBrowser, openPage } from './browser.mjs';
import { change, clientKey, define, flip, makeClient, makeFlag, makeNamespace, makePackage, N, office, override, serviceKey, V } from './flags.mjs';
import { eventually } from './server.mjs';

const MODULES = join(dirname(fileURLToPath(import.meta.url)), 'node_modules/@openfeature');
const WAIT_MS = 20_000;

const FLAGS = {
  colour: { variants: { red: '#f00', blue: '#00f' }, defaultVariant: 'red', targeting: { if: [{ '==': [{ var: 'tier' }, 'gold'] }, 'blue'] } },
  count: { variants: { few: 3, none: 0 }, defaultVariant: 'none' },
  layout: { variants: { wide: { columns: 3 } }, defaultVariant: 'wide' },
  off: { state: 'DISABLED' },
  on: { defaultVariant: 'on', metadata: { team: 'a' } },
};

async function shop(t, options) {
  const rig = await office(t, options);
  rig.server.launchArgs[rig.server.launchArgs.indexOf('127.0.0.1:0')] = rig.server.host; // where clients look for it again
  await makeNamespace(rig.admin, 'bep', { access: 'public' });
  for (const [key, more] of Object.entries(FLAGS)) await makeFlag(rig.admin, 'bep', key, more);
  return rig;
}

// Everything a client says of a flag that a caller may look at.
const told = ({ value, reason, variant, errorCode }) => ({ value, reason, variant, errorCode });
const EXPECTED = {
  on: { value: true, reason: 'STATIC', variant: 'on', errorCode: undefined },
  colour: { value: '#00f', reason: 'TARGETING_MATCH', variant: 'blue', errorCode: undefined },
  count: { value: 0, reason: 'STATIC', variant: 'none', errorCode: undefined },
  layout: { value: { columns: 3 }, reason: 'STATIC', variant: 'wide', errorCode: undefined },
  nobody: { value: true, reason: 'ERROR', variant: undefined, errorCode: 'FLAG_NOT_FOUND' },
  wrong: { value: 'text', reason: 'ERROR', variant: undefined, errorCode: 'TYPE_MISMATCH' },
};
const ask = async (client, context) => ({
  on: told(await client.getBooleanDetails('on', false, context)),
  colour: told(await client.getStringDetails('colour', 'none', context)),
  count: told(await client.getNumberDetails('count', 7, context)),
  layout: told(await client.getObjectDetails('layout', {}, context)),
  nobody: told(await client.getBooleanDetails('nobody', true, context)),
  wrong: told(await client.getStringDetails('on', 'text', context)),
});

test('the provider for servers: values, errors, contexts, credentials', async (t) => {
  const { server, admin } = await shop(t);
  const provider = (headers = []) => new OFREPProvider({ baseUrl: server.url, headers: [['X-Corohub-Namespace', 'bep'], ...headers] });
  t.after(() => ServerSide.close());
  await ServerSide.setProviderAndWait('shop', provider([['Authorization', `Bearer ${await serviceKey(admin, 'flags:evaluate')}`]]));
  const client = ServerSide.getClient('shop');
  assert.deepEqual(await ask(client, { tier: 'gold' }), EXPECTED);
  assert.deepEqual((await client.getBooleanDetails('on', false)).flagMetadata, { team: 'a' });
  assert.equal((await client.getStringDetails('colour', 'none', { tier: 'silver' })).value, '#f00');
  for (const fallback of [true, false]) assert.equal(await client.getBooleanValue('off', fallback), fallback, 'what is off is for the caller to say');
  await flip(admin, 'bep', 'on', 'disable');
  assert.equal(await client.getBooleanValue('on', false), false, 'a change is there at once');

  const etag = (await admin.request('GET', `${V('bep')}/flags/on`)).headers.get('etag');
  await admin.request('PATCH', `${V('bep')}/flags/on?strict=false`, { body: { state: 'ENABLED', targeting: { nope: [] } }, headers: { 'If-Match': etag } });
  assert.equal((await client.getBooleanDetails('on', false)).errorCode, 'PARSE_ERROR');

  await ServerSide.setProviderAndWait('stranger', provider([['Authorization', 'Bearer nonsense']]));
  const refused = await ServerSide.getClient('stranger').getBooleanDetails('on', true);
  assert.deepEqual([refused.value, refused.reason], [true, 'ERROR']);
});

test('the provider for clients, in Node.js: values, a change that arrives', async (t) => {
  const { server, admin } = await shop(t);
  globalThis.EventSource ??= EventSource;
  t.after(() => ClientSide.close());
  await ClientSide.setContext('node', { tier: 'gold' });
  await ClientSide.setProviderAndWait('node', new OFREPWebProvider({ baseUrl: server.url, headers: [['X-Corohub-Namespace', 'bep']], cacheMode: 'disabled' }));
  const client = ClientSide.getClient('node');
  assert.deepEqual(await ask(client), EXPECTED);
  await ClientSide.setContext('node', { tier: 'silver' });
  assert.equal(client.getStringValue('colour', 'none'), '#f00');
  await flip(admin, 'bep', 'on', 'disable');
  await eventually(WAIT_MS, 'the change', () => client.getBooleanDetails('on', false).reason === 'DISABLED');
  assert.equal(client.getBooleanValue('on', false), false);
});

// A shop of which `colour` is behind the package that the client `acme` has. Resolves with the client's key.
async function sell(admin) {
  await change(admin, 'PATCH', `${N('bep')}/flags/colour`, { package_gated: true });
  await makePackage(admin, 'bep', 'gold', { colour: { shades: 3 } });
  await makeClient(admin, 'bep', 'acme', { package: 'gold' });
  return clientKey(admin, 'bep', 'acme');
}

test('the provider for servers, as a client: its package, exceptions, the end of its key', async (t) => {
  const { server, admin } = await shop(t);
  const key = await sell(admin);
  const service = await serviceKey(admin, 'flags:evaluate');
  t.after(() => ServerSide.close());
  const as = async (name, ...headers) => {
    await ServerSide.setProviderAndWait(name, new OFREPProvider({ baseUrl: server.url, headers }));
    return () => ServerSide.getClient(name).getStringDetails('colour', 'none', { tier: 'gold' });
  };
  const client = await as('client', ['X-API-Key', key.key]);
  const asked = await as('asked', ['X-API-Key', service], ['X-Corohub-Namespace', 'bep'], ['X-Corohub-Client', 'acme']);
  const guest = await as('guest', ['X-Corohub-Namespace', 'bep']);
  for (const details of [await client(), await asked()]) {
    assert.deepEqual(told(details), EXPECTED.colour);
    assert.deepEqual(details.flagMetadata, { 'limits.shades': 3 });
  }
  assert.equal((await guest()).errorCode, 'FLAG_NOT_FOUND');
  await override(admin, 'bep', 'acme', 'colour', { grant: false, reason: 'unpaid' });
  for (const details of [await client(), await asked()]) assert.equal(details.errorCode, 'FLAG_NOT_FOUND');
  await override(admin, 'bep', 'acme', 'colour', { grant: true });
  assert.equal((await client()).value, '#00f');
  await admin.expect(204, 'DELETE', `${N('bep')}/clients/acme/keys/${key.id}`);
  const ended = await client();
  assert.deepEqual([ended.value, ended.reason], ['none', 'ERROR']);
  assert.equal((await asked()).value, '#00f', 'another key');
});

// ---- a browser ----

const nestedCore = join(MODULES, 'ofrep-web-provider/node_modules/@openfeature/ofrep-core');
const IMPORTS = {
  '@openfeature/core': join(MODULES, 'core/dist/esm/index.js'),
  '@openfeature/web-sdk': join(MODULES, 'web-sdk/dist/esm/index.js'),
  '@openfeature/ofrep-core': join(existsSync(nestedCore) ? nestedCore : join(MODULES, 'ofrep-core'), 'index.esm.js'),
  '@openfeature/ofrep-web-provider': join(MODULES, 'ofrep-web-provider/index.esm.js'),
};

// A shop's page that looks at one of its flags.
const PAGE = `<!doctype html><title>shop</title>
<script type="importmap">${JSON.stringify({ imports: Object.fromEntries(Object.keys(IMPORTS).map((name) => [name, `/modules/${name}`])) })}</script>
<script type="module">
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
const client = OpenFeature.getClient();
window.heard = [];
for (const event of Object.values(ProviderEvents)) client.addHandler(event, (details) => window.heard.push([event, details?.flagsChanged]));
window.start = async (context, options) => {
  await OpenFeature.setContext(context);
  await OpenFeature.setProviderAndWait(new OFREPWebProvider(options)).catch((error) => { window.failure = String(error); });
};
window.become = (context) => OpenFeature.setContext(context);
window.details = (kind, key, fallback) => client['get' + kind + 'Details'](key, fallback);
window.value = (key, fallback) => client.getStringValue(key, fallback);
window.ready = true;
</script>`;

// Another origin than the server's.
async function host(t) {
  const server = createServer(({ url }, response) => {
    const file = IMPORTS[url.replace('/modules/', '')];
    response.setHeader('Content-Type', file ? 'text/javascript' : 'text/html');
    response.end(file ? readFileSync(file) : PAGE);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}`;
}

// A door between a client and the server, which can be shut.
async function gate(t, server) {
  const sockets = new Set();
  let open = true;
  const door = createGate((incoming) => {
    if (!open) return incoming.destroy();
    const outgoing = connect(server.port, '127.0.0.1');
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => { incoming.destroy(); outgoing.destroy(); });
    }
    return incoming.pipe(outgoing).pipe(incoming);
  });
  await new Promise((done) => door.listen(0, '127.0.0.1', done));
  const cut = () => { for (const socket of sockets) socket.destroy(); sockets.clear(); };
  t.after(() => { cut(); door.close(); });
  return { url: `http://127.0.0.1:${door.address().port}`, shut() { open = false; cut(); }, open() { open = true; } };
}

async function visit(t, { context = { tier: 'gold' }, headers = () => [['X-Corohub-Namespace', 'bep']], settings } = {}) {
  const origin = await host(t);
  const rig = await shop(t, { settings: { 'http.cors_origins': [origin], ...settings } });
  const sent = await headers(rig.admin);
  const door = await gate(t, rig.server);
  const page = await openPage(await openBrowser(t), origin, { expected: /status of 401|ERR_/ });
  page.answers = []; // [status, path] of what was asked of the server
  page.on('response', (answer) => { if (answer.url().includes('/ofrep/')) page.answers.push([answer.status(), new URL(answer.url()).pathname]); });
  await page.waitForFunction(() => window.ready);
  await page.evaluate(([who, how]) => window.start(who, how), [context, { baseUrl: door.url, headers: sent }]);
  const details = (kind, key, fallback) => page.evaluate((list) => window.details(...list), [kind, key, fallback]);
  const becomes = (expected, fallback = 'none') => page.waitForFunction(([value, otherwise]) => window.value('colour', otherwise) === value, [expected, fallback], { timeout: WAIT_MS });
  const streams = () => page.answers.filter(([, path]) => path === '/ofrep/v1/events').length;
  await eventually(WAIT_MS, 'the stream', streams);
  return { ...rig, origin, door, page, details, becomes, streams };
}

const paint = (admin, variant) => define(admin, 'bep', 'colour', { targeting: null, defaultVariant: variant });

test('the provider for clients, in a browser of another origin: values, errors, contexts, 304', needsBrowser, async (t) => {
  const { page, details, becomes } = await visit(t);
  const client = {
    getBooleanDetails: (...list) => details('Boolean', ...list), getStringDetails: (...list) => details('String', ...list),
    getNumberDetails: (...list) => details('Number', ...list), getObjectDetails: (...list) => details('Object', ...list),
  };
  assert.deepEqual(await ask(client), EXPECTED);
  assert.deepEqual((await details('Boolean', 'on', false)).flagMetadata, { team: 'a' });
  for (const fallback of [true, false]) assert.equal((await details('Boolean', 'off', fallback)).value, fallback);
  await page.evaluate(() => window.become({ tier: 'silver' }));
  await becomes('#f00');
  await page.evaluate(() => window.become({ tier: 'gold' }));
  await becomes('#00f');
  // A page that comes back asks with the tag it kept.
  const asked = page.answers.length;
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await eventually(WAIT_MS, 'a 304', () => page.answers.slice(asked).some(([status, path]) => status === 304 && path.endsWith('/flags')));
  assert.equal(await page.evaluate(() => window.value('colour', 'none')), '#00f');
  assert.deepEqual(page.complaints, []);
});

test('the provider for clients: a change comes by the stream, and names what changed', needsBrowser, async (t) => {
  const { admin, page, becomes } = await visit(t);
  await paint(admin, 'red');
  await becomes('#f00');
  await paint(admin, 'blue');
  await becomes('#00f');
  const changes = await page.evaluate(() => window.heard.filter(([event]) => event === 'PROVIDER_CONFIGURATION_CHANGED').map(([, flags]) => flags));
  assert.ok(changes.length >= 1);
  for (const flags of changes) assert.deepEqual(flags, ['colour'], 'one flag changed, not all');
  assert.deepEqual(page.complaints, []);
});

test('the provider for clients: a server that is killed before the first event', needsBrowser, async (t) => {
  const { server, admin, page, becomes } = await visit(t);
  await server.crash();
  await server.launch();
  await paint(admin, 'red'); // before the page is back, or just after
  await becomes('#f00');
  await paint(admin, 'blue');
  await becomes('#00f');
  assert.deepEqual(page.complaints, []);
});

test('the provider for clients: a change while it was away', needsBrowser, async (t) => {
  const { admin, door, page, becomes, streams } = await visit(t);
  await paint(admin, 'red');
  await becomes('#f00');
  const before = streams();
  door.shut();
  await paint(admin, 'blue');
  door.open();
  await becomes('#00f');
  assert.ok(streams() > before);
  assert.deepEqual(page.complaints, []);
});

test('the provider for clients: a stream whose token has expired', needsBrowser, async (t) => {
  const { api, admin, door, page, becomes, streams } = await visit(t, { settings: { 'ofrep.stream_token_ttl_s': 2 } });
  const { eventStreams: [{ endpoint }] } = await api.expect(200, 'POST', '/ofrep/v1/evaluate/flags?namespace=bep');
  await eventually(WAIT_MS, 'the end of a token that is younger', async () => {
    const leave = new AbortController();
    const { status } = await fetch(`${door.url}${endpoint.requestUri}`, { signal: leave.signal });
    leave.abort();
    return status === 401;
  });
  await paint(admin, 'red');
  await becomes('#f00'); // what is open stays so
  const before = streams();
  door.shut();
  await paint(admin, 'blue');
  door.open();
  await becomes('#00f'); // it comes back with an old token, is refused, and asks for a new one
  assert.ok(page.answers.slice().some(([status, path]) => status === 401 && path === '/ofrep/v1/events'), JSON.stringify(page.answers));
  await eventually(WAIT_MS, 'a stream again', () => page.answers.filter(([status, path]) => status === 200 && path === '/ofrep/v1/events').length >= 2 && streams() > before + 1);
  await paint(admin, 'red');
  await becomes('#f00');
  assert.deepEqual(page.complaints, []);
});

test('the provider for clients: flags that go and come, and who may not', needsBrowser, async (t) => {
  const { admin, door, page, details } = await visit(t);
  await change(admin, 'PATCH', '/api/v1/namespaces/bep/flags/on', { client_visible: false });
  await eventually(WAIT_MS, 'that it is gone', async () => (await details('Boolean', 'on', false)).errorCode === 'FLAG_NOT_FOUND');
  await change(admin, 'PATCH', '/api/v1/namespaces/bep/flags/on', { client_visible: true });
  await eventually(WAIT_MS, 'that it is back', async () => (await details('Boolean', 'on', false)).value);
  await change(admin, 'PATCH', '/api/v1/namespaces/bep', { access: 'users' });
  await page.reload();
  await page.waitForFunction(() => window.ready);
  await page.evaluate((baseUrl) => window.start({}, { baseUrl, headers: [['X-Corohub-Namespace', 'bep']], cacheMode: 'disabled' }), door.url);
  assert.match(await page.evaluate(() => window.failure), /Initialization failed/);
  assert.equal((await details('Boolean', 'on', false)).value, false);
  assert.deepEqual(page.complaints, []);
});

test('the provider for clients, as one: package, exceptions that expire, what came while it was away, 304', needsBrowser, async (t) => {
  const { admin, page, door, becomes } = await visit(t, { headers: async (office) => [['X-API-Key', (await sell(office)).key]] });
  await becomes('#00f');
  await admin.expect(204, 'DELETE', `${N('bep')}/packages/gold/features/colour`);
  await becomes('none');
  await override(admin, 'bep', 'acme', 'colour', { grant: true, expires_at: new Date(Date.now() + 2_000).toISOString() });
  await becomes('#00f');
  await becomes('none'); // it is past its time, and nobody has done anything
  door.shut();
  await override(admin, 'bep', 'acme', 'colour', { grant: true, reason: 'paid' });
  door.open();
  await becomes('#00f');
  const asked = page.answers.length;
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await eventually(WAIT_MS, 'a 304', () => page.answers.slice(asked).some(([status, path]) => status === 304 && path.endsWith('/flags')));
  assert.deepEqual(page.complaints, []);
});

test('the provider for clients, as one whose key is revoked: its stream ends and does not come back', needsBrowser, async (t) => {
  let key;
  const { admin, page, becomes } = await visit(t, { headers: async (office) => { key = await sell(office); return [['X-API-Key', key.key]]; } });
  await becomes('#00f');
  await admin.expect(204, 'DELETE', `${N('bep')}/clients/acme/keys/${key.id}`);
  await eventually(WAIT_MS, 'that it is refused', () => page.answers.some(([status, path]) => status === 401 && path === '/ofrep/v1/events'));
  await page.evaluate(() => window.become({ tier: 'silver' }).catch(() => {}));
  await eventually(WAIT_MS, 'that a bulk is refused, too', () => page.answers.some(([status, path]) => status === 401 && path.endsWith('/flags')));
});
