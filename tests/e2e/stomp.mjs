// STOMP clients as tests see them: @stomp/stompjs over a WebSocket or over sockjs-client, and frames written by hand.
import { Client } from '@stomp/stompjs';
import SockJS from 'sockjs-client';
import WebSocket from 'ws';

import { Refused } from './api.mjs';
import { within } from './server.mjs';

const WAIT_MS = 10_000;
export const VERSIONS = ['v12.stomp', 'v11.stomp', 'v10.stomp'];

// ---- frames ----

const ESCAPES = { '\\': '\\\\', '\n': '\\n', ':': '\\c', '\r': '\\r' };
const escaped = (text) => String(text).replace(/[\\\n:\r]/g, (each) => ESCAPES[each]);
const unescaped = (text) => text.replace(/\\([\\ncr])/g, (_, each) => ({ '\\': '\\', n: '\n', c: ':', r: '\r' })[each]);

// A frame of version 1.2. The headers of CONNECT are not escaped.
export function frame(command, headers = {}, body = '') {
  const plain = command === 'CONNECT' || command === 'CONNECTED';
  const lines = Object.entries(headers).map(([name, value]) => (plain ? `${name}:${value}\n` : `${escaped(name)}:${escaped(value)}\n`));
  return `${command}\n${lines.join('')}\n${body}\0`;
}

// The first of repeated headers counts.
export function parse(text) {
  const end = text.indexOf('\n\n');
  const [command, ...lines] = text.slice(0, end).split('\n');
  const headers = {};
  for (const line of lines) {
    const [name, value] = [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)].map(command === 'CONNECTED' ? String : unescaped);
    headers[name] ??= value;
  }
  return { command, headers, body: text.slice(end + 2, text.lastIndexOf('\0')) };
}

// A MESSAGE as the native protocol would have said it.
export function eventOf({ headers, body }) {
  const event = { type: headers['corohub-type'], data: JSON.parse(body), timestamp: headers['corohub-time'] };
  if (headers['corohub-seq'] !== undefined) event.seq = Number(headers['corohub-seq']);
  if (headers['corohub-topic'] !== undefined) event.topic = headers['corohub-topic'];
  return event;
}

// An ERROR frame as what a test may expect to be thrown.
export class StompError extends Error {
  constructor({ headers, body }) {
    super(`ERROR ${headers.code}: ${headers.message}: ${body}`);
    this.code = headers.code;
    this.headers = headers;
  }
}

// Something that frames come from, in order, and that ends once.
class Receiver {
  constructor() {
    this.frames = [];
    this.waiting = new Set();
    this.end = new Promise((done) => { this.ended = done; });
  }

  take(each) {
    this.frames.push(each);
    this.look();
  }

  close(how) {
    this.closedWith = how;
    this.ended(how);
    this.look();
  }

  look() { for (const look of this.waiting) look(); }

  // What `find` gives once that is something; fails with the ERROR that came before it, unless that is what is looked for.
  async until(what, find, ms = WAIT_MS) {
    let look;
    const found = new Promise((done, fail) => {
      look = () => {
        const value = find();
        if (value) return done(value);
        const error = this.frames.find(({ command }) => command === 'ERROR');
        if (error) return fail(new StompError(error));
        if (this.closedWith) fail(new Error(`closed with ${JSON.stringify(this.closedWith)} before ${what}; came: ${this.summary()}`));
      };
    });
    this.waiting.add(look);
    look();
    return within(ms, () => `${what}; came: ${this.summary()}`, found).finally(() => this.waiting.delete(look));
  }

  summary() { return this.frames.map(({ command, headers }) => [command, headers.destination, headers['receipt-id'], headers.message].filter(Boolean).join(' ')).join(', '); }

  get messages() { return this.frames.filter(({ command }) => command === 'MESSAGE'); }
  in(destination) { return this.messages.filter(({ headers }) => headers.destination === destination); }
  bodies(destination) { return this.in(destination).map(({ body }) => JSON.parse(body)); }

  // The first frame of that command, received or still to come, that is as `where` wants it.
  next(command, where = () => true, ms = WAIT_MS) {
    return this.until(command, () => this.frames.find((each) => each.command === command && where(each)), ms);
  }

  // The first message there with that body.
  said(destination, body, ms = WAIT_MS) {
    const text = JSON.stringify(body);
    return this.until(`${text} in ${destination}`, () => this.in(destination).find((each) => each.body === text), ms);
  }

  error() { return this.next('ERROR'); }
  closed(ms = WAIT_MS) { return within(ms, () => `the close; came: ${this.summary()}`, this.end); }
}

// ---- the usual client ----

const socketFactory = {
  // Of the library's protocols `protocols` may be others; none is what a client without subprotocol offers.
  websocket: (server, { path, query = '', protocols, headers }) => (offered) => new WebSocket(`ws://${server.host}${path}${query}`, protocols || offered, { headers }),
  sockjs: (server, { path, query = '', transport }) => () => new SockJS(`${server.url}${path}${query}`, null, { transports: [transport], timeout: WAIT_MS }),
};

