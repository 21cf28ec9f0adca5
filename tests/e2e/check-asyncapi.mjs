// node check-asyncapi.mjs DIRECTORY: every text that the tests received and kept there (recording.mjs,
// tests/support/recording.hpp) is as web/asyncapi.json says, and the document says neither less nor more than
// docs/PROTOCOL.md. The last test of a run.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { DOCUMENT, documentComplaints, EVENTS, judge, PROTOCOL, tableOfEvents } from './asyncapi.mjs';

const LEAST_TEXTS = 1000; // a whole run makes many times as many
const COMPLAINTS_SHOWN = 20;

const directory = process.argv[2];
const complaints = documentComplaints();

const table = tableOfEvents();
for (const type of EVENTS) {
  const durable = DOCUMENT.components.messages[type]['x-durable'];
  if (!table.has(type)) complaints.push(`${type} is not in the table of docs/PROTOCOL.md`);
  else if (table.get(type) !== durable) complaints.push(`${type}: durable is ${durable} here, and not in docs/PROTOCOL.md`);
}
for (const type of table.keys()) {
  if (!EVENTS.includes(type)) complaints.push(`${type} of docs/PROTOCOL.md is not in asyncapi.json`);
}

// What docs/PROTOCOL.md shows of a server's texts.
for (const [, text] of PROTOCOL.matchAll(/^(?:<- |data: )?(\{"type":[^…]*?\})$/gm)) {
  complaints.push(...judge(text).complaints.map((each) => `docs/PROTOCOL.md: ${each}: ${text}`));
}

const seen = new Map();

function look(file, text) {
  const { name, complaints: found } = judge(text);
  if (found.length > 0) complaints.push(`${file}: ${found.join('; ')}: ${text.slice(0, 300)}`);
  else seen.set(name, (seen.get(name) || 0) + 1);
  if (name !== 'history.reply') return;
  for (const event of JSON.parse(text).data.events) look(file, JSON.stringify(event));
}

let texts = 0;
for (const file of readdirSync(directory).filter((name) => name.endsWith('.ndjson')).sort()) {
  for (const text of readFileSync(join(directory, file), 'utf8').split('\n').filter(Boolean)) {
    texts += 1;
    look(file, text);
  }
}
if (texts < LEAST_TEXTS) complaints.push(`only ${texts} texts were recorded in ${directory}; this test comes after all others`);

const unseen = Object.keys(DOCUMENT.components.messages).filter((name) => !seen.has(name) && !isCommand(name));
for (const type of unseen.filter((name) => table.get(name) === true)) complaints.push(`${type} is durable, and no test received one`);

function isCommand(name) {
  return Object.values(DOCUMENT.operations).some(({ action, messages }) =>
    action === 'receive' && messages.some(({ $ref }) => $ref.endsWith(`/messages/${name}`)));
}

console.log(`${texts} texts: ${[...seen].map(([name, count]) => `${name} ${count}`).join(', ')}`);
if (unseen.length > 0) console.log(`described, and received by no test: ${unseen.join(', ')}`);
for (const complaint of complaints.slice(0, COMPLAINTS_SHOWN)) console.error(complaint);
if (complaints.length > COMPLAINTS_SHOWN) console.error(`and ${complaints.length - COMPLAINTS_SHOWN} more`);
process.exitCode = complaints.length > 0 ? 1 : 0;
