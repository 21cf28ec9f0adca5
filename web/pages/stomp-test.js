// The card for STOMP: on a WebSocket, or over SockJS by one of its transports. It writes its frames itself, to show that
// they are nothing but lines of text.
'use strict';

(() => {
  if (location.protocol === 'file:') return;

  const byId = (id) => document.getElementById(id);
  const LINES_MAX = 300;
  const SUBPROTOCOLS = ['v12.stomp', 'v11.stomp'];

  let connection = null; // a WebSocket or a SmallSockJs
  let ids = 0;
  const receipts = new Map(); // id -> what to say once it came

  // ---- frames: a command, headers, an empty line, a body, a NUL ----

  const ESCAPES = { '\\': '\\\\', '\n': '\\n', ':': '\\c', '\r': '\\r' };
  const UNESCAPES = { '\\\\': '\\', '\\n': '\n', '\\c': ':', '\\r': '\r' };

  function frame(command, headers, body = '') {
    const escape = command === 'CONNECT' ? String : (text) => String(text).replace(/[\\\n:\r]/g, (each) => ESCAPES[each]);
    const lines = Object.entries(headers).map(([name, value]) => `${escape(name)}:${escape(value)}\n`);
    return `${command}\n${lines.join('')}\n${body}\0`;
  }

  function parse(text) {
    const end = text.indexOf('\n\n');
    const [command, ...lines] = text.slice(0, end).split('\n');
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon)] ??= line.slice(colon + 1).replace(/\\[\\ncr]/g, (each) => UNESCAPES[each]);
    }
    return { command, headers, body: text.slice(end + 2, text.lastIndexOf('\0')) };
  }

  // ---- the connection ----

  function setState(text) {
    byId('stomp-state').textContent = text;
    byId('stomp-open').disabled = connection !== null;
    byId('stomp-close').disabled = connection === null;
    for (const id of ['stomp-listen', 'stomp-say']) byId(id).disabled = text !== 'Connected';
  }

  function chooseTransport() {
    byId('stomp-transport').disabled = byId('stomp-protocol').value !== 'sockjs';
  }

  function open() {
    if (byId('stomp-protocol').value === 'sockjs') return new SmallSockJs('/ws', byId('stomp-transport').value);
    return new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`, SUBPROTOCOLS);
  }

  function connect() {
    const mine = open();
    connection = mine;
    setState('Connecting…');
    mine.onopen = () => say('CONNECT', { 'accept-version': '1.2,1.1', host: location.hostname, Authorization: `Bearer ${byId('token').value.trim()}` });
    mine.onmessage = ({ data }) => { if (connection === mine && data.trim() !== '') take(parse(data)); };
    mine.onclose = ({ code, reason }) => {
      if (connection !== mine) return;
      connection = null;
      receipts.clear();
      log('closed', `${code} ${reason}`.trim());
      setState('Not connected');
    };
  }

  function say(command, headers, body) { connection.send(frame(command, headers, body)); }

  // With what is to be logged once the server has done it.
  function ask(done, command, headers, body) {
    const receipt = String(++ids);
    receipts.set(receipt, done);
    say(command, { ...headers, receipt }, body);
  }

  function take({ command, headers, body }) {
    if (command === 'CONNECTED') {
      setState('Connected');
      log('connected', `version ${headers.version}`);
    } else if (command === 'RECEIPT') {
      log('done', receipts.get(headers['receipt-id']) ?? '');
      receipts.delete(headers['receipt-id']);
    } else if (command === 'ERROR') {
      log('error', `${headers.code}: ${headers.message}`);
    } else {
      log(headers.destination, body, headers['message-id']);
    }
  }

  // ---- the log, the newest first ----

  function log(what, text, title = '') {
    const now = new Date();
    const time = document.createElement('time');
    time.dateTime = now.toISOString();
    time.textContent = `${now.toLocaleTimeString([], { hour12: false })}.${String(now.getMilliseconds()).padStart(3, '0')}`;
    const item = document.createElement('li');
    item.title = title;
    item.dataset.what = what;
    item.append(time, ` ${what} `, Object.assign(document.createElement('code'), { textContent: text }));
    byId('stomp-log').prepend(item);
    while (byId('stomp-log').children.length > LINES_MAX) byId('stomp-log').lastElementChild.remove();
  }

  // ---- what people press ----

  byId('stomp-protocol').addEventListener('change', chooseTransport);
  byId('stomp-connection').addEventListener('submit', (event) => {
    event.preventDefault();
    if (byId('token').value.trim() === '') return log('error', 'Log in above, or paste a token.');
    connect();
  });
  byId('stomp-close').addEventListener('click', () => connection?.close(1000));
  byId('stomp-subscription').addEventListener('submit', (event) => {
    event.preventDefault();
    const destination = byId('stomp-destination').value.trim();
    if (event.submitter === byId('stomp-listen')) return ask(`listening to ${destination}`, 'SUBSCRIBE', { id: ++ids, destination });
    ask(`said in ${destination}`, 'SEND', { destination, 'content-type': 'text/plain' }, byId('stomp-text').value);
  });
  byId('stomp-empty').addEventListener('click', () => byId('stomp-log').replaceChildren());

  chooseTransport();
  setState('Not connected');
})();
