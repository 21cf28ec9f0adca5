// A client of corohub as tests see it: REST calls, and a WebSocket whose messages can be waited for.
import WebSocket from 'ws';

import { judge } from './openapi.mjs';
import { record, recordAll } from './recording.mjs';
import { within } from './server.mjs';

const WAIT_MS = 10_000;
let accounts = 0;

export class Api {
  constructor(server) { this.server = server; }

  async request(method, path, { token, body, headers = {} } = {}) {
    const response = await fetch(this.server.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const complaints = judge(method, path, { status: response.status, type: response.headers.get('content-type') || '', text });
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
    const json = /json/.test(response.headers.get('content-type') || '') && text ? JSON.parse(text) : undefined;
    if (response.ok && /^\/api\/v1\/(events|topics\/.*\/history)/.test(path) && Array.isArray(json?.data)) recordAll(json.data);
    return { status: response.status, headers: response.headers, text, json };
  }

  // Answers the body's `data`; anything but the expected status is an error that shows the answer.
  async expect(status, method, path, options) {
    const answer = await this.request(method, path, options);
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} instead of ${status}: ${answer.text}`);
    return answer.json && 'data' in answer.json ? answer.json.data : answer.json;
  }

  async register({ name = 'John Doe', email = `john.${process.pid}.${++accounts}@example.com`, password = 'secure123' } = {}) {
    const data = await this.expect(201, 'POST', '/api/v1/auth/register', { body: { name, email, password } });
    return new Account(this, email, password, data);
  }

  async login(email, password) {
    return new Account(this, email, password, await this.expect(200, 'POST', '/api/v1/auth/login', { body: { email, password } }));
  }

  // An account of any role, logged in.
  async member(role) {
    if (role === 'user') return this.register();
    const account = { name: `The ${role}`, email: `${role}.${process.pid}.${++accounts}@example.com`, role, password: 'secure123' };
    await this.server.createUser(account);
    return this.login(account.email, account.password);
  }

  connect(options) { return Feed.open(this.server, options); }
}

// One login of one user.
export class Account {
  constructor(api, email, password, login) {
    this.api = api;
    this.email = email;
    this.password = password;
    this.take(login);
  }

  take(login) {
    this.user = login.user;
    this.id = login.user.id;
    this.token = login.access_token;
    this.refreshToken = login.refresh_token;
  }

  async refresh() {
    this.take(await this.api.expect(200, 'POST', '/api/v1/auth/refresh', { body: { refresh_token: this.refreshToken } }));
  }

  again() { return this.api.login(this.email, this.password); } // another session of the same user
  request(method, path, options = {}) { return this.api.request(method, path, { token: this.token, ...options }); }
  expect(status, method, path, options = {}) { return this.api.expect(status, method, path, { token: this.token, ...options }); }
  connect(options = {}) { return this.api.connect({ token: this.token, ...options }); }
}

// The answer to a handshake that was refused.
export class Refused extends Error {
  constructor(status, body) {
    super(`the handshake was answered ${status}: ${body}`);
    this.status = status;
    this.body = body;
  }
}

// The server's `error` to a message.
export class Refusal extends Error {
  constructor(type, { code, message }) {
    super(`${type}: ${code}: ${message}`);
    this.code = code;
  }
}

// A WebSocket, everything that came over it in order, and how it ended.
export class Feed {
  // Resolves once the welcome is there.
  static async open(server, { token, query, headers, protocols, welcome = true, ...options } = {}) {
    const search = new URLSearchParams(query || (token === undefined ? {} : { token }));
    const feed = new Feed(`ws://${server.host}/ws?${search}`, protocols, { headers, ...options });
    await within(WAIT_MS, 'the handshake', feed.opened);
    if (welcome) feed.welcome = await feed.next('connection.established');
    return feed;
  }

  constructor(url, protocols, options) {
    this.messages = [];
    this.texts = []; // of the messages
    this.questions = 0;
    this.waiting = new Set();
    this.socket = new WebSocket(url, protocols, options);
    this.opened = new Promise((done, fail) => {
      this.socket.on('open', done);
      this.socket.on('error', fail);
      this.socket.on('unexpected-response', (request, response) => {
        let body = '';
        response.on('data', (chunk) => { body += chunk; }).on('end', () => { request.destroy(); fail(new Refused(response.statusCode, body)); });
      });
    });
    this.socket.on('message', (bytes) => {
      const text = bytes.toString();
      record(text);
      this.texts.push(text);
      this.messages.push(JSON.parse(text));
      for (const look of this.waiting) look();
    });
    this.end = new Promise((done) => {
      this.socket.on('close', (code, reason) => {
        this.closedWith = { code, reason: reason.toString() };
        done(this.closedWith);
        for (const look of this.waiting) look();
      });
    });
  }

  send(message) { this.socket.send(typeof message === 'string' ? message : JSON.stringify(message)); }

  // Says something and resolves with the reply's data, or fails with a Refusal.
  async ask(type, data) {
    const id = `${type} ${++this.questions}`;
    this.send({ type, id, data });
    return this.answer(id);
  }

  async answer(id, type = `message ${id}`) {
    let look;
    const found = new Promise((done, fail) => {
      look = () => {
        const message = this.messages.find((each) => each.id === id && (each.type === 'reply' || each.type === 'error'));
        if (message?.type === 'reply') done(message.data);
        else if (message) fail(new Refusal(type, message.data));
        else if (this.closedWith) fail(new Error(`closed with ${JSON.stringify(this.closedWith)} before the answer to ${type}`));
      };
    });
    this.waiting.add(look);
    look();
    return within(WAIT_MS, () => `the answer to ${type}; came: ${this.types()}`, found).finally(() => this.waiting.delete(look));
  }

  // The first message, received or still to come, of that type (and that is as `where` wants it).
  async next(type, where = () => true, ms = WAIT_MS) {
    const wanted = (message) => message.type === type && where(message);
    let look;
    const found = new Promise((done, fail) => {
      look = () => {
        const message = this.messages.find(wanted);
        if (message) done(message);
        else if (this.closedWith) fail(new Error(`closed with ${JSON.stringify(this.closedWith)} before ${type}; came: ${this.types()}`));
      };
    });
    this.waiting.add(look);
    look();
    return within(ms, () => `${type}; came: ${this.types()}`, found).finally(() => this.waiting.delete(look));
  }

  count(type) { return this.messages.filter((message) => message.type === type).length; }
  types() { return this.messages.map((message) => message.type).join(', '); }

  // How the server ended it: {code, reason}.
  closed(ms = WAIT_MS) { return within(ms, () => `the close; came: ${this.types()}`, this.end); }

  async close() {
    this.socket.close(1000);
    return this.closed();
  }
}

// A broadcast as a barrier: what was committed before it has come to each feed once this resolves.
export async function barrier(admin, ...feeds) {
  const message = `barrier ${++accounts}`;
  await admin.expect(200, 'POST', '/ws/broadcast', { body: { message } });
  await Promise.all(feeds.map((feed) => feed.next('system.alert', (alert) => alert.data.message === message)));
}

export { WebSocket };
