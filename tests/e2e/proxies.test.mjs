// What stands between corohub and its clients, as people really have it.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';

import compression from 'compression';

import { Api } from './api.mjs';
import { Server, within } from './server.mjs';

// A front end in Node.js that compresses what it passes on, as most with express do.
function startFrontEnd(t, target) {
  const compress = compression();
  const frontEnd = http.createServer((request, response) => compress(request, response, () => {
    const { host, ...headers } = request.headers;
    http.request(target + request.url, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    }).on('error', () => response.destroy()).end();
  }));
  t.after(() => { frontEnd.close(); frontEnd.closeAllConnections(); });
  return new Promise((done) => {
    frontEnd.listen(0, '127.0.0.1', () => done(`http://127.0.0.1:${frontEnd.address().port}`));
  });
}

test('an event stream comes through a front end that compresses', async (t) => {
  const server = await Server.start(t);
  const user = await new Api(server).register();
  const frontEnd = await startFrontEnd(t, server.url);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const headers = { Authorization: `Bearer ${user.token}`, 'Accept-Encoding': 'gzip' };
  const stream = await within(10_000, 'the head', fetch(`${frontEnd}/api/v1/events/stream`, { headers, signal: stop.signal }));
  assert.equal(stream.status, 200);
  assert.equal(stream.headers.get('content-encoding'), null);
  const { value } = await within(10_000, 'the first event', stream.body.getReader().read());
  assert.match(Buffer.from(value).toString(), /retry: \d+/);

  // The front end does compress where it may.
  const page = await fetch(`${frontEnd}/websocket-test.html`, { headers });
  assert.equal(page.headers.get('content-encoding'), 'gzip');
  await page.arrayBuffer();
});
