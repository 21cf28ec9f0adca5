// Feature flags as tests make and change them: over REST, and nothing else.
import assert from 'node:assert/strict';

import { Api } from './api.mjs';
import { Server } from './server.mjs';

export const N = (namespace) => `/api/v1/namespaces/${namespace}`;
export const V = (namespace, environment = 'default') => `${N(namespace)}/environments/${environment}`;
export const ON_OFF = { on: true, off: false };

export async function office(t, { settings, ...options } = {}) {
  const server = await Server.start(t, { settings: { 'server.shards': 3, ...settings }, ...options });
  const api = new Api(server);
  return { server, api, admin: await api.member('admin'), john: await api.register({ name: 'John' }) };
}

export const makeNamespace = (admin, key, more = {}) => admin.expect(201, 'POST', '/api/v1/namespaces', { body: { key, ...more } });
export const makeEnvironment = (admin, namespace, key, more = {}) => admin.expect(201, 'POST', `${N(namespace)}/environments`, { body: { key, ...more } });

// A boolean flag that is on duty and off, but for what `more` says.
export const makeFlag = (admin, namespace, key, more = {}) => admin.expect(201, 'POST', `${N(namespace)}/flags`, {
  body: { key, state: 'ENABLED', variants: ON_OFF, defaultVariant: 'off', ...more },
});

// A change of what is there, by its present ETag. Resolves with the answer.
export async function change(who, method, path, body, query = '') {
  const present = await who.request('GET', path);
  assert.equal(present.status, 200, present.text);
  const answer = await who.request(method, path + query, { body, headers: { 'If-Match': present.headers.get('etag') } });
  assert.ok(answer.status === (method === 'DELETE' ? 204 : 200), `${method} ${path}: ${answer.status}: ${answer.text}`);
  return answer;
}

export const define = (admin, namespace, key, patch, environment) => change(admin, 'PATCH', `${V(namespace, environment)}/flags/${key}`, patch);
export const flip = (admin, namespace, key, how, environment) => admin.expect(200, 'POST', `${V(namespace, environment)}/flags/${key}/${how}`);

export async function serviceKey(admin, ...scopes) {
  const { key } = await admin.expect(201, 'POST', '/api/v1/admin/api-keys', { body: { name: scopes.join(' '), scopes } });
  return key;
}

// A package of these flags, with their limits; a client of its own, and a key of it.
export async function makePackage(admin, namespace, key, features = {}) {
  await admin.expect(201, 'POST', `${N(namespace)}/packages`, { body: { key } });
  for (const [flag, limits] of Object.entries(features)) await admin.expect(200, 'PUT', `${N(namespace)}/packages/${key}/features/${flag}`, { body: { limits } });
}
export const makeClient = (admin, namespace, key, more = {}) => admin.expect(201, 'POST', `${N(namespace)}/clients`, { body: { key, ...more } });
export const clientKey = (admin, namespace, client) => admin.expect(201, 'POST', `${N(namespace)}/clients/${client}/keys`, { body: { name: 'web' } });
export const override = (admin, namespace, client, flag, body) => admin.expect(200, 'PUT', `${N(namespace)}/clients/${client}/overrides/${flag}`, { body });

// Asks as a holder of a key.
export const holder = (api, key) => ({
  request: (method, path, options = {}) => api.request(method, path, { ...options, headers: { 'X-API-Key': key, ...options.headers } }),
});

export function refused(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers.get('content-type'), /^application\/problem\+json/);
  assert.equal(answer.json.code, code, answer.text);
}

// 422 that names `code` at `field`, a pointer or what it must match.
export function complains(answer, code, field) {
  assert.equal(answer.status, 422, answer.text);
  const found = answer.json.errors.filter((each) => each.code === code);
  const there = (at) => (field instanceof RegExp ? field.test(at) : field === at);
  assert.ok(found.some((each) => there(each.field)), `${code} at ${field} in ${answer.text}`);
}

// A value in as many lists as asked for.
export const nested = (levels, inner = true) => (levels === 0 ? inner : { '!': [nested(levels - 1, inner)] });
