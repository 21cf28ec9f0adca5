// What the documents say one may write, written: the README's lines that connect a client, and the worked examples.
import assert from 'node:assert/strict';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature as ServerSide } from '@openfeature/server-sdk';
import { OpenFeature as ClientSide } from '@openfeature/web-sdk';
import { Client } from '@stomp/stompjs';
import EventSource from 'eventsource';
import SockJS from 'sockjs-client';
import { io, Socket } from 'socket.io-client';
import webstomp from 'webstomp-client';

import { Api, WebSocket } from './api.mjs';
import { Process, run, Server, temporaryDirectory, within } from './server.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const document = (name) => readFileSync(join(HERE, '../..', name), 'utf8');

// [what it is, the line] of the README's table.
const lines = [...document('README.md').matchAll(/^\| (.+?) \| `((?:new |curl |webstomp\.|io\().+?)` \|$/gm)].map(([, client, line]) => [client, line]);

// Each kind of client says in its own way that it is connected; resolves with how to end it.
const CONNECTED = [
  [WebSocket, (socket, done) => {
    // One that speaks STOMP says something first.
    socket.on('open', () => { if (socket.protocol === 'v12.stomp') socket.send('CONNECT\naccept-version:1.2\nhost:corohub\n\n\0'); });
    socket.on('message', (text) => { assert.match(String(text), /connection\.established|^CONNECTED/); done(() => socket.close()); });
  }],
  [EventSource, (stream, done) => { stream.onmessage = ({ data }) => { assert.match(data, /connection\.established/); done(() => stream.close()); }; }],
  [Client, (client, done, fail) => {
    client.onConnect = () => done(() => client.deactivate());
    client.onStompError = ({ headers }) => fail(new Error(headers.message));
    client.activate();
  }],
  [Socket, (socket, done, fail) => {
    socket.on('connection.established', () => done(() => socket.disconnect()));
    socket.on('connect_error', fail);
  }],
  // Of a flag that is not there each says so; one that had reached nobody would say something else.
  [OFREPWebProvider, async (provider, done, fail) => {
    await ClientSide.setProviderAndWait(provider).catch(fail);
    assert.equal(ClientSide.getClient().getBooleanDetails('nobody', false).errorCode, 'FLAG_NOT_FOUND');
    done(() => ClientSide.close());
  }],
  [OFREPProvider, async (provider, done) => {
    await ServerSide.setProviderAndWait(provider);
    assert.equal((await ServerSide.getClient().getBooleanDetails('nobody', false)).errorCode, 'FLAG_NOT_FOUND');
    done(() => ServerSide.close());
  }],
];

test('every line of the README connects its client', async (t) => {
  assert.ok(lines.length >= 8, 'the table is there');
  const server = await Server.start(t);
  const john = await new Api(server).register();
  globalThis.WebSocket ??= WebSocket; // what a browser and later Node.js have
  for (const [client, line] of lines) {
    const { ticket } = await john.expect(200, 'POST', '/api/v1/auth/ws-ticket');
    const command = line.replaceAll('localhost:8080', server.host);
    if (command.startsWith('curl')) {
      const process = new Process('bash', ['-c', `exec ${command}`], { env: { PATH: globalThis.process.env.PATH, TOKEN: john.token } });
      await process.printed(/connection\.established/);
      process.signal('SIGTERM');
      continue;
    }
    let how;
    const waiting = new Promise((connected, failed) => { how = { connected, failed }; });
    const names = { token: john.token, ticket, email: john.email, password: john.password, WebSocket, EventSource, Client, SockJS, io, webstomp, OFREPWebProvider, OFREPProvider, ...how };
    const made = new Function(...Object.keys(names), `return ${command};`)(...Object.values(names));
    const [, look] = CONNECTED.find(([kind]) => made instanceof kind) || [];
    look?.(made, how.connected, how.failed);
    const end = await within(10_000, client, waiting);
    if (typeof end === 'function') await end();
  }
});

// The first block of that language.
const block = (name, language) => document(name).match(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``))[1];

