// A client of STOMP, as small as one can be: it writes its frames itself, to show that they are nothing but lines of
// text: a command, headers, an empty line, a body, a NUL. And the log in which pages show what it says.
'use strict';

class SmallStomp {
  static SUBPROTOCOLS = ['v12.stomp', 'v11.stomp'];
  static ESCAPES = { '\\': '\\\\', '\n': '\\n', ':': '\\c', '\r': '\\r' };
  static UNESCAPES = { '\\\\': '\\', '\\n': '\n', '\\c': ':', '\\r': '\r' };

  // transport: of SmallSockJs, or none for a WebSocket; headers: of CONNECT; on: {connected, message, receipt, error, closed}
  constructor(transport, headers, on) {
    this.on = on;
    this.ids = 0;
    this.receipts = new Map(); // id -> what to say once it came
    this.socket = transport ? new SmallSockJs('/ws', transport)
      : new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`, SmallStomp.SUBPROTOCOLS);
    this.socket.onopen = () => this.say('CONNECT', { 'accept-version': '1.2,1.1', host: location.hostname, ...headers });
    this.socket.onmessage = ({ data }) => { if (!this.ended && data.trim() !== '') this.take(SmallStomp.parse(data)); };
    this.socket.onclose = ({ code, reason }) => {
      if (this.ended) return;
      this.ended = true;
      on.closed(`${code} ${reason}`.trim());
    };
  }

  static frame(command, headers, body = '') {
    const escape = command === 'CONNECT' ? String : (text) => String(text).replace(/[\\\n:\r]/g, (each) => SmallStomp.ESCAPES[each]);
    const lines = Object.entries(headers).map(([name, value]) => `${escape(name)}:${escape(value)}\n`);
    return `${command}\n${lines.join('')}\n${body}\0`;
  }

  static parse(text) {
    const end = text.indexOf('\n\n');
    const [command, ...lines] = text.slice(0, end).split('\n');
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon)] ??= line.slice(colon + 1).replace(/\\[\\ncr]/g, (each) => SmallStomp.UNESCAPES[each]);
    }
    return { command, headers, body: text.slice(end + 2, text.lastIndexOf('\0')) };
  }

  take({ command, headers, body }) {
    if (command === 'CONNECTED') return this.on.connected(headers);
    if (command === 'ERROR') return this.on.error(headers);
    if (command === 'MESSAGE') return this.on.message(headers, body);
    const done = this.receipts.get(headers['receipt-id']);
    this.receipts.delete(headers['receipt-id']);
    return this.on.receipt(done ?? '');
  }

  say(command, headers, body) { this.socket.send(SmallStomp.frame(command, headers, body)); }

  // With what `receipt` is to hear once the server has done it.
  ask(done, command, headers, body) {
    const receipt = String(++this.ids);
    this.receipts.set(receipt, done);
    this.say(command, { ...headers, receipt }, body);
  }

  subscribe(destination, done) {
    const id = String(++this.ids);
    this.ask(done, 'SUBSCRIBE', { id, destination });
    return id;
  }

  close() { this.socket.close(1000); }
}

// A line on top of a list, with its time; the oldest of too many go.
function logLine(list, what, text, title = '') {
  const LINES_MAX = 300;
  const now = new Date();
  const time = document.createElement('time');
  time.dateTime = now.toISOString();
  time.textContent = `${now.toLocaleTimeString([], { hour12: false })}.${String(now.getMilliseconds()).padStart(3, '0')}`;
  const item = document.createElement('li');
  item.title = title;
  item.dataset.what = what;
  item.append(time, ` ${what} `, Object.assign(document.createElement('code'), { textContent: text }));
  list.prepend(item);
  while (list.children.length > LINES_MAX) list.lastElementChild.remove();
}
