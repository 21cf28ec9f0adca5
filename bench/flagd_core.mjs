// A peer: npm's flagd-core, which evaluates flagd's definitions in its own process. Prints nanoseconds per evaluation.
import { FlagdCore } from '@openfeature/flagd-core';

const SECONDS = Number(process.env.SECONDS || 2);
const variants = { on: true, off: false };
const flag = (targeting) => ({ state: 'ENABLED', variants, defaultVariant: 'off', ...(targeting && { targeting }) });
const core = new FlagdCore();
core.setConfigurations(JSON.stringify({
  flags: {
    static: flag(),
    equal: flag({ if: [{ '==': [{ var: 'tier' }, 'gold'] }, 'on', 'off'] }),
    fractional: flag({ fractional: [['on', 50], ['off', 50]] }),
  },
}));
const context = { targetingKey: 'user-7', tier: 'gold', email: 'ann@example.com' };
const silent = { error() {}, warn() {}, info() {}, debug() {} };

function nanoseconds(key) {
  const batch = 10_000;
  const evaluate = () => { for (let i = 0; i < batch; ++i) core.resolveBooleanEvaluation(key, false, context, silent); };
  for (let i = 0; i < 5; ++i) evaluate(); // until it is compiled
  const times = [];
  for (const end = performance.now() + (SECONDS * 1000) / 3; performance.now() < end;) {
    const begin = performance.now();
    evaluate();
    times.push(((performance.now() - begin) * 1e6) / batch);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}

console.log(JSON.stringify(Object.fromEntries(['static', 'equal', 'fractional'].map((key) => [key, nanoseconds(key)]))));
