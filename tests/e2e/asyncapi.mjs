// web/asyncapi.json as tests use it: its message types, and a judge for texts that came over a connection.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import Ajv from 'ajv/dist/2020.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const DOCUMENT = JSON.parse(readFileSync(join(ROOT, 'web/asyncapi.json'), 'utf8'));
export const PROTOCOL = readFileSync(join(ROOT, 'docs/PROTOCOL.md'), 'utf8');

const ID = 'https://corohub.invalid/asyncapi.json';
const MESSAGES = DOCUMENT.components.messages;
// Strict: a keyword that is none is an error. The document's schemas become one that the messages' refer to.
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
const inOne = (schemas) => JSON.parse(JSON.stringify(schemas).replaceAll('"#/components/schemas/', `"${ID}#/$defs/`));
ajv.addSchema({ $id: ID, $defs: inOne(DOCUMENT.components.schemas) });
const validators = Object.fromEntries(Object.entries(MESSAGES)
  .map(([name, { payload }]) => [name, ajv.compile(inOne(payload.schema))]));

export const isEvent = (name) => 'x-durable' in MESSAGES[name];
export const EVENTS = Object.keys(MESSAGES).filter(isEvent);
const PUBLISHED = 'message';
const REPLIES = Object.keys(MESSAGES).filter((name) => MESSAGES[name].name === 'reply');

function complaints(name, message) {
  const validate = validators[name];
  if (validate(message)) return [];
  return validate.errors.map(({ instancePath, message: text, params }) => `${name}${instancePath} ${text} ${JSON.stringify(params)}`);
}

// {name: of the message in the document, complaints}. A text does not say which question it answers: a reply has to be
// as one of them.
export function judge(text, names = undefined) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return { complaints: ['is no JSON'] };
  }
  const { type } = message;
  // A type of a publisher's own; the schema knows which are the server's.
  const described = EVENTS.includes(type) || type === 'error';
  const candidates = names || (type === 'reply' ? REPLIES : [described ? type : PUBLISHED]);
  const found = candidates.map((name) => ({ name, complaints: complaints(name, message) }));
  return found.find((each) => each.complaints.length === 0) || found[0];
}

// Of the document itself: what a reader relies on. (The full schema of AsyncAPI 3.0 is 10,000 lines.)
export function documentComplaints() {
  const reference = (pattern) => ({
    type: 'object', required: ['$ref'], properties: { $ref: { type: 'string', pattern } }, additionalProperties: false,
  });
  const validate = new Ajv({ allErrors: true }).compile({
    type: 'object',
    required: ['asyncapi', 'info', 'channels', 'operations', 'components'],
    properties: {
      asyncapi: { const: '3.0.0' },
      info: { type: 'object', required: ['title', 'version'], properties: { title: { type: 'string' }, version: { type: 'string' } } },
      defaultContentType: { const: 'application/json' },
      servers: {
        type: 'object',
        additionalProperties: { type: 'object', required: ['host', 'protocol'], properties: { host: { type: 'string' }, protocol: { type: 'string' } } },
      },
      channels: {
        type: 'object',
        minProperties: 1,
        additionalProperties: {
          type: 'object',
          required: ['address', 'messages'],
          properties: {
            address: { type: 'string', pattern: '^/' },
            title: { type: 'string' },
            description: { type: 'string' },
            messages: { type: 'object', minProperties: 1, additionalProperties: reference('^#/components/messages/[^/]+$') },
            bindings: { type: 'object' },
          },
          additionalProperties: false,
        },
      },
      operations: {
        type: 'object',
        minProperties: 1,
        propertyNames: { pattern: '^[A-Za-z0-9_-]+$' },
        additionalProperties: {
          type: 'object',
          required: ['action', 'channel', 'messages'],
          properties: {
            action: { enum: ['send', 'receive'] },
            channel: reference('^#/channels/[^/]+$'),
            summary: { type: 'string' },
            description: { type: 'string' },
            messages: { type: 'array', minItems: 1, items: reference('^#/channels/[^/]+/messages/[^/]+$') },
            reply: {
              type: 'object',
              required: ['channel', 'messages'],
              properties: {
                channel: reference('^#/channels/[^/]+$'),
                messages: { type: 'array', minItems: 1, items: reference('^#/channels/[^/]+/messages/[^/]+$') },
              },
              additionalProperties: false,
            },
          },
          additionalProperties: false,
        },
      },
      components: {
        type: 'object',
        required: ['schemas', 'messages'],
        properties: {
          schemas: { type: 'object' },
          messages: {
            type: 'object',
            propertyNames: { pattern: '^[A-Za-z0-9._-]+$' },
            additionalProperties: {
              type: 'object',
              required: ['name', 'title', 'payload'],
              properties: {
                name: { type: 'string' },
                title: { type: 'string' },
                summary: { type: 'string' },
                description: { type: 'string' },
                contentType: { const: 'application/json' },
                payload: {
                  type: 'object',
                  required: ['schemaFormat', 'schema'],
                  properties: { schemaFormat: { const: 'application/schema+json;version=2020-12' }, schema: { type: 'object' } },
                  additionalProperties: false,
                },
                examples: { type: 'array', minItems: 1, items: { type: 'object', required: ['payload'] } },
                'x-durable': { enum: [true, false, 'by rule'] },
              },
              additionalProperties: false,
            },
          },
        },
        additionalProperties: false,
      },
    },
    additionalProperties: false,
  });
  const found = validate(DOCUMENT) ? [] : validate.errors.map(({ instancePath, message }) => `asyncapi.json${instancePath} ${message}`);

  const at = (pointer) => pointer.slice(2).split('/').reduce((place, key) => place?.[key.replaceAll('~1', '/')], DOCUMENT);
  const used = new Set();
  (function walk(value) {
    if (value === null || typeof value !== 'object') return;
    if (typeof value.$ref === 'string') {
      used.add(value.$ref);
      if (at(value.$ref) === undefined) found.push(`${value.$ref} refers to nothing`);
    }
    Object.values(value).forEach(walk);
  })(DOCUMENT);
  for (const kind of ['schemas', 'messages']) {
    for (const name of Object.keys(DOCUMENT.components[kind])) {
      if (!used.has(`#/components/${kind}/${name}`)) found.push(`${kind}/${name} is used nowhere`);
    }
  }
  for (const [name, { examples = [] }] of Object.entries(MESSAGES)) {
    if (examples.length === 0) found.push(`${name} has no example`);
    for (const { payload } of examples) found.push(...complaints(name, payload).map((text) => `example of ${text}`));
  }
  return found;
}

// The rows of the table of events in docs/PROTOCOL.md: type -> durable, as in the document.
export function tableOfEvents() {
  const [, section] = PROTOCOL.split(/^## Events$/m);
  const rows = (section || '').split(/^## /m)[0].matchAll(/^\| `([a-z.]+)`[^|]*\|[^|]*\| (yes|no|by rule) \|/gm);
  return new Map([...rows].map(([, type, durable]) => [type, { yes: true, no: false }[durable] ?? durable]));
}
