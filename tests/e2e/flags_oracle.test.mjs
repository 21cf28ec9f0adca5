// The same flags, the same contexts: what flagd's own evaluation for Node.js says, and what ours says. Rules are generated
// from fixed seeds, within the bounds in which flagd's implementations agree with each other: operands have the types that
// operators want, bucketing keys are ASCII, `cat` joins what is there and has no blanks at its ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FlagdCore } from '@openfeature/flagd-core';

import { Chance, Ours, SILENT } from './flags_oracle.mjs';

const SEEDS = [1, 2, 3, 4];
const RULES_PER_SEED = 6_000;

// ---- contexts: what is always there, and what may be missing ----

const WORDS = ['gold', 'free', 'ann@faas.com', 'bob', 'eu-west-1', 'a.b', '10', 'A', 'beta users', 'x'];
const VERSIONS = ['1.2.3', '1.2.4', 'v1.2.3', '2.0.0-rc.1', '2.0.0-rc.2', '2.0.0', '2.0.0+build.7', '10.1.0', '1.2', '1', 'v2', 'none', '1.2.3.4', '1.02.3', '2.0.0-beta', '2.0.0-10', '2.0.0-9', ''];
const NUMBERS = [1, 2, 3, 7, 10, 18, 42, 100, -1, -7, 0.5, 2.25, 1e6, 1e21, 0.1];

function makeContext(chance) {
  const context = {
    word: chance.one(WORDS), email: chance.one(WORDS), version: chance.one(VERSIONS), age: chance.one(NUMBERS), score: chance.one(NUMBERS), vip: chance.is(0.5),
    roles: chance.many(1, 4, () => chance.one(WORDS)), sizes: chance.many(1, 4, () => chance.one(NUMBERS)),
    items: chance.many(1, 3, () => ({ name: chance.one(WORDS), price: chance.one(NUMBERS), sold: chance.is(0.5) })),
    address: { country: chance.one(WORDS), geo: { zone: chance.one(NUMBERS) } },
  };
  if (chance.is(0.8)) context.targetingKey = `user-${chance.below(1000)}`;
  if (chance.is(0.5)) context.plan = chance.one(WORDS);
  if (chance.is(0.5)) context.visits = chance.one(NUMBERS);
  return context;
}

// ---- rules, by the type of what they give; `scope` has the paths of the variables that can be seen ----

const ROOT = { text: ['word', 'email', 'address.country', 'roles.0', '$flagd.flagKey'], number: ['age', 'score', 'address.geo.zone', 'sizes.0'], boolean: ['vip'] };
const OPTIONAL = { text: ['plan', 'roles.3', 'nothing', 'address.nothing.more'], number: ['visits', 'sizes.3', 'nothing'] };
const ITEM = { text: ['name'], number: ['price'], boolean: ['sold'] };

class Rules {
  constructor(chance) { this.chance = chance; }

  variable(type, scope) {
    if (scope === ROOT && OPTIONAL[type] && this.chance.is(0.2)) return { var: [this.chance.one(OPTIONAL[type]), this.literal(type)] };
    return { var: this.chance.one(scope[type]) };
  }
  literal(type) { return type === 'text' ? this.chance.one(WORDS) : type === 'number' ? this.chance.one(NUMBERS) : this.chance.is(0.5); }

  make(type, depth, scope = ROOT) {
    const kinds = this[`${type}s_`](depth, scope);
    const known = scope[type].length ? [() => this.variable(type, scope)] : [];
    if (depth <= 0) return this.chance.one([...known, () => this.literal(type)])();
    return this.chance.one([...kinds, ...kinds, ...known, () => this.literal(type), () => this.choice(type, depth, scope)])();
  }
  choice(type, depth, scope) {
    const pairs = this.chance.many(1, 2, () => [this.make('boolean', depth - 1, scope), this.make(type, depth - 1, scope)]);
    return { if: [...pairs.flat(), this.make(type, depth - 1, scope)] };
  }

