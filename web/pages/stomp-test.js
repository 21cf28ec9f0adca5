// The card for STOMP: on a WebSocket, or over SockJS by one of its transports.
'use strict';

(() => {
  if (location.protocol === 'file:') return;

  const byId = (id) => document.getElementById(id);
  const log = (...line) => logLine(byId('stomp-log'), ...line);

  let client = null;

  function setState(text) {
    byId('stomp-state').textContent = text;
    byId('stomp-open').disabled = client !== null;
    byId('stomp-close').disabled = client === null;
    for (const id of ['stomp-listen', 'stomp-say']) byId(id).disabled = text !== 'Connected';
  }

  function chooseTransport() {
    byId('stomp-transport').disabled = byId('stomp-protocol').value !== 'sockjs';
  }

  function connect() {
    const transport = byId('stomp-protocol').value === 'sockjs' ? byId('stomp-transport').value : '';
    client = new SmallStomp(transport, { Authorization: `Bearer ${byId('token').value.trim()}` }, {
      connected({ version }) { setState('Connected'); log('connected', `version ${version}`); },
      receipt(done) { log('done', done); },
      error({ code, message }) { log('error', `${code}: ${message}`); },
      message(headers, body) { log(headers.destination, body, headers['message-id']); },
      closed(why) { client = null; log('closed', why); setState('Not connected'); },
    });
    setState('Connecting…');
  }

  byId('stomp-protocol').addEventListener('change', chooseTransport);
  byId('stomp-connection').addEventListener('submit', (event) => {
    event.preventDefault();
    if (byId('token').value.trim() === '') return log('error', 'Log in above, or paste a token.');
    connect();
  });
  byId('stomp-close').addEventListener('click', () => client?.close());
  byId('stomp-subscription').addEventListener('submit', (event) => {
    event.preventDefault();
    const destination = byId('stomp-destination').value.trim();
    if (event.submitter === byId('stomp-listen')) return client.subscribe(destination, `listening to ${destination}`);
    client.ask(`said in ${destination}`, 'SEND', { destination, 'content-type': 'text/plain' }, byId('stomp-text').value);
  });
  byId('stomp-empty').addEventListener('click', () => byId('stomp-log').replaceChildren());

  chooseTransport();
  setState('Not connected');
})();
