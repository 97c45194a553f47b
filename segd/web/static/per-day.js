// Users qualified per day: as it happened from the first whole day of the segment on, before that as the backtest has it.

import { get, useData } from "./base/api.js";
import { html, useCallback, useMemo, useState } from "./base/html.js";
import { day, dayInWords, dayOf, exact, nextDay, zoneInWords } from "./base/format.js";
import { NARROW } from "./base/narrow.js";
import { now } from "./base/status.js";
import { Card } from "./parts/card.js";
import { DayChart } from "./parts/day-charts.js";

const DAYS = 14;
const NARROW_DAYS = 9;

/**
 * The days up to today: [{day, count, retracted, source, running}], oldest first.
 * more: what came since the report, by day: {count, retracted}. before: of useBefore.
 */
export function useDays(report, more, before) {
  const today = dayOf(now.value);
  return useMemo(() => {
    const made = dayOf(report.segment.createdAt);
    const live = new Map(report.perDay.map((one) => [one.day, one]));
    const length = NARROW.matches ? NARROW_DAYS : DAYS;
    return Array.from({ length }, (_, i) => {
      const one = nextDay(today, i + 1 - length);
      const running = one === today;
      if (one > made || running) {
        const count = (live.get(one)?.count ?? 0) + (more[one]?.count ?? 0);
        const retracted = (live.get(one)?.retracted ?? 0) + (more[one]?.retracted ?? 0);
        return { day: one, count: Math.max(0, count), retracted, source: "live", running };
      }
      return { day: one, count: before.days?.get(one) ?? 0, retracted: 0, source: "backtest", running };
    });
  }, [report, more, before, today]);
}

/** The backtest of the days before the segment was made: {days: Map | null, estimate, error}. Asked for where some of
 *  them show, beside the report, which is there at once. */
export function useBefore({ id, version, createdAt }) {
  const needed = dayOf(createdAt) > nextDay(dayOf(now.peek()), -DAYS);
  const ask = useCallback((signal) => get(`/segments/${id}/report?backtest=true`, { signal }), [id, version]);
  const { data, error } = useData(needed ? ask : null);
  return useMemo(() => {
    const days = data && new Map(data.perDay.filter((one) => one.source === "backtest").map((one) => [one.day, one.count]));
    return { days, estimate: data?.backtest?.estimate, error: days ? null : error };
  }, [data, error]);
}

export function PerDay({ days, before, segment }) {
  const [at, setAt] = useState(null);
  const point = at === null ? null : days[at];
  const pale = days.some((one) => one.source === "backtest");
  const readout = point
    ? html`<span>${dayInWords(point.day)}</span><span><b>${exact(point.count)}</b> ${point.source === "backtest" ? "in the backtest" : "qualified"}</span>${point.retracted > 0 && html`<span><b>${exact(point.retracted)}</b> retracted</span>`}`
    : zoneInWords();
  return html`<${Card} title="Users qualified per day" readout=${readout} foot=${foot(pale, before)} bare>
    <div class="chart-body">
      <${DayChart} days=${days} since=${pale ? `live since ${day(segment.createdAt)}` : ""} height=${212} label="Users qualified per day" onPoint=${setAt} />
    </div>
  <//>`;
}

function foot(pale, before) {
  if (!pale) return "The hatched day is not over yet.";
  if (before.error) return `The days before could not be worked out: ${before.error.message}.`;
  if (!before.days) return "Working out the days before.";
  return `Pale days are ${before.estimate ? "a sample's" : "the"} backtest, the hatched one is not over yet.`;
}