  booleans_(depth, scope) {
    const next = (type) => this.make(type, depth - 1, scope);
    // flagd for Node.js looks at the variables within the operands that follow as if they were the one before.
    const simple = (type) => (scope[type].length > 0 && this.chance.is(0.5) ? this.variable(type, scope) : this.literal(type));
    const two = (type) => [next(type), simple(type)];
    const kinds = [
      () => ({ [this.chance.one(['==', '!=', '===', '!==', '<', '<=', '>', '>='])]: two(this.chance.one(['text', 'number'])) }),
      () => ({ [this.chance.one(['==', '!=', '===', '!=='])]: [simple('boolean'), simple('boolean')] }), // sem_ver may give null
      () => ({ [this.chance.one(['<', '<='])]: [next('number'), simple('number'), simple('number')] }),
      () => ({ [this.chance.one(['==', '<', '>='])]: [next('number'), this.chance.one(['10', '-2.5', '1e2'])] }),
      () => ({ [this.chance.one(['and', 'or'])]: this.chance.many(1, 3, () => next('boolean')) }),
      () => ({ [this.chance.one(['!', '!!'])]: [next(this.chance.one(['boolean', 'text', 'number']))] }),
      () => ({ '!': next('boolean') }),
      () => ({ in: [next('text'), next('text')] }),
      () => ({ in: [next('text'), this.chance.many(1, 4, () => this.literal('text'))] }),
      () => ({ in: [next('number'), this.chance.many(1, 4, () => this.chance.is(0.7) ? this.literal('number') : next('number'))] }),
    ];
    if (scope !== ROOT) return kinds; // its own operators know no elements
    return [...kinds,
      () => ({ [this.chance.one(['starts_with', 'ends_with'])]: [this.textOrRule(depth), this.textOrRule(depth)] }),
      () => ({ sem_ver: [this.version(), this.chance.one(['=', '!=', '<', '<=', '>', '>=', '^', '~']), this.version()] }),
      () => ({ '==': [{ var: this.chance.one(OPTIONAL.text) }, this.literal('text')] }),
      () => ({ '!!': [{ var: this.chance.one([...OPTIONAL.text, ...OPTIONAL.number]) }] }),
      () => ({ '>': [{ var: this.chance.one(OPTIONAL.number) }, this.literal('number')] }),
      () => ({ in: [next('text'), { var: 'roles' }] }),
      () => ({ '$ref': this.chance.one(['one', 'two']) }),
      () => ({ in: [this.chance.one(['plan', 'visits', 'age']), { missing: this.chance.many(1, 3, () => this.chance.one(['plan', 'visits', 'age', 'address.geo.zone', 'address.x'])) }] }),
      () => ({ some: [{ missing_some: [this.chance.below(3), ['plan', 'visits', 'age']] }, { '==': [{ var: '' }, 'plan'] }] }),
      () => { const [list, inner] = this.list(depth); return { [this.chance.one(['all', 'none', 'some'])]: [list, this.make('boolean', depth - 1, inner)] }; },
    ];
  }

  texts_(depth, scope) {
    const next = (type) => this.make(type, depth - 1, scope);
    return [
      () => ({ cat: ['<', ...this.chance.many(1, 3, () => this.chance.is(0.8) ? next('text') : this.chance.one(NUMBERS)), '>'] }),
      () => ({ substr: [next('text'), this.chance.below(4)] }),
      () => ({ substr: [next('text'), -1 - this.chance.below(3)] }),
      () => ({ substr: [next('text'), this.chance.below(2), this.chance.below(6) - 2] }),
    ];
  }

