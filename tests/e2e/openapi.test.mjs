// H9: /openapi.json and the server say the same. What the document allows is taken, what it forbids is refused, and every
// answer is one that it describes (api.mjs judges those of all other tests, too).
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { Api } from './api.mjs';
import { complaints, judge, OPERATIONS, resolve } from './openapi.mjs';
import { Server, within } from './server.mjs';

// ---- what every request may be answered with, before any handler sees it ----

const ANY = { 400: 'two credentials, broken UTF-8', 405: 'another method', 408: 'a slow request', 413: 'a body too large', 414: 'an address too long', 417: 'an expectation', 431: 'too many fields', 500: 'a defect', 503: 'no room' };
const isSocket = (template) => /\/(ws|websocket)$/.test(template); // without an upgrade it is 426, whoever asks
const PROBES = ['/livez', '/readyz', '/health']; // whoever watches is not counted

test('H9: every operation says what any of them may answer', () => {
  for (const { method, template, operation } of OPERATIONS) {
    for (const [status, why] of Object.entries(ANY)) assert.ok(status in operation.responses, `${method} ${template} may answer ${status} (${why})`);
    assert.equal('429' in operation.responses, !PROBES.includes(template), `${method} ${template}: 429`);
  }
});

// An address that is one, whatever is there.
const addressOf = (template) => template.replace('{topic}', 'rooms/one').replace('{client_id}', '6f6f6f6f-6f6f-4f6f-8f6f-6f6f6f6f6f6f').replace(/\{[^}]+\}/g, '1');

// Sends bytes and reads one answer.
function exchange(port, bytes) {
  const socket = net.connect(port, '127.0.0.1');
  const answer = new Promise((done, fail) => {
    let text = '';
    socket.setEncoding('utf8').on('error', fail).on('data', (more) => {
      text += more;
      const [head, body = ''] = text.split(/\r\n\r\n(.*)/s);
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
      if (!text.includes('\r\n\r\n') || Buffer.byteLength(body) < length) return;
      done({ status: Number(head.split(' ')[1]), type: /^content-type: (.*)$/im.exec(head)?.[1] ?? '', text: body });
      socket.destroy();
    }).on('end', () => fail(new Error(`the connection ended after ${JSON.stringify(text)}`)));
  });
  socket.write(bytes);
  return within(10_000, 'an answer', answer);
}

test('H9: what is refused before any handler is as the document says', { timeout: 120_000 }, async (t) => {
  const server = await Server.start(t);
  const ask = async (expected, method, target, headers, described = method) => {
    const answer = await exchange(server.port, `${method} ${target} HTTP/1.1\r\nHost: ${server.host}\r\n${headers}\r\n`);
    assert.ok(expected.includes(answer.status), `${method} ${target.slice(0, 80)}: ${answer.status} ${answer.text}`);
    assert.deepEqual(judge(described, target, answer), []);
  };
  const paths = new Map();
  for (const { method, template } of OPERATIONS) paths.set(template, [...(paths.get(template) || []), method]);
  for (const { method, template } of OPERATIONS) {
    const target = addressOf(template);
    const other = ['PUT', 'DELETE', 'PATCH'].find((each) => !paths.get(template).includes(each));
    await ask([405], other, target, 'Content-Length: 0\r\n', method);
    await ask([400], method, `${target}?a=%ff`, '');
    await ask([414], method, `${target}?a=${'a'.repeat(5_000)}`, '');
    await ask([431], method, target, 'X: y\r\n'.repeat(200));
    await ask([413], method, target, 'Content-Length: 100000000\r\n');
    await ask([417], method, target, 'Content-Length: 1\r\nExpect: a miracle\r\n');
    // Where a credential is looked at, two are one too many, a bad one is 401, and so is none unless the document says so.
    const { operation } = OPERATIONS.find((each) => each.method === method && each.template === template);
    const guest = operation['x-access'] === 'guest';
    const optional = operation.security.some((each) => Object.keys(each).length === 0);
    if (!guest && !isSocket(template)) {
      await ask([400], method, target, 'Authorization: Bearer a\r\nAuthorization: Bearer b\r\nContent-Length: 0\r\n');
      if (!optional) await ask([401], method, target, 'Content-Length: 0\r\n');
      await ask([401], method, target, 'Authorization: Bearer a\r\nContent-Length: 0\r\n');
    }
  }
});

