// Makes the first superadmin with the one-time token of the link, which is in the fragment: browsers send that to nobody.
'use strict';

(() => {
  const byId = (id) => document.getElementById(id);
  const token = decodeURIComponent(location.hash.slice(1)).replace(/^token=/, '');
  history.replaceState(null, '', location.pathname); // not into the history, nor over a shoulder

  function note(kind, text) {
    byId('note').className = `note ${kind}`;
    byId('note').textContent = text;
  }

  async function post(path, body) {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer.data;
    const fields = (answer.errors || []).map((error) => `${error.field.slice(1)}: ${error.message}`);
    throw new Error(fields.join('; ') || answer.detail || answer.error || `status ${response.status}`);
  }

  if (!token) {
    byId('setup').hidden = true;
    note('bad', 'The token is missing from this link. Open the one that the server printed when it started, as a whole.');
    return;
  }

  byId('setup').addEventListener('submit', async (event) => {
    event.preventDefault();
    byId('create').disabled = true;
    const email = byId('email').value;
    const password = byId('password').value;
    try {
      await post('/api/v1/setup', { token, name: byId('name').value, email, password });
      const { user } = await post('/api/v1/auth/login', { email, password });
      byId('setup').hidden = true;
      byId('next').hidden = false;
      note('good', `${user.name} is ${user.role} now, and logging in works.`);
    } catch (error) {
      byId('create').disabled = false;
      note('bad', error.message);
    }
  });
})();