  numbers_(depth, scope) {
    const next = () => this.make('number', depth - 1, scope);
    const kinds = [
      () => ({ [this.chance.one(['+', '*', 'min', 'max'])]: this.chance.many(2, 3, next) }),
      () => ({ '-': this.chance.many(1, 2, next) }),
      () => ({ [this.chance.one(['+', '-', '*'])]: [next(), this.chance.one(['10', '-2.5', '1e2'])] }),
      () => ({ [this.chance.one(['/', '%'])]: [next(), this.chance.one(NUMBERS)] }),
    ];
    if (scope !== ROOT) return kinds;
    return [...kinds, () => {
      const list = this.chance.one([{ var: 'sizes' }, { map: [{ var: 'items' }, { var: 'price' }] }, { filter: [{ var: 'sizes' }, { '>': [{ var: '' }, this.literal('number')] }] }, { merge: [{ var: 'sizes' }, 3, [4, 5]] }]);
      return { reduce: [list, { [this.chance.one(['+', 'max'])]: [{ var: 'current' }, { var: 'accumulator' }] }, this.literal('number')] };
    }];
  }

  // A list, and what can be seen from its elements.
  list(depth) {
    return this.chance.one([
      () => [{ var: 'items' }, ITEM],
      () => [{ var: 'roles' }, { text: [''], number: [], boolean: [] }],
      () => [{ var: 'sizes' }, { text: [], number: [''], boolean: [] }],
      () => [{ filter: [{ var: 'items' }, this.make('boolean', depth - 1, ITEM)] }, ITEM],
      () => [{ merge: [{ var: 'roles' }, this.make('text', depth - 1), { map: [{ var: 'items' }, { var: 'name' }] }] }, { text: [''], number: [], boolean: [] }],
    ])();
  }
  textOrRule(depth) { return this.make('text', depth - 1); }
  version() { return this.chance.is(0.6) ? { var: this.chance.one(['version', 'version', 'version', 'word', 'plan']) } : this.chance.one(['1.2.3', '2.0.0', '2.0.0-rc.1', '10.0.0']); }

  fractional(names) {
    const buckets = this.chance.many(1, 4, () => {
      const variant = this.chance.is(0.8) ? this.chance.one(names) : this.choice('text', 1, ROOT);
      return this.chance.is(0.3) ? [variant] : [variant, this.chance.is(0.8) ? this.chance.below(60) : { '-': [this.chance.below(50), this.chance.below(50)] }];
    });
    const key = this.chance.is(0.5) ? [{ [this.chance.is(0.8) ? 'cat' : 'var']: 'email' }] : [];
    if (key.length && key[0].cat) key[0] = { cat: [{ var: '$flagd.flagKey' }, '-', { var: 'email' }] };
    return { fractional: [...key, ...buckets] };
  }

  top(names) {
    const result = () => this.chance.one([() => this.chance.one(names), () => this.chance.one(names), () => null, () => this.fractional(names), () => this.make('boolean', 2), () => this.make('number', 1), () => this.make('text', 2)])();
    if (this.chance.is(0.1)) return this.fractional(names);
    if (this.chance.is(0.1)) { const rule = this.make('boolean', 3); if (typeof rule === 'object' && !('$ref' in rule)) return rule; }
    return { if: [...this.chance.many(1, 3, () => [this.make('boolean', 1 + this.chance.below(3)), result()]).flat(), ...(this.chance.is(0.8) ? [result()] : [])] };
  }
}

const VARIANTS = { string: { true: 'yes', false: 'no', gold: 'g', 10: 'ten', 1: '1', bob: 'b' }, boolean: { true: true, false: false, gold: true }, number: { 1: 1, 10: 10, gold: 0.5, false: -3 }, object: { gold: { a: 1 }, bob: {}, true: { b: [null] } } };

function makeCase(chance) {
  const rules = new Rules(chance);
  const type = chance.one(Object.keys(VARIANTS));
  const variants = VARIANTS[type];
  const names = Object.keys(variants);
  const definition = { state: 'ENABLED', variants, targeting: rules.top([...names, 'other']) };
  if (chance.is(0.8)) definition.defaultVariant = chance.one(names);
  const segment = () => { for (;;) { const rule = rules.make('boolean', 2); if (typeof rule === 'object' && !JSON.stringify(rule).includes('$ref')) return rule; } };
  return { key: `flag-${chance.below(100)}`, type, definition, segments: { one: segment(), two: segment() }, context: makeContext(chance) };
}

