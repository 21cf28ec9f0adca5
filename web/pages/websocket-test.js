// The browser test client: signs in, connects to /ws, shows what arrives, subscribes and publishes. Also a worked
// example of how a client should come back after each kind of close, and where it goes on (docs/PROTOCOL.md, "Ends" and
// "Positions").
'use strict';

(() => {
  if (location.protocol === 'file:') return; // the notice on the page says what to do

  const byId = (id) => document.getElementById(id);
  byId('from-disk').hidden = true;
  for (const id of ['client', 'status', 'more']) byId(id).hidden = false;

  // ---- REST ----

  let refreshToken = null;
  let refreshing = null;

  class ApiError extends Error {
    constructor(status, problem) {
      const fields = (problem.errors || []).map((error) => `${error.field.slice(1)}: ${error.message}`);
      super(fields.length > 0 ? fields.join('; ') : problem.detail || problem.error || `status ${status}`);
      this.status = status;
    }
  }

  async function request(method, path, body, token) {
    const headers = {};
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (token) headers.Authorization = `Bearer ${token}`;
    let response;
    try {
      response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new ApiError(0, { detail: 'The server does not answer.' });
    }
    const answer = response.status === 204 ? {} : await response.json().catch(() => ({}));
    if (!response.ok) throw new ApiError(response.status, answer);
    return answer;
  }

  // With the token of the field; a 401 is worth one refresh.
  async function authorized(method, path, body) {
    try {
      return await request(method, path, body, currentToken());
    } catch (error) {
      if (error.status !== 401 || !(await refresh())) throw error;
      return request(method, path, body, currentToken());
    }
  }

  // One at a time, however many ask. False: there is nothing to refresh with, or it was refused.
  function refresh() {
    if (!refreshToken) return Promise.resolve(false);
    refreshing ??= request('POST', '/api/v1/auth/refresh', { refresh_token: refreshToken })
      .then((answer) => { keepTokens(answer.data); return true; })
      .catch((error) => {
        if (error.status === 0) throw error;
        refreshToken = null;
        return false;
      })
      .finally(() => { refreshing = null; });
    return refreshing;
  }

  // ---- notes ----

  function note(id, kind, text) {
    const element = byId(id);
    element.className = `note ${kind}`;
    element.textContent = text;
  }

  // ---- signing in ----

  const currentToken = () => byId('token').value.trim();

  function keepTokens(login) {
    refreshToken = login.refresh_token;
    byId('token').value = login.access_token;
    showClaims();
  }

  function claimsOf(token) {
    const part = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
  }

  function showClaims() {
    showPosition();
    const line = byId('claims');
    try {
      const claims = claimsOf(currentToken());
      const expires = new Date(claims.exp * 1000);
      const verb = expires < new Date() ? 'expired' : 'expires';
      line.textContent = `${claims.role} · ${verb} ${expires.toLocaleTimeString()}`;
    } catch {
      line.textContent = '';
    }
  }

  // ---- the position: what is known of the log, kept for this account in this browser ----

  function positionKey() {
    try {
      return `corohub.position.${claimsOf(currentToken()).sub}`;
    } catch {
      return null; // no token yet, or none of ours
    }
  }

  function position() {
    const key = positionKey();
    return key && localStorage.getItem(key);
  }

  function keepPosition(epoch, seq) {
    const key = positionKey();
    if (key) localStorage.setItem(key, `${epoch}:${seq}`);
    showPosition();
  }

  function showPosition() {
    byId('position').textContent = position() || 'none yet';
  }

  async function signIn(path, body) {
    note('sign-in-note', '', 'One moment…');
    for (const id of ['login', 'register']) byId(id).disabled = true;
    try {
      const { data } = await request('POST', path, body);
      keepTokens(data);
      byId('password').value = '';
      note('sign-in-note', 'good', `Signed in as ${data.user.name} (${data.user.role}). The token is below: connect.`);
      byId('connect').focus();
    } catch (error) {
      note('sign-in-note', 'bad', error.message);
    } finally {
      for (const id of ['login', 'register']) byId(id).disabled = false;
    }
  }

  byId('sign-in').addEventListener('submit', (event) => {
    event.preventDefault();
    signIn('/api/v1/auth/login', { email: byId('email').value, password: byId('password').value });
  });

  byId('register').addEventListener('click', () => {
    if (!byId('sign-in').reportValidity()) return;
    const email = byId('email').value;
    const name = byId('name').value.trim() || email.split('@')[0];
    signIn('/api/v1/auth/register', { name, email, password: byId('password').value });
  });

  byId('token').addEventListener('input', () => {
    refreshToken = null; // it belonged to the token before
    showClaims();
  });

  // ---- the connection ----

  const BACK_OFF_FIRST_MS = 500;
  const BACK_OFF_MAX_MS = 30_000;
  const POSITION_EVERY_MS = 25_000;
  const NEW_TOKEN_HELPS = new Set(['token_expired', 'session_revoked', 'credentials_changed']);
  const EXPLAIN = {
    account_deleted: 'The account was deleted.',
    account_disabled: 'The account was disabled.',
    kicked: 'An admin closed this connection.',
    logged_out: 'This session was logged out.',
    rate_limited: 'This client sent too much.',
  };

  let socket = null; // the present one; what an older one still says is ignored
  let wanted = false; // from Connect until Disconnect or an end for good
  let attempts = 0; // since the last welcome
  let refreshedOnce = false; // since the last welcome
  let timer = null;
  let asking = null; // for the position, while connected
  let me = {};

  function setStatus(state, text) {
    const status = byId('status');
    status.className = `status ${state}`;
    status.textContent = text;
    byId('connect').disabled = wanted;
    byId('disconnect').disabled = !wanted;
  }

  function setRole(role) {
    me.role = role;
    byId('broadcast-card').hidden = role !== 'admin' && role !== 'superadmin';
  }

  function connect() {
    const query = new URLSearchParams([...topics.keys()].map((topic) => ['topic', topic]));
    if (byId('resume').checked && position()) query.set('since', position());
    const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws?${query}`;
    let opened = false;
    let mine;
    setStatus('connecting', 'Connecting…');
    try {
      // The token travels as a subprotocol, so it is in no address and in no proxy's log. `?token=` works too.
      mine = new WebSocket(url, ['corohub.v1', `bearer.${currentToken()}`]);
    } catch {
      return end('That is not a token: it should look like eyJ….eyJ….…');
    }
    socket = mine;
    mine.onopen = () => {
      opened = true;
      setStatus('connected', 'Connected');
      note('connection-note', '', '');
      clearInterval(asking);
      asking = setInterval(askForPosition, POSITION_EVERY_MS);
    };
    mine.onmessage = (event) => { if (socket === mine) receive(JSON.parse(event.data)); };
    mine.onclose = (event) => { if (socket === mine) comeBack(event, opened); };
  }

  function end(text) {
    forgetTopics();
    wanted = false;
    socket = null;
    clearTimeout(timer);
    clearInterval(asking);
    setRole(undefined);
    setStatus('disconnected', 'Disconnected');
    note('connection-note', text ? 'bad' : '', text || '');
  }

  // What a close means: a new token, another try later, or the end.
  async function comeBack(event, opened) {
    socket = null;
    clearInterval(asking);
    failQuestions();
    const why = `${event.code}${event.reason ? ` ${event.reason}` : ''}`;
    setStatus('connecting', 'Reconnecting…');
    try {
      if (event.code === 1008) {
        if (NEW_TOKEN_HELPS.has(event.reason) && (await newToken())) return again(why, 0);
        return end(`${EXPLAIN[event.reason] || 'The token is no longer good: log in again.'} (${why})`);
      }
      if (![1001, 1006, 1011, 1013].includes(event.code)) return end(`Closed by the server (${why}).`);
      // A browser does not tell why a handshake failed; the API does.
      if (!opened && !(await tokenWorks())) {
        if (await newToken()) return again('a new token', 0);
        return end('The token was refused: log in again.');
      }
    } catch {
      // The server does not answer: that, too, is worth another try.
    }
    const delay = Math.random() * Math.min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * 2 ** attempts);
    attempts += 1;
    again(why, delay);
  }

  // Other people's events move the log on. Who hears of nothing for long would come back with a position that is no
  // longer kept, and be told of a gap where there is none.
  function askForPosition() {
    ask('ping').then(({ seq }) => keepPosition(me.epoch, seq)).catch(() => {});
  }

  async function newToken() {
    if (refreshedOnce) return false;
    refreshedOnce = true;
    return refresh();
  }

  async function tokenWorks() {
    try {
      await request('GET', '/api/v1/users/me', undefined, currentToken());
      return true;
    } catch (error) {
      return error.status !== 401;
    }
  }

  function again(why, delay) {
    if (!wanted) return;
    note('connection-note', 'busy', `Closed (${why}); next try in ${(delay / 1000).toFixed(1)} s.`);
    clearTimeout(timer);
    timer = setTimeout(connect, delay);
  }

  byId('connection').addEventListener('submit', (event) => {
    event.preventDefault();
    if (!currentToken()) {
      note('connection-note', 'bad', 'Log in above, or paste a token.');
      return;
    }
    wanted = true;
    attempts = 0;
    refreshedOnce = false;
    note('connection-note', '', '');
    connect();
  });

  byId('disconnect').addEventListener('click', () => {
    const last = socket;
    end();
    if (last) last.close(1000);
  });

  // ---- messages ----

  const MESSAGES_MAX = 500;
  let count = 0;

  const SUMMARY = {
    'connection.established': (d) => `${d.message}. You are ${d.role}, client ${d.client_id}.`,
    'user.created': (d) => `${d.name} <${d.email}> joined as ${d.role}.`,
    'user.updated': (d) => `User ${d.user_id}: ${listed(d.changes)} changed.`,
    'user.deleted': (d) => `User ${d.user_id} <${d.email}> is gone.`,
    'user.role.changed': (d) => `User ${d.user_id}: from ${d.old_role} to ${d.new_role}.`,
    'profile.updated': (d) => `You changed your ${listed(d.changes)}.`,
    'password.changed': () => 'Your password was changed.',
    'system.alert': (d) => `${d.message} (${d.priority})`,
    'health.status.changed': (d) => `${d.component}: from ${d.old_status} to ${d.status}.`,
    'auth.expiring': () => 'The token expires soon.',
    'stream.gap': (d) => `The log has nothing for you between ${d.from} and ${d.to} (${d.reason}): load again what you show.`,
    'subscription.revoked': (d) => `You may not hear ${d.topic} any more.`,
    'presence.joined': (d) => `${people(d)} came; ${d.count} there.`,
    'presence.left': (d) => `${people(d)} left; ${d.count} there.`,
    'user.online': (d) => `User ${d.user_id} is online.`,
    'user.offline': (d) => `User ${d.user_id} is offline.`,
    typing: (d) => `${d.name} ${d.typing ? 'is typing' : 'stopped typing'}.`,
  };
  const listed = (changes) => (Array.isArray(changes) ? changes : Object.keys(changes || {})).join(', ');

  function receive(message) {
    const data = message.data || {};
    if (message.type === 'connection.established') {
      attempts = 0;
      refreshedOnce = false;
      me = { id: data.user_id, epoch: data.epoch };
      keepPosition(data.epoch, data.seq);
      setRole(data.role);
      byId('topics-card').hidden = false;
      for (const topic of topics.keys()) askWhoIsThere(topic);
    } else if (message.type === 'user.role.changed' && data.user_id === me.id) {
      setRole(data.new_role);
    }
    if (message.type === 'reply' || message.type === 'error') return answered(message);
    if (message.seq !== undefined) keepPosition(me.epoch, message.seq);
    if (message.topic !== undefined || message.type === 'subscription.revoked') noticeInTopic(message, data);
    if (message.type !== 'typing') show(message);
  }

  // ---- questions of ours: each has an id, and the answer has the same ----

  const ANSWER_TIMEOUT_MS = 10_000;
  const questions = new Map(); // id -> {resolve, reject, timer}
  let lastId = 0;

  function ask(type, data) {
    return new Promise((resolve, reject) => {
      if (!socket || socket.readyState !== WebSocket.OPEN) return reject(new Error('There is no connection.'));
      const id = String(++lastId);
      const late = setTimeout(() => settle(id, 'reject', new Error('No answer came.')), ANSWER_TIMEOUT_MS);
      questions.set(id, { resolve, reject, timer: late });
      socket.send(JSON.stringify({ type, id, data }));
    });
  }

  function settle(id, how, value) {
    const question = questions.get(id);
    if (!question) return false;
    questions.delete(id);
    clearTimeout(question.timer);
    question[how](value);
    return true;
  }

  function answered(message) {
    const { code, message: text } = message.data;
    const known = message.type === 'reply' ? settle(message.id, 'resolve', message.data) : settle(message.id, 'reject', new Error(`${code}: ${text}`));
    if (!known && message.type === 'error') note('connection-note', 'bad', `${code}: ${text}`);
  }

  function failQuestions() {
    for (const id of [...questions.keys()]) settle(id, 'reject', new Error('The connection ended.'));
  }

  // ---- topics ----

  const TYPING_EVERY_MS = 3_000;
  const TYPING_SHOWN_MS = 7_000; // the server ends it after 6 s
  const topics = new Map(); // name -> {item, users: id -> name, count, typing: id -> {name, timer}}
  let typingSaid = 0;

  const people = (d) => (d.users || []).map((user) => user.name).join(', ') || 'Someone';
  const theTopic = () => byId('topic').value.trim();

  // Shows the outcome of one action of a person.
  async function attempt(action) {
    try {
      note('topics-note', 'good', await action() || '');
    } catch (error) {
      note('topics-note', 'bad', error.message);
    }
  }

  function forgetTopics() {
    failQuestions();
    topics.clear();
    byId('topics').replaceChildren();
    byId('topics-card').hidden = true;
    note('topics-note', '', '');
  }

  function addTopic(name) {
    if (topics.has(name)) return;
    const item = element('li');
    item.dataset.topic = name;
    const choose = element('button', 'link', name);
    const leave = element('button', 'link', 'Leave');
    for (const button of [choose, leave]) button.type = 'button';
    choose.addEventListener('click', () => { byId('topic').value = name; });
    leave.addEventListener('click', () => attempt(async () => {
      await ask('unsubscribe', { topic: name });
      removeTopic(name);
    }));
    const head = element('div', 'topic-head');
    head.append(choose, leave);
    item.append(head, element('p', 'presence quiet small'), element('p', 'typing quiet small'));
    byId('topics').append(item);
    topics.set(name, { item, users: new Map(), count: undefined, typing: new Map() });
  }

  function removeTopic(name) {
    const topic = topics.get(name);
    if (!topic) return;
    topic.item.remove();
    topics.delete(name);
  }

  // Not every topic tells who is there.
  async function askWhoIsThere(name) {
    const there = await ask('presence', { topic: name }).catch(() => null);
    const topic = topics.get(name);
    if (!there || !topic) return;
    topic.users = new Map((there.users || []).map((user) => [user.user_id, user.name]));
    topic.count = there.count;
    showTopic(topic);
  }

  function showTopic({ item, users, count, typing }) {
    const names = [...users.values()].join(', ');
    item.querySelector('.presence').textContent = count === undefined ? '' : `${count} here${names ? `: ${names}` : ''}`;
    const writers = [...typing.values()].map(({ name }) => name);
    item.querySelector('.typing').textContent = writers.length > 0 ? `${writers.join(', ')} typing…` : '';
  }

  function noticeInTopic({ type, topic: name }, data) {
    if (type === 'subscription.revoked') return removeTopic(data.topic);
    const topic = topics.get(name);
    if (!topic) return;
    if (type === 'presence.joined') for (const user of data.users || []) topic.users.set(user.user_id, user.name);
    if (type === 'presence.left') for (const user of data.users || []) topic.users.delete(user.user_id);
    if (type === 'presence.joined' || type === 'presence.left') topic.count = data.count;
    if (type === 'typing') noticeTyping(topic, data);
    showTopic(topic);
  }

  function noticeTyping(topic, { user_id: id, name, typing }) {
    if (topic.typing.has(id)) clearTimeout(topic.typing.get(id).timer);
    topic.typing.delete(id);
    if (!typing) return;
    const ended = setTimeout(() => {
      topic.typing.delete(id);
      showTopic(topic);
    }, TYPING_SHOWN_MS);
    topic.typing.set(id, { name, timer: ended });
  }

  byId('subscription').addEventListener('submit', (event) => {
    event.preventDefault();
    attempt(async () => {
      const { topic } = await ask('subscribe', { topic: theTopic() });
      addTopic(topic);
      askWhoIsThere(topic);
      return `Subscribed to ${topic}.`;
    });
  });

  byId('history').addEventListener('click', () => attempt(async () => {
    const { events } = await ask('history', { topic: theTopic() });
    for (const old of events) show(old);
    return events.length > 0 ? `${events.length} earlier messages.` : 'There are no earlier messages.';
  }));

  byId('publication').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = byId('text').value;
    let data = { text };
    try {
      data = JSON.parse(text);
    } catch {
      // plain text
    }
    attempt(async () => {
      const { seq, topic } = await ask('publish', { topic: theTopic(), data });
      byId('text').value = '';
      typingSaid = 0;
      return seq === undefined ? `Published to ${topic}.` : `Published to ${topic} as #${seq}.`;
    });
  });

  byId('text').addEventListener('input', () => {
    const topic = theTopic();
    if (!topics.has(topic) || Date.now() - typingSaid < TYPING_EVERY_MS) return;
    typingSaid = Date.now();
    ask('typing', { topic, typing: true }).catch(() => {}); // where there is no typing, nobody misses it
  });

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function show(message) {
    const item = element('li', 'message new');
    item.dataset.type = message.type;
    item.dataset.family = message.type.split('.')[0];
    if (message.data && message.data.priority) item.dataset.priority = message.data.priority;

    const head = element('header');
    head.append(element('span', 'type', message.type));
    if (message.seq !== undefined) head.append(element('span', 'seq', `#${message.seq}`));
    if (message.topic !== undefined) head.append(element('span', 'topic', message.topic));
    head.append(timeOf(message.timestamp));
    item.append(head);
    if (SUMMARY[message.type]) item.append(element('p', 'summary', SUMMARY[message.type](message.data || {})));
    item.append(pretty(message.data));

    const list = byId('messages');
    list.prepend(item);
    while (list.children.length > MESSAGES_MAX) list.lastElementChild.remove();
    count += 1;
    showCount();
    applyFilter(item);
  }

  function timeOf(timestamp) {
    const time = element('time');
    const date = new Date(timestamp);
    time.dateTime = timestamp;
    time.title = timestamp;
    time.textContent = Number.isNaN(date.getTime())
      ? timestamp
      : `${date.toLocaleTimeString([], { hour12: false })}.${String(date.getMilliseconds()).padStart(3, '0')}`;
    return time;
  }

  // JSON with its keys, strings and other values told apart; never as markup.
  function pretty(value) {
    const block = element('pre');
    const text = JSON.stringify(value, null, 2) ?? '';
    let end = 0;
    for (const match of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.eE+-]*|true|false|null/g)) {
      block.append(text.slice(end, match.index));
      const kind = match[2] ? 'key' : match[1] ? 'text' : 'other';
      block.append(element('span', kind, match[1] || match[0]));
      if (match[2]) block.append(match[2]);
      end = match.index + match[0].length;
    }
    block.append(text.slice(end));
    return block;
  }

  function showCount() {
    byId('count').textContent = count;
    byId('empty').hidden = count > 0;
  }

  function applyFilter(item) {
    item.hidden = !item.dataset.type.includes(byId('filter').value.trim().toLowerCase());
  }

  byId('filter').addEventListener('input', () => {
    for (const item of byId('messages').children) applyFilter(item);
  });

  byId('clear').addEventListener('click', () => {
    byId('messages').replaceChildren();
    count = 0;
    showCount();
  });

  // ---- broadcast ----

  byId('broadcast').addEventListener('submit', async (event) => {
    event.preventDefault();
    const body = { message: byId('message').value, priority: byId('priority').value };
    if (byId('to').value) body.to = { role: byId('to').value };
    byId('send').disabled = true;
    try {
      const answer = await authorized('POST', '/ws/broadcast', body);
      byId('message').value = '';
      note('broadcast-note', 'good', `Queued for ${answer.recipients} of ${answer.stats.total_clients} connections.`);
    } catch (error) {
      note('broadcast-note', 'bad', error.message);
    } finally {
      byId('send').disabled = false;
    }
  });

  setStatus('disconnected', 'Disconnected');
})();
