// What was counted per day: a flow as bars, a level as a line.

import { html, useMemo, useRef } from "../base/html.js";
import { dayInWords, dayTick, exact, number, weekdayTick } from "../base/format.js";
import { color } from "../base/theme.js";
import { Plot, drawBase, font, ratio, stepsAround, stepsTo, xAxis, yAxis } from "./plot.js";

const BAR = 0.72; // of the width of a day
const TICK_WIDTH = 30;
const WEEKDAY_WIDTH = 48;
const DATE_WIDTH = 70;

/**
 * A flow as bars: the backtest's pale and capped, the running day hatched.
 * days: [{day: "2026-11-22", count, retracted?, source: "live" | "backtest", running?}], oldest first.
 * since: words beside the line between backtest and live, as "live since 12 Nov". weekdays: ticks as "Fri 13".
 */
export function DayChart({ days, since, height = 200, label, weekdays = false, onPoint }) {
  const shown = useRef(days);
  shown.current = days;
  const shape = days.map((day) => day.day).join();
  const top = stepsTo(Math.max(0, ...days.map((day) => day.count))).at(-1);
  const split = since ? days.findIndex((day) => day.source !== "backtest") : -1;
  const data = useMemo(() => [days.map((_, i) => i), days.map((day) => day.count)], [days]);
  const make = useMemo(() => () => barOptions(shown, { top, split, since, weekdays }), [shape, top, split, since, weekdays]);
  const table = {
    columns: ["Day", "Qualified", "Retracted"],
    rows: days.map((day) => [dayInWords(day.day) + (day.source === "backtest" ? ", backtest" : ""), exact(day.count), exact(day.retracted ?? 0)]),
  };
  return html`<${Plot} class="bars-plot" ...${{ make, data, height, label, table, onPoint }} />`;
}

function barOptions(shown, { top, split, since, weekdays }) {
  const steps = stepsTo(top);
  let band = null;
  const count = shown.current.length;
  return {
    padding: [since ? 24 : 8, 8, 0, 0],
    scales: { x: { time: false, range: () => [-0.5, count - 0.5] }, y: { range: () => [0, steps.at(-1)] } },
    axes: [
      xAxis({
        size: 28,
        splits: (u) => thinned(count, u.over?.clientWidth || u.width - 60, weekdays),
        values: (_, at) => at.map((i) => tick(shown.current, i, weekdays)),
      }),
      yAxis({ splits: () => steps, values: (_, at) => at.map(number), room: widest(steps) }),
    ],
    hooks: {
      init: [
        (u) => {
          band = document.createElement("div");
          band.className = "plot-band";
          u.under.append(band);
        },
      ],
      setCursor: [
        (u) => {
          const at = u.cursor.idx;
          band.hidden = at === null || at === undefined || u.cursor.left < 0;
          if (band.hidden) return;
          const width = u.over.clientWidth / count;
          band.style.left = `${at * width + (width * (1 - BAR)) / 2}px`;
          band.style.width = `${width * BAR}px`;
        },
      ],
      drawSeries: [(u) => drawBars(u, shown.current)],
      draw: [(u) => drawBase(u), (u) => split > 0 && drawSplit(u, split, since)],
    },
  };
}

function widest(steps) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = font();
  return Math.ceil(Math.max(...steps.map((step) => context.measureText(number(step)).width))) + 12;
}

/** Every day its label while there is room, else every second, and so on; always the last. width: less than none where the chart is not shown yet. */
function thinned(count, width, weekdays) {
  const every = Math.ceil((count * (weekdays ? WEEKDAY_WIDTH : TICK_WIDTH)) / Math.max(width, 1));
  const at = [];
  for (let i = count - 1; i >= 0; i -= every) at.unshift(i);
  return at;
}

function tick(days, i, weekdays) {
  const day = days[i];
  if (!day) return "";
  if (day.running) return "Today";
  if (weekdays) return weekdayTick(day.day);
  const first = i === 0 || days[i - 1].day.slice(0, 7) !== day.day.slice(0, 7);
  return dayTick(day.day, first);
}