test('H9: so is a request that does not come whole in time', async (t) => {
  const server = await Server.start(t, { settings: { 'http.header_timeout_s': 1 } });
  const answer = await exchange(server.port, 'GET /livez HTTP/1.1\r\nHost: ');
  assert.equal(answer.status, 408);
  assert.deepEqual(judge('GET', '/livez', answer), []);
});

// ---- values by schema ----

const contentOf = (operation) => resolve(operation.requestBody)?.content?.['application/json'];

let serial = 0;
const NAMES = {
  '#/components/schemas/Email': () => `h9.${++serial}@example.com`,
  '#/components/schemas/Name': () => 'Ann',
  '#/components/schemas/Password': () => 'A password of 27 characters',
  '#/components/schemas/Topic': () => 'rooms/one',
  '#/components/schemas/EventType': () => 'note',
  '#/components/schemas/Scopes': () => ['publish:topic:rooms/*'],
};

function sample(schema) {
  if (schema.$ref in NAMES) return NAMES[schema.$ref]();
  const { type, enum: words, const: only, properties = {}, required = [], oneOf, minimum, ...rest } = resolve(schema);
  if (only !== undefined) return only;
  if (words) return words[0];
  const kind = Array.isArray(type) ? type[0] : type;
  if (kind === 'integer') return minimum ?? 0;
  if (kind === 'boolean') return true;
  if (kind === 'array') return [sample(rest.items)];
  if (kind === 'string') return 'x'.repeat(Math.max(1, rest.minLength ?? 1));
  if (kind === undefined) return { any: [1.5, null] };
  const members = [...required, ...(oneOf ? oneOf[0].required : [])];
  return Object.fromEntries(members.map((name) => [name, sample(properties[name])]));
}

// Values near the bounds of a schema, on both sides; whether one is allowed is for the schema to say.
function variants(schema) {
  const { type, minimum, maximum, minLength = 0, maxLength, enum: words } = resolve(schema);
  const values = [null, true, 0.5, 7, -1, 7.0, '', 'x', 'x\u0000y', '\u009b', ' ', 'user', 'a@b', 'a@b@c', [], [1], {}, { a: 1 }];
  if (minimum !== undefined) values.push(minimum - 1, minimum, minimum + 0.5);
  if (maximum !== undefined) values.push(maximum - 1, maximum, maximum + 2);
  if ([type].flat().includes('string')) values.push('a'.repeat(minLength), 'a'.repeat(Math.max(0, minLength - 1)));
  if (maxLength !== undefined) values.push('a'.repeat(maxLength), 'a'.repeat(maxLength + 1), 'é'.repeat(maxLength));
  if (words) values.push(...words, words[0].toUpperCase());
  return values;
}

// Every body that differs from a good one in one member, at any depth of objects.
function* bodies(schema) {
  const { properties = {} } = resolve(schema);
  yield sample(schema);
  for (const [name, member] of Object.entries(properties)) {
    const { [name]: _, ...without } = sample(schema);
    yield without;
    for (const value of variants(member)) yield { ...sample(schema), [name]: value };
    if (resolve(member).properties) for (const value of bodies(member)) yield { ...sample(schema), [name]: value };
  }
}

// With the JSON text of whole numbers as other languages write them.
const withPoints = (text) => text.replace(/(?<=[:[,])(-?\d{1,15})(?=[,}\]])/g, '$1.0');

