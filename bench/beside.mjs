// Paced traffic to some clients while a companion, a second load generator, does something else to the server: what
// do the clients notice? A row has phases; the first is the baseline of the others. The companion has the lowest
// priority: what is asked is what the server does to the clients, not what another program on their cores does.
import { setPriority } from 'node:os';

import { Generator } from './generator.mjs';
import { median, number, of, ratio, table, total } from './tables.mjs';

// The companion is there before the paced traffic, or it comes (`during`) once that is being measured.
async function measurePhase(row, phase, server) {
  const options = phase.companion && await phase.companion(server);
  let paced;
  let companion;
  const begin = () => {
    companion = new Generator(server, { 'until-input-ends': phase.during ? 0 : 1, warmup: 0, ...options });
    setPriority(companion.process.child.pid, 19);
  };
  try {
    if (options && !phase.during) {
      begin();
      await companion.ready();
    }
    paced = new Generator(server, { ...row.options, ...row.load(server) });
    if (phase.during) {
      await paced.measuring();
      begin();
    }
    const result = await paced.report();
    return { ...result, companion: await companion?.report() };
  } catch (error) {
    await Promise.all([paced?.kill(), companion?.kill()]);
    throw error;
  }
}

export async function measure(row, server) {
  const phases = [];
  for (const phase of row.phases) phases.push(await measurePhase(row, phase, server));
  return { phases };
}

export function print({ rows }, results) {
  const heads = ['paced traffic', 'beside it', 'p50 ms', 'p99 ms', 'p99 ÷ baseline', 'lost', 'closed', 'server cores', "the companion's", 'what it did'];
  table(heads, rows.flatMap((row, i) => Object.values(results[i]).flatMap((list) => row.phases.map((phase, at) => {
    const here = list.map((each) => ({ ...each.phases[at], round: each.round }));
    const baseline = list.map((each) => ({ ...each.phases[0], round: each.round }));
    const companions = here.map((each) => each.companion).filter(Boolean);
    const cores = companions.map((each) => (phase.during ? each.connect_own_cores : each.own_cores));
    return [at ? '' : row.title, phase.title, number(of(here, 'p50_ms'), 2), number(of(here, 'p99_ms'), 2), ratio(here, baseline, 'p99_ms'),
      total(here, 'missing') + total(here, 'refusals'), total(here, 'closed'), number(of(here, 'server_cores'), 2),
      cores.length ? number(median(cores), 2) : '', companions.length && phase.did ? phase.did(companions) : ''];
  }))));
}
