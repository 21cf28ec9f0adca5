// The card for Socket.IO: one namespace, by one of the transports. Opened again it says where it was, so that what it
// missed follows.
'use strict';

(() => {
  if (location.protocol === 'file:') return;

  const byId = (id) => document.getElementById(id);
  const log = (...line) => logLine(byId('socketio-log'), ...line);
  const places = new Map(); // namespace -> {pid, offset}

  let client = null;

  function setState(text) {
    byId('socketio-state').textContent = text;
    byId('socketio-open').disabled = client !== null;
    byId('socketio-close').disabled = client === null;
    byId('socketio-emit').disabled = !text.startsWith('Connected');
  }

  function connect() {
    const namespace = byId('socketio-namespace').value;
    const place = places.get(namespace) || {};
    places.set(namespace, place);
    const token = byId('token').value.trim();
    const auth = { ...(token && { token }), ...(place.offset && place) };
    client = new SmallSocketIo(namespace, byId('socketio-transport').value, auth, {
      connected({ sid, pid }, transport) {
        place.pid = pid;
        setState(`Connected as ${sid}`);
        log('connected', transport, pid);
      },
      event(name, data, meta, offset) {
        if (typeof offset === 'string') place.offset = offset;
        log(name, JSON.stringify(data), offset ?? '');
      },
      refused({ message, data }) { log('refused', `${message}${data ? ` (${data.code})` : ''}`); },
      closed(why) { client = null; log('closed', why); setState('Not connected'); },
    });
    setState('Connecting…');
  }

  byId('socketio-connection').addEventListener('submit', (event) => {
    event.preventDefault();
    connect();
  });
  byId('socketio-close').addEventListener('click', () => client?.close());
  byId('socketio-event').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = byId('socketio-data').value.trim();
    try {
      client.emit(byId('socketio-name').value.trim(), ...(text === '' ? [] : [JSON.parse(text)]));
    } catch (error) {
      log('error', error.message);
    }
  });
  byId('socketio-empty').addEventListener('click', () => byId('socketio-log').replaceChildren());

  setState('Not connected');
})();
