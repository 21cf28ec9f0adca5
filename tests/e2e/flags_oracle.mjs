// What the tests share that compare evaluations of flags with flagd's: chance, and the program that answers for us.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

// The same in every run.
export class Chance {
  constructor(seed) { this.state = seed; }
  unit() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  below(n) { return Math.floor(this.unit() * n); }
  is(probability) { return this.unit() < probability; }
  one(list) { return list[this.below(list.length)]; }
  many(min, max, make) { return Array.from({ length: min + this.below(max - min + 1) }, make); }
}

// tests/oracle/flags_oracle.cpp
export class Ours {
  constructor(program = process.env.COROHUB_FLAGS_ORACLE) {
    if (!program) throw new Error('COROHUB_FLAGS_ORACLE is to be the program flags_oracle, which is built with the tests');
    this.process = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }
  async evaluate(cases) {
    const text = cases.map(({ key, definition, segments, context }) => `${JSON.stringify({ key, definition, segments, context })}\n`).join('');
    this.process.stdin.write(text);
    const answers = [];
    for (let i = 0; i < cases.length; ++i) answers.push(JSON.parse((await this.lines.next()).value));
    return answers.map(({ refused, value, variant, reason, errorCode, errorDetails }) => (refused ? { refused } : errorCode ? { error: errorCode, details: errorDetails } : { value, variant, reason }));
  }
  async end() {
    this.process.stdin.end();
    await once(this.process, 'exit');
  }
}
