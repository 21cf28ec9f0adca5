// Medians of rounds, and tables in Markdown. A list holds the results of one server for one row, one of each `round`
// that succeeded.
export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2;
};
export const number = (value, digits) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const of = (list, key) => median(list.map((each) => each[key]));
export const total = (list, key) => list.reduce((sum, each) => sum + each[key], 0);
export const spread = (list, key) => `${number(Math.min(...list.map((each) => each[key])), 2)}–${number(Math.max(...list.map((each) => each[key])), 2)}`;

// The median of the rounds' own ratios: a slow moment of the machine meets both sides.
export function ratio(list, floor = [], key) {
  const ratios = list.flatMap((each) => floor.filter(({ round }) => round === each.round).map((other) => each[key] / other[key]));
  return ratios.length ? number(median(ratios), 2) : '';
}

export function table(heads, lines) {
  console.log(`| ${heads.join(' | ')} |\n|${'---|'.repeat(heads.length)}`);
  for (const line of lines) console.log(`| ${line.join(' | ')} |`);
  console.log();
}
