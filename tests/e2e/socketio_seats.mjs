// A seat of Socket.IO as tests see it: everything that came, in order, and what the client is answered.
import { io } from 'socket.io-client';

import { within } from './server.mjs';

const WAIT_MS = 10_000;

export class Seat {
  // Resolves once the namespace has said its welcome; rejects with the error of CONNECT.
  static async open(t, server, namespace, auth = {}, { welcome = `${namespace.slice(1)}_connected`, ...options } = {}) {
    const socket = io(server.url + namespace, { auth, forceNew: true, transports: ['websocket'], reconnectionDelay: 50, reconnectionDelayMax: 50, ...options });
    const seat = new Seat(socket);
    t.after(() => socket.disconnect());
    await within(WAIT_MS, `the answer to CONNECT in ${namespace}`, new Promise((done, fail) => {
      socket.once('connect', done);
      socket.once('connect_error', (error) => { socket.disconnect(); fail(error); });
    }));
    if (welcome) seat.welcome = (await seat.next(welcome)).data;
    return seat;
  }

  constructor(socket) {
    this.socket = socket;
    this.events = [];
    this.waiting = new Set();
    this.taken = 0; // by next()
    socket.onAny((name, data, meta, position) => {
      this.events.push({ name, data, meta, position });
      for (const look of this.waiting) look();
    });
  }

  // The next event of this name that `wants`, after what next() has answered before.
  next(name, wants = () => true) {
    let look;
    const found = new Promise((done) => {
      look = () => {
        const at = this.events.findIndex((event, i) => i >= this.taken && event.name === name && wants(event));
        if (at < 0) return;
        this.waiting.delete(look); // more may come in this same turn
        this.taken = at + 1;
        done(this.events[at]);
      };
    });
    this.waiting.add(look);
    look();
    const heard = () => `${name} among ${this.events.slice(this.taken).map((event) => JSON.stringify(event)).join('\n')}`;
    return within(WAIT_MS, heard, found).finally(() => this.waiting.delete(look));
  }

  ask(name, ...data) { return this.socket.timeout(WAIT_MS).emitWithAck(name, ...data); }

  // Since the mark: the names and data of what came.
  since(mark) { return this.events.slice(mark).map(({ name, data }) => [name, data]); }
  get mark() { return this.events.length; }

  // The transport breaks, and the client does not come back by itself.
  async leave() {
    this.socket.io.reconnection(false);
    const gone = new Promise((done) => this.socket.once('disconnect', done));
    this.socket.io.engine.close();
    await within(WAIT_MS, 'the end of the transport', gone);
  }

  // What comes from here on is next().
  async comeBack() {
    const back = new Promise((done) => this.socket.once('connect', done));
    this.taken = this.events.length;
    this.socket.connect();
    await within(WAIT_MS, 'the connection after a break', back);
  }
}
