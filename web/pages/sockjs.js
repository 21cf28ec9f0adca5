// A client of SockJS, as small as one can be: it looks like a WebSocket whose messages travel by one of four transports.
// For pages of today; the npm package sockjs-client is for those of yesterday, too.
'use strict';

class SmallSockJs {
  // base: the address where SockJS answers, such as "/ws"; transport: websocket, xhr_streaming, eventsource or xhr
  constructor(base, transport) {
    this.address = `${base}/000/${crypto.getRandomValues(new Uint32Array(4)).join('')}`;
    this.unsent = [];
    this.aborting = new AbortController();
    this[transport]();
  }

  // ---- how messages come ----

  websocket() {
    const address = new URL(`${this.address}/websocket`, location);
    address.protocol = address.protocol.replace('http', 'ws');
    this.socket = new WebSocket(address);
    this.socket.onmessage = ({ data }) => this.take(data);
    this.socket.onclose = ({ code, reason }) => this.end(code, reason);
  }

  eventsource() {
    this.source = new EventSource(`${this.address}/eventsource`);
    this.source.onmessage = ({ data }) => this.take(data);
    this.source.onerror = () => { if (this.source.readyState === EventSource.CLOSED) this.end(1006, 'refused'); };
  }

  xhr() { return this.receive('xhr'); }
  xhr_streaming() { return this.receive('xhr_streaming'); }

  // One request after another; of a stream every line counts as soon as it is there.
  async receive(transport) {
    try {
      while (!this.ended) {
        const answer = await fetch(`${this.address}/${transport}`, { method: 'POST', signal: this.aborting.signal });
        if (!answer.ok) return this.end(1006, `status ${answer.status}`);
        let rest = '';
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          const lines = (rest + part.value).split('\n');
          rest = lines.pop();
          lines.forEach((line) => this.take(line));
        }
      }
    } catch (error) {
      this.end(1006, error.message);
    }
  }

  // A frame: o open, h heart-beat, a messages, c close.
  take(frame) {
    if (this.ended) return;
    if (frame[0] === 'o') this.onopen();
    if (frame[0] === 'a') for (const data of JSON.parse(frame.slice(1))) this.onmessage({ data });
    if (frame[0] === 'c') this.end(...JSON.parse(frame.slice(1)));
  }

  end(code, reason) {
    if (this.ended) return;
    this.ended = true;
    this.aborting.abort();
    this.source?.close();
    this.socket?.close();
    this.onclose({ code, reason });
  }

  // ---- how messages go ----

  send(text) {
    if (this.socket) return this.socket.send(JSON.stringify([text]));
    this.unsent.push(text);
    if (!this.sending) this.flush();
  }

  // One request at a time, so that messages arrive in order.
  async flush() {
    this.sending = true;
    try {
      while (this.unsent.length > 0 && !this.ended) {
        const answer = await fetch(`${this.address}/xhr_send`, { method: 'POST', body: JSON.stringify(this.unsent.splice(0)), signal: this.aborting.signal });
        if (!answer.ok) this.end(1006, `status ${answer.status}`);
      }
    } catch (error) {
      this.end(1006, error.message);
    }
    this.sending = false;
  }

  close() { this.end(1000, ''); }
}