// ---- both sides ----

function theirs({ key, type, definition, segments, context }) {
  const core = new FlagdCore(undefined, SILENT);
  core.setConfigurations(JSON.stringify({ flags: { [key]: definition }, $evaluators: segments }));
  const resolve = { boolean: 'resolveBooleanEvaluation', string: 'resolveStringEvaluation', number: 'resolveNumberEvaluation', object: 'resolveObjectEvaluation' }[type];
  const { value, variant, reason, errorCode } = core[resolve](key, undefined, context, SILENT);
  return errorCode ? { error: errorCode } : { value, variant, reason };
}

// Where a calculation has no result (x / 0), flagd for Node.js has a general error, flagd itself one of parsing.
const NO_RESULT = 'The rule calculates with what is no number.';
function agree({ details, ...ours }, their) {
  if (ours.error === 'PARSE_ERROR' && details === NO_RESULT && their.error === 'GENERAL') return true;
  return JSON.stringify(ours) === JSON.stringify(their);
}

// ---- the smallest rule that still differs ----

function* smaller(value) {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; ++i) yield value.toSpliced ? value.toSpliced(i, 1) : [...value.slice(0, i), ...value.slice(i + 1)];
    for (let i = 0; i < value.length; ++i) for (const one of smaller(value[i])) yield Object.assign([...value], { [i]: one });
  } else if (value !== null && typeof value === 'object') {
    for (const [name, inner] of Object.entries(value)) {
      for (const part of [inner].flat()) if (part !== null && typeof part === 'object' && !Array.isArray(part)) yield part;
      for (const one of smaller(inner)) yield { ...value, [name]: one };
    }
  }
}

// Only what still differs in the same way is smaller; anything else would be another difference.
async function shrink(ours, found) {
  const difference = (answer, one) => JSON.stringify([answer, theirs(one)]);
  const wanted = difference((await ours.evaluate([found]))[0], found);
  for (let shrunk = true; shrunk;) {
    shrunk = false;
    const candidates = [...smaller(found.definition.targeting)].map((targeting) => ({ ...found, definition: { ...found.definition, targeting } }));
    const answers = candidates.length ? await ours.evaluate(candidates) : [];
    for (const [i, candidate] of candidates.entries()) {
      if (difference(answers[i], candidate) !== wanted) continue;
      found = candidate;
      shrunk = true;
      break;
    }
  }
  return found;
}

for (const seed of SEEDS) {
  test(`flags: ${RULES_PER_SEED} generated rules give what flagd gives (seed ${seed})`, async () => {
    const chance = new Chance(seed);
    const ours = new Ours();
    const counts = {};
    try {
      for (let done = 0; done < RULES_PER_SEED; done += 500) {
        const cases = Array.from({ length: 500 }, () => makeCase(chance));
        const answers = await ours.evaluate(cases);
        for (const [i, one] of cases.entries()) {
          const their = theirs(one);
          const word = answers[i].error ?? answers[i].reason;
          counts[word] = (counts[word] ?? 0) + 1;
          if (answers[i].error === 'PARSE_ERROR') assert.equal(answers[i].details, NO_RESULT);
          if (agree(answers[i], their)) continue;
          const least = await shrink(ours, one);
          const { details, ...answer } = (await ours.evaluate([least]))[0];
          assert.deepEqual(answer, theirs(least), `number ${done + i}: ${JSON.stringify(one.definition.targeting)}\nat least: ${JSON.stringify(least)}\n${details ?? ''}`);
        }
      }
    } finally {
      await ours.end();
    }
    // All that can come out did, often enough to say something.
    for (const word of ['TARGETING_MATCH', 'DEFAULT', 'GENERAL']) assert.ok(counts[word] > RULES_PER_SEED / 50, `${word}: ${JSON.stringify(counts)}`);
  });
}
