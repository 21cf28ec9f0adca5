// Keeps what these tests receive from the hub, each text once, for check-asyncapi.mjs: as tests/support/recording.hpp.
import { appendFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const directory = process.env.COROHUB_TEST_EVENTS;
const texts = new Set();

export function record(text) {
  if (directory) texts.add(text);
}

export const recordAll = (events) => events.forEach((event) => record(JSON.stringify(event)));

if (directory) {
  const file = join(directory, `${basename(process.argv[1] || 'node', '.test.mjs')}-${process.pid}.ndjson`);
  process.on('exit', () => {
    if (texts.size > 0) appendFileSync(file, [...texts].map((text) => `${text}\n`).join(''));
  });
}
