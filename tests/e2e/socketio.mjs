// Clients of Socket.IO as tests see them: socket.io-client of several versions whose events can be waited for, and one
// that says packets as they are, over a WebSocket or by polling.
import WebSocket from 'ws';

import { io as latest } from 'socket.io-client';
import { io as older } from 'socket.io-client-4.7';
import { io as oldest } from 'socket.io-client-3';

import { within } from './server.mjs';

const WAIT_MS = 20_000;

// [version, its `io`, its package].
export const VERSIONS = [['4.8', latest, 'socket.io-client'], ['4.7', older, 'socket.io-client-4.7'], ['3.1', oldest, 'socket.io-client-3']];
export const WAYS = [['polling'], ['websocket'], ['polling', 'websocket']];

// What comes, in its order, for whoever waits for it.
export class Inbox {
  constructor() { this.all = []; this.looks = new Set(); }

  put(item) { this.all.push(item); for (const look of this.looks) look(); }

  async until(ms, what, found) {
    let look;
    const answer = new Promise((done) => {
      look = () => {
        const item = found(this.all);
        if (item === undefined) return;
        this.looks.delete(look);
        done(item);
      };
    });
    this.looks.add(look);
    look();
    try {
      return await within(ms, () => `${what} in ${JSON.stringify(this.all)}`, answer);
    } finally {
      this.looks.delete(look);
    }
  }
}

// A socket in one namespace. `taken`: events as [name, ...arguments], in their order.
export class Seat {
  constructor(t, server, { namespace = '/', io = latest, auth, ...options } = {}) {
    this.listen(t, io(server.url + namespace, { auth, reconnectionDelay: 50, reconnectionDelayMax: 200, forceNew: true, ...options }));
  }

  // Another seat on the connection of the first.
  static beside(t, seat, namespace, auth) {
    const other = Object.create(Seat.prototype);
    other.listen(t, seat.socket.io.socket(namespace, { auth }));
    return other;
  }

  listen(t, socket) {
    this.inbox = new Inbox();
    this.socket = socket;
    this.socket.onAny((...event) => this.inbox.put(event));
    for (const name of ['connect', 'disconnect', 'connect_error']) this.socket.on(name, (about) => this.inbox.put([`(${name})`, about]));
    t.after(() => this.socket.close());
  }

  get events() { return this.inbox.all.filter(([name]) => !name.startsWith('(')); }

  // The nth event of this name.
  take(name, nth = 1) {
    return this.inbox.until(WAIT_MS, `${name} #${nth}`, (all) => all.filter(([each]) => each === name)[nth - 1]);
  }

  // The first event that the test likes.
  find(what, like) { return this.inbox.until(WAIT_MS, what, (all) => all.find(like)); }

  // The acknowledgement of an event.
  ask(...event) {
    return within(WAIT_MS, () => `the acknowledgement of ${event[0]}`, new Promise((done) => { this.socket.emit(...event, done); }));
  }
}

// Packets of Engine.IO on a WebSocket, but for pings, which it answers.
export class RawSocket {
  static async open(server, path = '/socket.io/') {
    const raw = new RawSocket();
    raw.inbox = new Inbox();
    raw.socket = new WebSocket(`ws://${server.host}${path}?EIO=4&transport=websocket`);
    raw.closed = new Promise((done) => { raw.socket.on('close', (code, reason) => done({ code, reason: String(reason) })); });
    raw.socket.on('error', () => {});
    raw.socket.on('message', (data, binary) => {
      if (!binary && String(data) === '2') return raw.socket.send('3');
      return raw.inbox.put(binary ? Buffer.from(data) : String(data));
    });
    raw.handshake = JSON.parse((await raw.next()).slice(1));
    return raw;
  }

  // The next packet that nobody has taken.
  next() { return this.inbox.until(WAIT_MS, 'a packet', (all) => all.shift()); }

  send(...packets) { for (const packet of packets) this.socket.send(packet); }

  close() { this.socket.close(); }
}

// The same by polling: packets as they stand in payloads.
export class Polling {
  static async open(server, path = '/socket.io/') {
    const polling = new Polling();
    polling.url = `${server.url}${path}?EIO=4&transport=polling`;
    const [open] = await polling.poll();
    polling.handshake = JSON.parse(open.slice(1));
    polling.url += `&sid=${polling.handshake.sid}`;
    return polling;
  }

  async poll() { return (await (await fetch(this.url)).text()).split('\x1e'); }

  send(...packets) { return fetch(this.url, { method: 'POST', body: packets.join('\x1e') }); }
}
