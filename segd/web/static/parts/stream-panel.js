// What happens second by second, as thin bars that end now. Panels of one card share the time, never the scale.

import { html, useMemo, useRef } from "../base/html.js";
import { clock, exact, minutes, number } from "../base/format.js";
import { color } from "../base/theme.js";
import { Plot, drawBase, ratio, stepsTo, xAxis, yAxis } from "./plot.js";

const LABELS_PIXELS = 50; // up to 100,000 a second
const SHRINK_SECONDS = 10; // the scale grows at once, and shrinks only after so long

/**
 * points: [[second (epoch), count | null], …] oldest first; null where we were cut off. until: the last second shown.
 * span: seconds. tone: live or mute. times: whether this panel carries the axis of time.
 */
export function StreamPanel({ points, until, span, tone, times, label, unit, height, onPoint }) {
  const scale = useRef({ top: 0, since: 0 });
  const range = useRef([0, 1]);
  range.current = [until - span, until];
  const data = useMemo(() => [points.map((point) => point[0]), points.map((point) => point[1])], [points]);
  const most = Math.max(0, ...points.map((point) => point[1] ?? 0));
  const top = settled(scale.current, stepsTo(most).at(-1), until);
  const make = useMemo(() => () => options({ range, top, tone, times }), [top, tone, times]);
  const table = {
    columns: ["Time", unit],
    rows: points.slice(-10).map(([second, count]) => [clock(second * 1000), exact(count)]),
  };
  return html`<${Plot} ...${{ make, data, height, label, table, onPoint }} />`;
}

/**
 * Rows of [second (epoch), …counts] with those of a feed's `rate` or `rates` frame; `most` of them, oldest first; null
 * in seconds that nothing was heard of. counts: of one rate.
 */
export function inSeconds(rows, frame, counts, most) {
  const rates = frame.type === "rates" ? frame.rates : [frame];
  const known = new Map(rows.map((row) => [row[0], row]));
  for (const rate of rates) {
    const second = Math.floor(Date.parse(rate.at) / 1000);
    if ((known.get(second)?.[1] ?? null) === null) known.set(second, [second, ...counts(rate)]);
  }
  if (!known.size) return rows;
  const last = Math.max(...known.keys());
  const first = Math.max(Math.min(...known.keys()), last - most + 1);
  const nothing = counts({}).map(() => null);
  return Array.from({ length: last - first + 1 }, (_, i) => known.get(first + i) ?? [first + i, ...nothing]);
}

function settled(scale, wanted, at) {
  if (wanted >= scale.top) Object.assign(scale, { top: wanted, since: at });
  else if (at - scale.since > SHRINK_SECONDS) Object.assign(scale, { top: wanted, since: at });
  return scale.top;
}

function options({ range, top, tone, times }) {
  const steps = top <= 3 ? Array.from({ length: top + 1 }, (_, i) => i) : [0, top / 2, top];
  const fill = color(tone === "live" ? "--live-fill" : "--mute");
  return {
    padding: [6, 0, times ? 0 : 4, 0],
    scales: { x: { time: false, range: () => range.current }, y: { range: () => [0, top] } },
    axes: [
      xAxis({
        show: times,
        size: 26,
        splits: () => wholeMinutes(range.current),
        values: (_, at) => at.map((second) => minutes(second * 1000)),
      }),
      yAxis({ splits: () => steps, values: (_, at) => at.map(number), room: LABELS_PIXELS }),
    ],
    hooks: { drawSeries: [(u) => draw(u, fill)], draw: [drawBase] },
  };
}

function wholeMinutes([from, to]) {
  const at = [];
  const edge = (to - from) * 0.06; // nearer to an end the label would be cut off
  for (let second = Math.ceil(from / 60) * 60; second <= to; second += 60) if (second - from > edge && to - second > edge) at.push(second);
  return at;
}

function draw(u, fill) {
  const [seconds, counts] = u.data;
  const { min, max } = u.scales.x;
  const zero = u.valToPos(0, "y", true);
  const width = Math.max(ratio(), (u.bbox.width / (max - min)) * 0.8);
  u.ctx.save();
  u.ctx.fillStyle = fill;
  for (let i = 0; i < seconds.length; i += 1) {
    if (!counts[i] || seconds[i] <= min || seconds[i] > max) continue;
    const top = u.valToPos(counts[i], "y", true);
    u.ctx.fillRect(u.valToPos(seconds[i], "x", true) - width, top, width, zero - top);
  }
  u.ctx.restore();
}