// What the document cannot say: an own account's end, and what another rule forbids though the shape is right.
const LEFT_OUT = ['DELETE /api/v1/users/me', 'POST /api/v1/auth/logout'];
const REFUSED_FOR_ANOTHER_REASON = /"(common|own_email|privileged|too_common|field_not_allowed|reserved_type)"|"code":"(field_not_allowed|reserved_type|payload_too_large)"/;

async function administrator(t) {
  const server = await Server.start(t, { settings: { 'auth.access_ttl_s': 3600, 'auth.argon2_queue': 1000, 'auth.argon2_wait_max_ms': 60_000 } });
  return { server, root: await new Api(server).member('superadmin') };
}

test('H9: bodies that the document allows are taken, and others are refused', { timeout: 240_000 }, async (t) => {
  const { root } = await administrator(t);
  const found = [];
  let asked = 0;
  for (const { method, template, operation } of OPERATIONS) {
    const schema = contentOf(operation)?.schema;
    if (schema === undefined || LEFT_OUT.includes(`${method} ${template}`)) continue;
    const password = template === '/api/v1/users/me/password'; // ends our own login when it is taken
    for (const body of [...bodies(schema), [], null, 'x', 7]) {
      const allowed = complaints(schema, body).length === 0;
      if (password && allowed) continue;
      const text = JSON.stringify(body);
      for (const bytes of new Set([text, withPoints(text)])) {
        ++asked;
        const answer = await root.request(method, addressOf(template), { body: bytes });
        const refused = [400, 413, 422].includes(answer.status);
        if (refused && allowed && !REFUSED_FOR_ANOTHER_REASON.test(answer.text)) found.push(`${method} ${template} refuses ${bytes.slice(0, 200)}: ${answer.text}`);
        if (!allowed && answer.status < 400) found.push(`${method} ${template} takes ${bytes.slice(0, 200)}: ${complaints(schema, body)}`);
        if (answer.status >= 500) found.push(`${method} ${template}: ${answer.status} for ${bytes.slice(0, 200)}`);
      }
    }
  }
  assert.deepEqual(found, []);
  assert.ok(asked > 500, `${asked} requests`);
});

const TEXTS = ['', '0', '1', '-1', '1.0', '1e1', '0.5', '01', 'x', 'x y', 'a@b', 'user', 'user.*', '2,3', ',', '*', '999999999999999999999', 'é', '\u0001', 'a'.repeat(300)];
const asSchemaSees = (schema, text) => {
  const kind = [resolve(schema).type].flat()[0];
  if (kind === 'integer') return /^-?\d+(\.\d+)?(e\d+)?$/i.test(text) ? Number(text) : text;
  return kind === 'array' ? [text] : text;
};

test('H9: so are the values of a query', { timeout: 120_000 }, async (t) => {
  const { root } = await administrator(t);
  const found = [];
  for (const { method, template, operation } of OPERATIONS) {
    if (isSocket(template) || template.endsWith('/stream')) continue;
    const content = contentOf(operation);
    const body = content && JSON.stringify(content.example ?? sample(content.schema)); // so that the query alone may be wrong
    for (const parameter of (operation.parameters || []).map(resolve).filter((each) => each.in === 'query' && each.name !== 'cursor')) { // only an answer gives those
      const words = resolve(parameter.schema).enum || [];
      const query = template.endsWith('/poll') && parameter.name !== 'timeout' ? '&timeout=0' : '';
      for (const text of [...TEXTS, ...words]) {
        if (parameter.name === 'timeout' && Number(text) > 1) continue; // it would be waited for
        const answer = await root.request(method, `${addressOf(template)}?${parameter.name}=${encodeURIComponent(text)}${query}`, body && { body });
        const allowed = complaints(parameter.schema, asSchemaSees(parameter.schema, text)).length === 0;
        const refused = [400, 422].includes(answer.status);
        if (allowed === refused) found.push(`${method} ${template}?${parameter.name}=${text.slice(0, 40)}: ${answer.status} ${answer.text.slice(0, 200)}`);
      }
    }
  }
  assert.deepEqual(found, []);
});