test('the example of docs/STOMP.md', async (t) => {
  const server = await Server.start(t);
  const john = await new Api(server).register();
  const folder = temporaryDirectory(t);
  symlinkSync(join(HERE, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'example.mjs'), block('docs/STOMP.md', 'js'));
  const result = await run('node', ['example.mjs'], { cwd: folder, env: { PATH: process.env.PATH, SERVER: `ws://${server.host}`, TOKEN: john.token } });
  assert.match(result.output, /^message [\w-]+:\d+ good: Hello\n$/);
  assert.equal(result.code, 0);
});

test('the example of docs/SOCKJS.md', async (t) => {
  const server = await Server.start(t);
  const john = await new Api(server).register();
  const result = await run('bash', ['--norc', '-ec', block('docs/SOCKJS.md', 'bash')], { env: { PATH: process.env.PATH, SERVER: server.url, TOKEN: john.token } });
  assert.match(result.output, /^o\na\["CONNECTED\\nversion:1\.2\\n.*"\]\na\["MESSAGE\\nsubscription:1\\ndestination:\/topic\/rooms\/lobby\\n.*\{\\"text\\":\\"Hello\\"\}\\u0000"\]\n$/);
});

test('the example of docs/SOCKETIO.md', async (t) => {
  const server = await Server.start(t);
  const john = await new Api(server).register();
  const result = await run('bash', ['--norc', '-ec', block('docs/SOCKETIO.md', 'bash')], { env: { PATH: process.env.PATH, SERVER: server.url, TOKEN: john.token } });
  assert.match(result.output, /^ok\n40\{"sid":"[\w-]+","pid":"[\w.-]+"\}\x1e42\["connection\.established",\{.*\},\{"epoch":"[\w-]+","seq":\d+,"recovered":false\},"[\w-]+:\d+"\]\n$/);
});

test('the five minutes of docs/FLAGS.md', async (t) => {
  const server = await Server.start(t);
  const admin = await new Api(server).member('admin');
  const folder = temporaryDirectory(t);
  symlinkSync(join(HERE, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'stream.mjs'), "import EventSource from 'eventsource';\nglobalThis.EventSource ??= EventSource;\n"); // what a browser has
  const env = { PATH: process.env.PATH, BASE: server.url, ADMIN: admin.token };
  const end = (each) => t.after(async () => { each.child.stdin.end(); each.signal('SIGKILL'); await each.exited; });
  const shell = new Process('bash', ['--norc'], { env, detached: true });
  t.after(() => { try { process.kill(-shell.child.pid, 'SIGKILL'); } catch { /* all of it has ended */ } });
  let page;
  let scripts = 0;
  // What the document shows, up to what differs from run to run.
  const pattern = (text) => new RegExp(text.trim().split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*'));
  const blocks = [...document('docs/FLAGS.md').matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, language, text]) => [language, text]);
  assert.deepEqual(blocks.map(([language]) => language).join(' '), 'sh sh sh json sh json sh js js sh sh json json sh sh json sh json');
  const spoken = (text) => text.startsWith('{"type":"flag_update"'); // over STOMP
  for (const [at, [language, text]] of blocks.filter(([, each]) => !spoken(each)).entries()) {
    if (language === 'sh') {
      shell.child.stdin.write(`${text}\necho; echo "block ${at} ended"\n`);
      await shell.printed(new RegExp(`block ${at} ended`));
      if (text.trim().endsWith('&')) await shell.printed(/connection\.established/);
    } else if (language === 'json') {
      await shell.printed(pattern(text));
    } else {
      const file = `example-${++scripts}.mjs`;
      writeFileSync(join(folder, file), text);
      page = new Process(process.execPath, ['--import', './stream.mjs', file], { cwd: folder, env });
      end(page);
      await page.printed(scripts === 1 ? /^true\n$/ : /^the new checkout is on\n$/);
    }
  }
  await page.printed(/the new checkout is off\n/);
  assert.doesNotMatch(shell.output, /"success":false/);
});
