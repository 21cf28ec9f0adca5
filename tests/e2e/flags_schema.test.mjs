// Which definitions are refused: those that flagd's published schemas refuse, and no others. Rules are made of operators and
// arguments that fit, half of the time.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MemoryStorage } from '@openfeature/flagd-core';

import { Chance, Ours, SILENT } from './flags_oracle.mjs';

const DEFINITIONS = 20_000;
const OPERATORS = ['var', 'missing', 'missing_some', 'if', '==', '===', '!=', '!==', '>', '>=', '<', '<=', '!', '!!', 'or', 'and', '+', '-', '*', '/', '%', 'min', 'max', 'merge', 'cat', 'substr', 'in', 'map', 'filter', 'reduce', 'all', 'none', 'some', 'fractional', 'sem_ver', 'starts_with', 'ends_with', '$ref', '?:', 'log', 'foo'];
const SCALARS = [null, true, 1, -1, 0, 1.5, 50, 'a', '', '$flagd.timestamp', '$flagd.x', '1.2.3', 'v1.2.3', '1.2', '=', '^', '>=', '=>', '1.2.3-rc.1', '01.2.3', '1.2.3-01', '1.2.3+b.01'];

class Definitions {
  constructor(chance) { this.chance = chance; }

  value(depth) {
    const { chance } = this;
    if (depth <= 0 || chance.is(0.35)) return chance.one(SCALARS);
    if (chance.is(0.4)) return chance.many(0, 3, () => this.value(depth - 1));
    return chance.is(0.08) ? {} : this.rule(depth);
  }

  rule(depth) {
    const { chance } = this;
    const operator = chance.one(OPERATORS);
    return { [operator]: chance.is(0.15) ? this.value(depth - 1) : this.argumentsOf(operator, depth - 1), ...(chance.is(0.02) ? { besides: 1 } : {}) };
  }

  argumentsOf(operator, depth) {
    const { chance } = this;
    const any = () => this.value(depth);
    switch (operator) {
      case '$ref': return chance.one(['a', 'a', 1]);
      case 'var': return chance.one(['a', 'a.b', '$flagd.timestamp', '$flagd.foo', '', 1, ['a', 1], ['$flagd.foo'], {}]);
      case 'missing': return chance.one([['a'], [], [1], 'a', any()]);
      case 'missing_some': return [chance.one([1, '1', any()]), chance.one([['a'], [], [1], 'a', any()])];
      case 'sem_ver': return [chance.one(['1.2.3', { var: 'a' }, {}, any()]), chance.one(['=', '^', '>=', any()]), chance.one(['1.2.3', { var: 'a' }, any()])];
      case 'fractional': return [...(chance.is(0.6) ? [any()] : []), ...chance.many(0, 3, () => chance.one([['a'], ['a', 5], [any(), any()], ['a', 1, 2], any()]))];
      default: return chance.many(...chance.one([[1, 1], [2, 2], [2, 2], [3, 3], [0, 4]]), any);
    }
  }

  make() {
    const { chance } = this;
    if (chance.is(0.8)) return { state: 'ENABLED', variants: { a: 1 }, targeting: this.rule(1 + chance.below(4)) };
    return {
      state: chance.one(['ENABLED', 'DISABLED', 'on', 1]), variants: chance.one([{ a: 1 }, { a: true }, { a: 1, b: 's' }, { a: {} }, { a: [] }, { '': 1 }, {}, { a: null }, { 'x\ny': 1 }, []]),
      ...(chance.is(0.5) ? { defaultVariant: chance.one(['a', null, 1]) } : {}), ...(chance.is(0.5) ? { metadata: chance.one([{}, { a: 1 }, { a: null }, [], { a: {} }]) } : {}),
      ...(chance.is(0.3) ? { targeting: chance.one([{}, null, [], 'a', { var: 'a' }]) } : {}),
    };
  }
}

function theirsTake(definition) {
  try {
    new MemoryStorage(SILENT).setConfigurations(JSON.stringify({ flags: { f: definition } }), true);
    return true;
  } catch {
    return false;
  }
}

test(`flags: of ${DEFINITIONS} definitions those are refused that flagd's schemas refuse`, async () => {
  const definitions = new Definitions(new Chance(11));
  const ours = new Ours();
  let taken = 0;
  try {
    for (let done = 0; done < DEFINITIONS; done += 500) {
      const some = Array.from({ length: 500 }, () => definitions.make());
      const answers = await ours.evaluate(some.map((definition) => ({ key: 'f', definition, segments: {}, context: {} })));
      for (const [i, definition] of some.entries()) {
        const takes = theirsTake(definition);
        taken += takes;
        assert.equal(!answers[i].refused, takes, `${JSON.stringify(definition)}: ${JSON.stringify(answers[i])}`);
      }
    }
  } finally {
    await ours.end();
  }
  assert.ok(taken > DEFINITIONS / 10 && taken < (DEFINITIONS * 9) / 10, `${taken} taken`);
});
