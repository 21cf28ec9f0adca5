// From the return of COMMIT to the return of the send(), as the server's own histogram has it, beside what a client
// sees of the same events.
import { drive } from './generator.mjs';
import { median, number, of, table } from './tables.mjs';

const HISTOGRAM = 'corohub_commit_to_send_seconds';

// Its buckets as [upper bound in seconds, events up to it], rising. All label sets together.
function buckets(text) {
  const counts = new Map();
  for (const [, le, count] of text.matchAll(new RegExp(`^${HISTOGRAM}_bucket\\{[^}]*le="([^"]+)"[^}]*\\} (\\S+)`, 'gm'))) {
    const bound = le === '+Inf' ? Infinity : Number(le);
    counts.set(bound, (counts.get(bound) || 0) + Number(count));
  }
  return [...counts].sort(([a], [b]) => a - b);
}

// As Prometheus does it: straight through the bucket that has it. Milliseconds.
function percentile(before, after, share) {
  const earlier = new Map(before);
  const counts = after.map(([bound, count]) => [bound, count - (earlier.get(bound) || 0)]);
  const wanted = (counts.at(-1)?.[1] || 0) * share;
  let [low, seen] = [0, 0];
  for (const [bound, count] of counts) {
    if (count >= wanted && count > seen) return 1000 * (bound === Infinity ? low : low + ((bound - low) * (wanted - seen)) / (count - seen));
    [low, seen] = [bound, count];
  }
  return NaN;
}

export async function measure(row, server) {
  const before = buckets(await server.metrics());
  const result = await drive(server, { ...row.options, ...row.load(server) });
  const after = buckets(await server.metrics());
  return { ...result, commit_p50_ms: percentile(before, after, 0.5), commit_p99_ms: percentile(before, after, 0.99) };
}

export function print({ rows }, results) {
  const shown = (list, key) => {
    const values = list.map((each) => each[key]).filter(Number.isFinite);
    return values.length ? number(median(values), 2) : '–';
  };
  const heads = ['load', 'COMMIT to send(): p50 ms', 'p99 ms', 'POST to frame: p50 ms', 'p99 ms', 'max ms', 'events'];
  table(heads, rows.flatMap((row, i) => Object.values(results[i]).map((list) => [row.title, shown(list, 'commit_p50_ms'), shown(list, 'commit_p99_ms'),
    number(of(list, 'p50_ms'), 2), number(of(list, 'p99_ms'), 2), number(Math.max(...list.map((each) => each.max_ms)), 2), number(of(list, 'events'), 0)])));
}
