// Members per day, as a line: its axis may start above zero, so nothing is filled under it.

import { html, useMemo, useRef } from "../base/html.js";
import { dayTick, exact, number } from "../base/format.js";
import { color } from "../base/theme.js";
import { drawBase } from "./day-chart.js";
import { Plot, axis, stepsAround, yAxis } from "./plot.js";

const TICK_WIDTH = 70;

/** days: [{day, count: number | null, name}], oldest first; unit: what is counted, for the table. */
export function LineChart({ days, height = 240, label, unit = "Members", onPoint }) {
  const shown = useRef(days);
  shown.current = days;
  const data = useMemo(() => [days.map((_, i) => i), days.map((day) => day.count)], [days]);
  const known = days.map((day) => day.count).filter((count) => count !== null);
  const steps = stepsAround(Math.min(...known), Math.max(...known));
  const shape = `${days.length} ${days[0]?.day} ${steps.join()}`;
  const make = useMemo(() => () => options(shown, steps), [shape]);
  const table = { columns: ["Day", unit], rows: days.map((day) => [day.name, exact(day.count)]) };
  return html`<${Plot} ...${{ make, data, height, label, table, onPoint }} />`;
}

function options(shown, steps) {
  const days = shown.current;
  const stroke = color("--past-fill");
  return {
    padding: [8, 20, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7, fill: stroke, stroke: color("--surface"), width: 1.5 } },
    scales: { x: { time: false, range: () => [0, Math.max(1, days.length - 1)] }, y: { range: () => [steps[0], steps.at(-1)] } },
    series: [{}, { stroke, width: 1.75, points: { show: true, filter: (u) => [u.data[1].length - 1], size: 5, fill: stroke, width: 0 } }],
    axes: [
      axis({
        size: 28,
        grid: { show: false },
        splits: (u) => {
          const every = Math.max(1, Math.ceil((days.length * TICK_WIDTH) / (u.width - 60) / 7) * (days.length > 10 ? 7 : 1));
          return Array.from({ length: Math.ceil(days.length / every) }, (_, i) => i * every);
        },
        values: (_, at) => at.map((i) => (days[i] ? dayTick(days[i].day, true) : "")),
      }),
      yAxis({ splits: () => steps, values: (_, at) => at.map(number), room: 16 + 8 * Math.max(...steps.map((step) => number(step).length)) }),
    ],
    hooks: { draw: [drawBase] },
  };
}