function drawBars(u, days) {
  const { ctx } = u;
  const zero = u.valToPos(0, "y", true);
  const width = (u.bbox.width / days.length) * BAR;
  const colors = { live: color("--live-fill"), pale: color("--live-pale") };
  ctx.save();
  for (const [i, day] of days.entries()) {
    if (!day.count) continue;
    const left = Math.round(u.valToPos(i, "x", true) - width / 2);
    const top = Math.round(u.valToPos(day.count, "y", true));
    const tall = Math.max(zero - top, ratio());
    ctx.beginPath();
    ctx.roundRect(left, zero - tall, Math.round(width), tall, day.source === "backtest" ? 0 : [2 * ratio(), 2 * ratio(), 0, 0]);
    if (day.running) {
      ctx.fillStyle = hatch(ctx, colors.live);
      ctx.strokeStyle = colors.live;
      ctx.lineWidth = 1.25 * ratio();
      ctx.fill();
      ctx.stroke();
    } else {
      ctx.fillStyle = day.source === "backtest" ? colors.pale : colors.live;
      ctx.fill();
    }
    if (day.source === "backtest") {
      ctx.fillStyle = colors.live;
      ctx.fillRect(left, zero - tall, Math.round(width), 1.5 * ratio());
    }
  }
  ctx.restore();
}

function hatch(ctx, stroke) {
  const size = Math.round(5 * ratio());
  const tile = document.createElement("canvas");
  tile.width = size;
  tile.height = size;
  const pen = tile.getContext("2d");
  pen.strokeStyle = stroke;
  pen.lineWidth = 1.2 * ratio();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
  }
  pen.stroke();
  return ctx.createPattern(tile, "repeat");
}

/** `backtest ┊ live since 12 Nov` */
function drawSplit(u, split, since) {
  const { ctx } = u;
  const px = ratio();
  const x = Math.round(u.valToPos(split - 0.5, "x", true));
  const words = u.bbox.top - 19 * px;
  const end = u.bbox.left + u.bbox.width;
  ctx.save();
  ctx.font = font().replace("12px", `${12 * px}px`);
  ctx.textBaseline = "top";
  // Where there is no room at the right of the line, the words end with the graph, and the line begins below them.
  const from = Math.min(x + 7 * px, end - ctx.measureText(since).width);
  const fits = from > x;
  ctx.strokeStyle = color("--mute");
  ctx.lineWidth = px;
  ctx.setLineDash([2 * px, 3 * px]);
  ctx.beginPath();
  ctx.moveTo(x + 0.5, fits ? words - px : u.bbox.top - 3 * px);
  ctx.lineTo(x + 0.5, u.bbox.top + u.bbox.height);
  ctx.stroke();
  ctx.fillStyle = color("--live");
  ctx.textAlign = "left";
  ctx.fillText(since, from, words);
  ctx.fillStyle = color("--text-3");
  ctx.textAlign = "right";
  const till = fits ? x - 7 * px : from - 12 * px;
  if (till - u.bbox.left > 56 * px) ctx.fillText("backtest", till, words);
  ctx.restore();
}

/**
 * A level day by day, as a line: its axis may start above zero, so nothing is filled under it.
 * days: [{day, count: number | null, name}], oldest first; unit: what is counted, for the table.
 */
export function LineChart({ days, height = 240, label, unit = "Members", onPoint }) {
  const shown = useRef(days);
  shown.current = days;
  const data = useMemo(() => [days.map((_, i) => i), days.map((day) => day.count)], [days]);
  const known = days.map((day) => day.count).filter((count) => count !== null);
  const steps = stepsAround(Math.min(...known), Math.max(...known));
  const shape = `${days.length} ${days[0]?.day} ${steps.join()}`;
  const make = useMemo(() => () => lineOptions(shown, steps), [shape]);
  const table = { columns: ["Day", unit], rows: days.map((day) => [day.name, exact(day.count)]) };
  return html`<${Plot} ...${{ make, data, height, label, table, onPoint }} />`;
}

function lineOptions(shown, steps) {
  const days = shown.current;
  const stroke = color("--past-fill");
  return {
    padding: [8, 20, 0, 0],
    cursor: { points: { size: 7, fill: stroke, stroke: color("--surface"), width: 1.5 } },
    scales: { x: { time: false, range: () => [0, Math.max(1, days.length - 1)] }, y: { range: () => [steps[0], steps.at(-1)] } },
    series: [{}, { stroke, width: 1.75, points: { show: true, filter: (u) => [u.data[1].length - 1], size: 5, fill: stroke, width: 0 } }],
    axes: [
      xAxis({
        size: 28,
        splits: (u) => {
          const every = Math.max(1, Math.ceil((days.length * DATE_WIDTH) / (u.width - 60) / 7) * (days.length > 10 ? 7 : 1));
          return Array.from({ length: Math.ceil(days.length / every) }, (_, i) => i * every);
        },
        values: (_, at) => at.map((i) => (days[i] ? dayTick(days[i].day, true) : "")),
      }),
      yAxis({ splits: () => steps, values: (_, at) => at.map(number), room: 16 + 8 * Math.max(...steps.map((step) => number(step).length)) }),
    ],
    hooks: { draw: [drawBase] },
  };
}
