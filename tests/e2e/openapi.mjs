// web/openapi.json as tests use it: its operations, and a judge for answers that came over HTTP.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import Ajv from 'ajv/dist/2020.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const DOCUMENT = JSON.parse(readFileSync(join(ROOT, 'web/openapi.json'), 'utf8'));

// The document's schemas are one that all others refer to. An integer is what JSON Schema says: 25.0 as well.
const ID = 'https://corohub.invalid/openapi.json';
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strictTypes: false, strictRequired: false, validateFormats: false });
const inOne = (schema) => JSON.parse(JSON.stringify(schema).replaceAll('"#/components/schemas/', `"${ID}#/$defs/`));
ajv.addSchema({ $id: ID, $defs: inOne(DOCUMENT.components.schemas) });
const compiled = new Map();
export function complaints(schema, value) {
  const key = JSON.stringify(schema);
  if (!compiled.has(key)) compiled.set(key, ajv.compile(inOne(schema)));
  const validate = compiled.get(key);
  return validate(value) ? [] : validate.errors.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

// What a {"$ref"} stands for.
export function resolve(value) {
  if (typeof value?.$ref !== 'string') return value;
  return resolve(value.$ref.slice(2).split('/').reduce((place, key) => place[key.replaceAll('~1', '/')], DOCUMENT));
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// {method, template, pattern, operation}: a parameter is one segment, but for a topic, whose slashes may stand.
export const OPERATIONS = Object.entries(DOCUMENT.paths).flatMap(([template, methods]) => {
  const pattern = new RegExp(`^${template.split(/(\{[^}]+\})/).map((part) =>
    (part === '{topic}' ? '.+' : part.startsWith('{') ? '[^/]+' : escaped(part))).join('')}$`);
  return Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), template, pattern, operation }));
});

// What is wrong with an answer, by the document. What it does not speak of (other paths and methods, HEAD) is not judged.
export function judge(method, target, { status, type, text }) {
  const path = target.split('?')[0];
  const found = OPERATIONS.find((each) => each.method === method && each.pattern.test(path));
  if (found === undefined) return [];
  const who = `${method} ${found.template}: ${status}`;
  const response = resolve(found.operation.responses[status]);
  if (response === undefined) return [`${who} is not documented: ${text.slice(0, 300)}`];
  if (response.content === undefined) return [];
  const content = response.content[type.split(';')[0]];
  if (content === undefined) return [`${who} has the type ${type}`];
  if (content.schema === undefined || !/json/.test(type)) return [];
  return complaints(content.schema, JSON.parse(text)).map((each) => `${who}: ${each}: ${text.slice(0, 300)}`);
}
