// The card for feature flags: changes as they arrive, by STOMP over SockJS, of a namespace or of all. A guest hears those
// that are public.
'use strict';

(() => {
  if (location.protocol === 'file:') return;

  const byId = (id) => document.getElementById(id);
  const log = (...line) => logLine(byId('flags-log'), ...line);
  const STATUS = '/user/queue/subscription';

  let client = null;
  let subscription = null; // {id, destination}

  const authorization = () => {
    const token = byId('token').value.trim();
    return token === '' ? {} : { Authorization: `Bearer ${token}` };
  };

  function setState(text, look = 'disconnected') {
    byId('flags-state').textContent = text;
    byId('flags-state').className = `status ${look}`;
    byId('flags-connect').disabled = client !== null;
    byId('flags-disconnect').disabled = client === null;
  }

  // Those whose flags this user may evaluate; what is chosen stays so while it is there.
  async function refresh() {
    const choice = byId('flags-namespace');
    const chosen = choice.value;
    try {
      const answer = await fetch('/api/v1/websocket/namespaces', { headers: authorization() });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const { namespaces } = await answer.json();
      choice.replaceChildren(new Option('all', ''), ...namespaces.map((name) => new Option(name, name)));
      if (namespaces.includes(chosen)) choice.value = chosen;
    } catch (error) {
      log('error', `The namespaces did not come: ${error.message}`);
    }
  }

  function listen() {
    if (subscription) client.say('UNSUBSCRIBE', { id: subscription.id });
    const namespace = byId('flags-namespace').value;
    const destination = namespace === '' ? '/topic/flags' : `/topic/flags/${namespace}`;
    subscription = { destination, id: client.subscribe(destination, '') };
  }

  function say(update) {
    if (update.type !== 'flag_update') return log(update.type, update.message);
    return log(update.action, `${update.namespace}/${update.flagKey}`, update.enabled === null ? '' : `it is ${update.enabled ? 'on' : 'off'} now`);
  }

  function connect() {
    client = new SmallStomp(byId('flags-transport').value, authorization(), {
      connected() {
        setState('Connected', 'connected');
        client.subscribe(STATUS, '');
        client.subscribe('/topic/system', '');
        listen();
      },
      receipt() {},
      error({ code, message }) { log('error', `${code}: ${message}`); },
      message(headers, body) { say(JSON.parse(body)); },
      closed(why) { client = null; subscription = null; log('closed', why); setState('Disconnected'); },
    });
    setState('Connecting…', 'connecting');
  }

  byId('flags-connection').addEventListener('submit', (event) => {
    event.preventDefault();
    refresh().then(connect);
  });
  byId('flags-disconnect').addEventListener('click', () => client?.close());
  byId('flags-namespace').addEventListener('change', () => { if (subscription) listen(); });
  byId('flags-clear').addEventListener('click', () => byId('flags-log').replaceChildren());

  setState('Disconnected');
  refresh();
})();
