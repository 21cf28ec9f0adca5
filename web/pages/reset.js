// Sets a new password with the one-time token of the link, which is in the fragment: browsers send that to nobody.
'use strict';

(() => {
  const byId = (id) => document.getElementById(id);
  const token = decodeURIComponent(location.hash.slice(1)).replace(/^token=/, '');
  history.replaceState(null, '', location.pathname); // not into the history, nor over a shoulder

  function note(kind, text) {
    byId('note').className = `note ${kind}`;
    byId('note').textContent = text;
  }

  async function reset(password) {
    const response = await fetch('/api/v1/auth/password/reset', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token, password }),
    });
    if (response.ok) return;
    const answer = await response.json().catch(() => ({}));
    const fields = (answer.errors || []).map((error) => `${error.field.slice(1)}: ${error.message}`);
    throw new Error(fields.join('; ') || answer.detail || answer.error || `status ${response.status}`);
  }

  if (!token) {
    byId('reset').hidden = true;
    note('bad', 'The token is missing from this link. Open the one that you were given, as a whole.');
    return;
  }

  byId('reset').addEventListener('submit', async (event) => {
    event.preventDefault();
    byId('save').disabled = true;
    try {
      await reset(byId('password').value);
      byId('reset').hidden = true;
      note('good', 'The password is set. Log in with it.');
    } catch (error) {
      byId('save').disabled = false;
      note('bad', error.message);
    }
  });
})();
