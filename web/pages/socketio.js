// A client of Socket.IO 5 over Engine.IO 4, as small as one can be: one namespace, by polling, on a WebSocket, or from one
// to the other as browsers usually do it. For pages of today and to show what is on the wire; the npm package
// socket.io-client has acknowledgements with time-outs, Buffers and reconnection, too.
'use strict';

class SmallSocketIo {
  static SEPARATOR = '\x1e'; // between the packets of one payload

  // transport: polling, websocket or upgrade; on: {connected, event, refused, closed}
  constructor(namespace, transport, auth, on) {
    this.prefix = namespace === '/' ? '' : `${namespace},`;
    this.auth = auth;
    this.on = on;
    this.unsent = [];
    this.aborting = new AbortController();
    if (transport === 'websocket') this.openSocket('');
    else this.openPolling(transport === 'upgrade');
  }

  address(transport, more = '') { return `/socket.io/?EIO=4&transport=${transport}${more}`; }

  // ---- Engine.IO: how packets travel ----

  async openPolling(upgrades) {
    try {
      const { sid } = JSON.parse((await this.ask('GET', '')).slice(1));
      this.sid = sid;
      this.introduce();
      if (upgrades) this.openSocket(`&sid=${sid}`);
      // The poll under way when the WebSocket has answered is the last one: the server answers it at once.
      while (!this.ended && !this.probed) (await this.ask('GET', `&sid=${sid}`)).split(SmallSocketIo.SEPARATOR).forEach((packet) => this.take(packet));
      if (!this.ended) await this.changeOver();
    } catch (error) {
      this.end(error.message);
    }
  }

  async ask(method, query, body) {
    const answer = await fetch(this.address('polling', query), { method, body, signal: this.aborting.signal });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${answer.status} ${text}`);
    return text;
  }

  openSocket(query) {
    const address = new URL(this.address('websocket', query), location);
    address.protocol = address.protocol.replace('http', 'ws');
    const socket = new WebSocket(address);
    this.aborting.signal.addEventListener('abort', () => socket.close());
    socket.onopen = () => { if (query) socket.send('2probe'); else this.socket = socket; };
    socket.onmessage = ({ data }) => {
      if (query && data === '3probe') this.probed = socket; else this.take(data);
    };
    socket.onclose = ({ code, reason }) => { if (socket === this.socket || !query) this.end(`${code} ${reason}`.trim()); };
  }

  async changeOver() {
    await this.flushing; // what is on its way by POST comes first
    this.probed.send('5');
    this.socket = this.probed;
    this.flushing = this.flush();
  }

  send(packet) {
    this.unsent.push(packet);
    if (!this.sending) this.flushing = this.flush();
  }

  // One request at a time, so that packets arrive in order.
  async flush() {
    this.sending = true;
    try {
      while (this.unsent.length > 0 && !this.ended) {
        const packets = this.unsent.splice(0);
        if (this.socket) packets.forEach((packet) => this.socket.send(packet));
        else await this.ask('POST', `&sid=${this.sid}`, packets.join(SmallSocketIo.SEPARATOR));
      }
    } catch (error) {
      this.end(error.message);
    }
    this.sending = false;
  }

  // 0 open, 1 close, 2 ping, 4 message, 6 nothing.
  take(packet) {
    if (this.ended) return;
    if (packet[0] === '0') this.introduce();
    if (packet[0] === '1') this.end('closed');
    if (packet[0] === '2') this.send('3');
    if (packet[0] === '4') this.hear(packet[1], packet.slice(2));
  }

  end(why) {
    if (this.ended) return;
    this.ended = true;
    this.aborting.abort();
    this.on.closed(why);
  }

  // ---- Socket.IO: what they say ----

  introduce() { this.send(`40${this.prefix}${JSON.stringify(this.auth)}`); }

  // 0 connected, 1 disconnected, 2 event, 4 refused.
  hear(type, rest) {
    if (!rest.startsWith(this.prefix)) return;
    const text = rest.slice(this.prefix.length);
    if (type === '0') this.on.connected(JSON.parse(text), this.socket ? 'websocket' : 'polling');
    if (type === '1') this.end('disconnected by the server');
    if (type === '4') this.on.refused(JSON.parse(text));
    if (type === '2') this.on.event(...JSON.parse(text));
  }

  emit(name, ...args) { this.send(`42${this.prefix}${JSON.stringify([name, ...args])}`); }

  // The connection, not the namespace: whoever comes back goes on where it was.
  close() {
    if (!this.socket && this.sid) navigator.sendBeacon(this.address('polling', `&sid=${this.sid}`), '1');
    this.end('closed here');
  }
}
