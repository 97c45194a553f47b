// uPlot in our colours: a canvas with real axes that follows its width and the theme, walked with ← and →, with a table
// of the same values for who does not see it.

import uPlot from "../vendor/uplot.js";
import { html, useEffect, useRef } from "../base/html.js";
import { color, painted } from "../base/theme.js";

export { uPlot };

const BARE = [{}, { paths: () => null, points: { show: false } }]; // where hooks draw it

/**
 * make(): uPlot's options without size and with hooks; called anew when it changes (keep it with useMemo) and when the theme does.
 * data: uPlot's columns. onPoint(index | null): the point under the pointer or reached by keys. label: what it shows.
 * table: {columns: [text], rows: [[…]]}.
 */
export function Plot({ make, data, height, label, table, onPoint, class: more = "" }) {
  const box = useRef(null);
  const plot = useRef(null);
  const latest = useRef({});
  latest.current = { data, onPoint };
  const theme = painted.value;

  useEffect(() => {
    const options = make();
    const at = box.current.querySelector(".canvas");
    options.hooks.setCursor = [...(options.hooks.setCursor ?? []), (u) => latest.current.onPoint?.(u.cursor.idx ?? null)];
    options.cursor = { y: false, points: { show: false }, drag: { x: false, y: false }, ...options.cursor };
    const u = new uPlot({ width: Math.max(at.clientWidth, 50), height, legend: { show: false }, series: BARE, ...options }, latest.current.data, at);
    plot.current = u;
    const watch = new ResizeObserver(() => at.clientWidth && at.clientWidth !== u.width && u.setSize({ width: at.clientWidth, height }));
    watch.observe(at);
    return () => {
      watch.disconnect();
      u.destroy();
      plot.current = null;
    };
  }, [make, height, theme]);

  useEffect(() => plot.current?.setData(data), [data]);

  const press = (event) => {
    const u = plot.current;
    const count = u.data[0].length;
    const from = u.cursor.idx;
    const to = { ArrowLeft: (from ?? count) - 1, ArrowRight: (from ?? -1) + 1, Home: 0, End: count - 1 }[event.key];
    if (event.key === "Escape") u.setCursor({ left: -10, top: -10 });
    else if (to >= 0 && to < count) u.setCursor({ left: u.valToPos(u.data[0][to], "x"), top: u.over.clientHeight / 2 });
    else return;
    event.preventDefault();
  };
  const leave = () => plot.current?.setCursor({ left: -10, top: -10 });

  return html`<figure class=${`plot ${more}`} ref=${box}>
    <div class="canvas" role="img" aria-label=${label} tabindex="0" onKeyDown=${press} onBlur=${leave} style=${{ height: `${height}px` }} />
    ${table && html`<${HiddenTable} caption=${label} ...${table} />`}
  </figure>`;
}

function HiddenTable({ caption, columns, rows }) {
  return html`<div class="hidden"><table>
    <caption>${caption}</caption>
    <thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
    <tbody>${rows.map(([first, ...others]) => html`<tr><th scope="row">${first}</th>${others.map((value) => html`<td>${value}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

// What the charts share

export const font = () => `12px ${getComputedStyle(document.body).fontFamily}`;
export const ratio = () => window.devicePixelRatio || 1;

/** An axis in the house style. rest: uPlot's. */
function axis(rest) {
  return {
    stroke: color("--text-3"),
    font: font(),
    labelFont: font(),
    ticks: { show: false },
    border: { show: false },
    gap: 8,
    grid: { stroke: color("--line"), width: 1 },
    ...rest,
  };
}

/** The x axis, without a grid. */
export const xAxis = (rest) => axis({ grid: { show: false }, ...rest });

/** The y axis: labels right-aligned at the left of the grid; room: for the widest label, in pixels. */
export function yAxis({ splits, values, room = 48 }) {
  return axis({ side: 3, size: room, gap: 10, splits, values });
}

/** Round steps from 0 to at least `most`, 3 to 5 of them. */
export function stepsTo(most) {
  const step = roundStep(Math.max(most, 1) / 4, 1);
  const steps = [];
  for (let i = 0; i <= Math.max(1, Math.ceil(most / step - 1e-9)); i += 1) steps.push(i * step);
  return steps;
}

/** Round steps around a range that need not begin at zero. */
export function stepsAround(low, high) {
  const step = roundStep(Math.max(high - low, 1) / 3, 1);
  const steps = [];
  for (let at = Math.max(0, Math.floor(low / step)) * step; ; at += step) {
    steps.push(at);
    if (at >= high && steps.length > 1) return steps;
  }
}

/** 1, 2 or 5 times a power of ten, at least `wanted` and `least`. */
function roundStep(wanted, least) {
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= wanted - 1e-9) * power;
  return Math.max(step, least);
}

/** The line that the bars stand on, or the lowest of the grid. */
export function drawBase(u) {
  const y = Math.round(u.valToPos(u.scales.y.min, "y", true)) + 0.5;
  u.ctx.save();
  u.ctx.strokeStyle = color("--line-2");
  u.ctx.lineWidth = ratio();
  u.ctx.beginPath();
  u.ctx.moveTo(u.bbox.left, y);
  u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
  u.ctx.stroke();
  u.ctx.restore();
}
