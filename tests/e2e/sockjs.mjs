// SockJS by hand: what sockjs-client hides.
import http from 'node:http';
import { randomUUID } from 'node:crypto';

import { within } from './server.mjs';

const WAIT_MS = 10_000;

// One request: resolves with the whole answer, or, with `stream`, as soon as its head is there.
export function request(server, method, path, { body, headers = {}, stream = false, agent } = {}) {
  const answered = new Promise((done, fail) => {
    const asking = http.request({ host: '127.0.0.1', port: server.port, method, path, agent, headers: { ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }), ...headers } }, (response) => {
      const answer = new Answer(asking, response);
      if (stream) done(answer);
      else answer.ended.then(() => done(answer), fail);
    });
    asking.on('error', fail).end(body);
  });
  return within(WAIT_MS, `the answer to ${method} ${path}`, answered);
}

// An answer of which there may be more to come.
class Answer {
  constructor(asking, response) {
    this.asking = asking;
    this.status = response.statusCode;
    this.headers = response.headers;
    this.text = '';
    this.watchers = new Set();
    response.setEncoding('utf8').on('data', (text) => {
      this.text += text;
      for (const look of this.watchers) look();
    });
    this.ended = new Promise((done) => {
      const end = (reason) => () => { this.end ??= reason; done(this.end); for (const look of this.watchers) look(); };
      response.on('end', end('end')).on('close', end('cut')).on('error', end('cut'));
    });
  }

  // The match of `pattern` in what came so far or will come.
  async until(pattern) {
    let look;
    const found = new Promise((done, fail) => {
      look = () => {
        const match = this.text.match(pattern);
        if (match) done(match);
        else if (this.end) fail(new Error(`it ended (${this.end}) before ${pattern}: ${this.text.slice(-2000)}`));
      };
    });
    this.watchers.add(look);
    look();
    return within(WAIT_MS, () => `${pattern} in: ${this.text.slice(-2000)}`, found).finally(() => this.watchers.delete(look));
  }

  closed() { return within(WAIT_MS, () => `the end of a body: ${this.text.slice(-500)}`, this.ended); }
  abort() { this.asking.destroy(); }
}

// What SockJS frames stand in a text: [kind, what it carries]. The prelude of a stream is none, and neither is a line
// whose end has not come: a body arrives in pieces, which end anywhere.
export function framesOf(text) {
  return text.split('\n').slice(0, -1).map((line) => line.replace(/^data: /, '').trimEnd()).filter((line) => /^([oh]$|[ac]\[)/.test(line))
    .map((line) => [line[0], line.length > 1 ? JSON.parse(line.slice(1)) : undefined]);
}

export const messagesOf = (text) => framesOf(text).filter(([kind]) => kind === 'a').flatMap(([, list]) => list);

// One session of a client that we are.
export class SockJsSession {
  constructor(server, { base = '/ws', query = '', id = randomUUID(), node = '000', headers = {} } = {}) {
    Object.assign(this, { server, base, query, id, node, headers });
  }

  path(transport) { return `${this.base}/${this.node}/${this.id}/${transport}${this.query}`; }
  post(transport, options = {}) { return request(this.server, 'POST', this.path(transport), { ...options, headers: { ...this.headers, ...options.headers } }); }
  poll(options) { return this.post('xhr', options); }
  say(...texts) { return this.post('xhr_send', { body: JSON.stringify(texts) }); }
  stream(transport = 'xhr_streaming') {
    return request(this.server, transport === 'eventsource' ? 'GET' : 'POST', this.path(transport), { stream: true, headers: this.headers });
  }

  // Polls until as many messages came.
  async take(count) {
    const messages = [];
    while (messages.length < count) {
      const answer = await this.poll();
      if (answer.status !== 200) throw new Error(`a poll was answered ${answer.status}: ${answer.text}`);
      if (answer.text.startsWith('c')) throw new Error(`the session ended: ${answer.text}`);
      messages.push(...messagesOf(answer.text));
    }
    return messages;
  }
}