// @stomp/stompjs. `transport`: over sockjs-client with that transport alone.
export class Stomp extends Receiver {
  // Resolves once CONNECTED came.
  static async open(server, options = {}) {
    const stomp = new Stomp(server, options);
    stomp.connected = await within(WAIT_MS, 'CONNECTED', stomp.opened);
    return stomp;
  }

  constructor(server, { path = '/ws', query, token, headers = {}, heartbeat = [0, 0], reconnect = 0, transport, protocols, upgradeHeaders, ...config } = {}) {
    super();
    this.receipts = 0;
    const place = { path, query, protocols, transport, headers: upgradeHeaders };
    this.client = new Client({
      webSocketFactory: () => {
        const socket = socketFactory[transport ? 'sockjs' : 'websocket'](server, place)(this.client.stompVersions.protocolVersions());
        this.socket = socket;
        return socket;
      },
      connectHeaders: { ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }), ...headers },
      heartbeatOutgoing: heartbeat[0],
      heartbeatIncoming: heartbeat[1],
      reconnectDelay: reconnect,
      ...config,
    });
    this.opened = new Promise((done, fail) => {
      this.client.onConnect = ({ headers: said }) => { done(said); config.onConnect?.(said); };
      this.client.onStompError = (error) => {
        this.take({ command: 'ERROR', headers: error.headers, body: error.body });
        fail(new StompError(error));
      };
      this.client.onWebSocketError = (event) => { this.failure = event; };
      this.client.onWebSocketClose = ({ code, reason }) => {
        const how = { code, reason };
        fail(new Error(`closed with ${JSON.stringify(how)}: ${this.failure?.message || ''}`));
        if (!reconnect) this.close(how);
      };
    });
    this.opened.catch(() => {});
    this.client.activate();
  }

  // What a receipt's headers are.
  async receipt(ask) {
    const id = `receipt ${++this.receipts}`;
    let came;
    this.client.watchForReceipt(id, ({ headers }) => { came = headers; this.look(); });
    ask(id);
    return this.until(`the receipt of ${id}`, () => came);
  }

  // Resolves once the server has said so: {id, receipt}.
  async subscribe(destination, headers = {}) {
    let id;
    const receipt = await this.receipt((name) => {
      ({ id } = this.client.subscribe(destination, (message) => this.take(this.received(message)), { ...headers, receipt: name }));
    });
    return { id, receipt };
  }

  received(message) {
    return { command: 'MESSAGE', headers: message.headers, message, get body() { return message.body; }, get binary() { return Buffer.from(message.binaryBody); } };
  }

  unsubscribe(id, headers = {}) { return this.receipt((receipt) => this.client.unsubscribe(id, { ...headers, receipt })); }

  // Data, as JSON. Resolves with its receipt.
  send(destination, data, headers = {}) { return this.say(destination, JSON.stringify(data), { 'content-type': 'application/json', ...headers }); }

  // Text or bytes as they are.
  say(destination, body, headers = {}) {
    const content = Buffer.isBuffer(body) ? { binaryBody: body } : { body };
    return this.receipt((receipt) => this.client.publish({ destination, ...content, headers: { ...headers, receipt } }));
  }

  disconnect() { return this.client.deactivate(); }
}

// ---- frames by hand ----

// A WebSocket on which a test says what it likes.
export class RawStomp extends Receiver {
  static async open(server, { path = '/ws', query = '', protocols = VERSIONS, ...options } = {}) {
    const raw = new RawStomp(`ws://${server.host}${path}${query}`, protocols, options);
    await within(WAIT_MS, 'the handshake', raw.opened);
    return raw;
  }

  // With CONNECTED behind it.
  static async connect(server, token, { headers = {}, ...options } = {}) {
    const raw = await RawStomp.open(server, options);
    raw.send(frame('CONNECT', { 'accept-version': '1.0,1.1,1.2', host: 'corohub', Authorization: `Bearer ${token}`, ...headers }));
    raw.connected = (await raw.next('CONNECTED')).headers;
    return raw;
  }

  constructor(url, protocols, options) {
    super();
    this.heartbeats = 0;
    this.socket = new WebSocket(url, protocols, options);
    this.opened = new Promise((done, fail) => {
      this.socket.on('open', done).on('error', fail);
      this.socket.on('unexpected-response', (request, response) => {
        let body = '';
        response.on('data', (chunk) => { body += chunk; }).on('end', () => { request.destroy(); fail(new Refused(response.statusCode, body)); });
      });
    });
    this.socket.on('message', (bytes) => {
      const text = bytes.toString();
      if (text.trim() === '') ++this.heartbeats;
      else this.take(parse(text));
      this.look();
    });
    this.socket.on('close', (code, reason) => this.close({ code, reason: reason.toString() }));
  }

  send(text) { this.socket.send(text); }

  async ask(command, headers, body) {
    const receipt = `${command} ${this.frames.length}`;
    this.send(frame(command, { ...headers, receipt }, body));
    return (await this.next('RECEIPT', ({ headers: said }) => said['receipt-id'] === receipt)).headers;
  }

  publish(destination, data, headers = {}) { return this.ask('SEND', { destination, 'content-type': 'application/json', ...headers }, JSON.stringify(data)); }
}
