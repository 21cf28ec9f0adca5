// Feature flags: what a request, a change, a thousand definitions and an evaluation cost, each in a table of its own.
import { drive } from './generator.mjs';
import { number, of, spread, table, total } from './tables.mjs';

const THOUSANDS = 10;

// The median of the rounds' own ratios of two servers.
const times = (list, others = [], key) => {
  const ratios = list.flatMap((each) => others.filter(({ round }) => round === each.round).map((other) => ({ ratio: each[key] / other[key] })));
  return ratios.length ? number(of(ratios, 'ratio'), 2) : '';
};

const parts = {
  requests: {
    async measure(row, server) {
      const result = await drive(server, { ...row.options, ...await row.load(server) });
      return { ...result, per_second: result.events / result.seconds };
    },
    heads: ['requests', 'server', 'requests/s', '× Unleash', 'CPU µs per request', 'of Unleash\'s', 'p50 ms', 'p99 ms', 'bytes', 'refused'],
    line: (list, { unleash }) => [number(of(list, 'per_second'), 0), times(list, unleash, 'per_second'), number(of(list, 'cpu_us'), 1), times(list, unleash, 'cpu_us'),
      number(of(list, 'p50_ms'), 2), number(of(list, 'p99_ms'), 2), number(of(list, 'bytes_per_delivery'), 0), total(list, 'refusals') + total(list, 'missing')],
  },
  changes: {
    async measure(row, server) { return drive(server, { ...row.options, ...await row.load(server) }); },
    heads: ['PATCH, to all who hear', 'server', 'to each: p50 ms', 'p99 ms', 'to the last: p50 ms', 'p99 ms', 'max ms', 'CPU µs per receipt', 'changes', 'lost', 'closed'],
    line: (list) => [number(of(list, 'p50_ms'), 1), number(of(list, 'p99_ms'), 1), number(of(list, 'last_p50_ms'), 1), number(of(list, 'last_p99_ms'), 1),
      number(Math.max(...list.map((each) => each.last_max_ms)), 1), number(of(list, 'cpu_us'), 2), number(of(list, 'events'), 0), total(list, 'missing') + total(list, 'refusals'), total(list, 'closed')],
  },
  watchers: {
    measure: (row, server) => server.watch(row.watchers, row.changes),
    heads: ['watchers of 50 flags', 'server', 'MB of RSS', 'sent when nothing changed'],
    line: (list) => [number(of(list, 'rss') / 1e6, 0), total(list, 'needless')],
  },
  agents: {
    measure: (row, server) => server.agents(row.agents, row.changes, row.restarts),
    heads: ['agents', 'server', 'PATCH to the last: p50 ms', 'p99 ms', 'max ms', 'through a restart: median ms', 'max ms'],
    line: (list) => [number(of(list, 'last_p50_ms'), 1), number(of(list, 'last_p99_ms'), 1), number(Math.max(...list.map((each) => each.last_max_ms)), 1),
      number(of(list, 'restart_p50_ms'), 0), number(Math.max(...list.map((each) => each.restart_max_ms)), 0)],
  },
  memory: {
    measure: (row, server) => server.memoryPerThousand(THOUSANDS),
    heads: ['memory', 'server', 'kB of PSS', 'min–max'],
    line: (list) => [number(of(list, 'bytes') / 1000, 0), spread(list.map((each) => ({ kb: each.bytes / 1000 })), 'kb')],
  },
  evaluations: {
    measure: (row, server) => server.evaluate(),
    heads: ['one thread', 'in process', 'static ns', '`==` ns', '`fractional` ns', 'allocations', 'kB of 1,000 flags'],
    line: (list) => [...['static', 'equal', 'fractional'].map((key) => number(of(list, key), 0)),
      'allocations' in list[0] ? number(of(list, 'allocations'), 2) : '', 'bytes_per_1000_flags' in list[0] ? number(of(list, 'bytes_per_1000_flags') / 1000, 0) : ''],
  },
};

export const measure = (row, server) => parts[row.part].measure(row, server);

export function print({ rows }, results) {
  for (const [name, { heads, line }] of Object.entries(parts)) {
    const lines = rows.flatMap((row, i) => (row.part === name ? Object.entries(results[i]).map(([server, list], at) => [at ? '' : row.title, server, ...line(list, results[i])]) : []));
    if (lines.length) table(heads, lines);
  }
}
