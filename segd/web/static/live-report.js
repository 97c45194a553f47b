// The report of a live segment, true to the second: what was asked for once, and what the feed has told since.

import { html, useMemo, useRef, useState } from "./base/html.js";
import { dayInWords, day, dayOf, exact, number, zoneInWords } from "./base/format.js";
import { useFeed } from "./base/feed.js";
import { now } from "./base/status.js";
import { Card, Figures } from "./parts/card.js";
import { DayChart } from "./parts/day-chart.js";
import { DoMore } from "./parts/do-more.js";
import { Reachability } from "./parts/reachability.js";
import { ReportHead } from "./parts/report-head.js";
import { Qualifying, begun, fed } from "./qualifying.js";
import { RightNow, emptyStream, streamed } from "./right-now.js";

const NARROW = window.matchMedia("(width <= 720px)");
const NARROW_DAYS = 9;

export function LiveReport({ report, reload }) {
  const { segment } = report;
  const [feed, setFeed] = useState(() => begun(report.recent));
  const [stream, setStream] = useState(emptyStream);
  const [since, setSince] = useState({ report, days: {}, total: 0 });

  const take = (frame) => {
    if (frame.type === "rate") setStream((old) => streamed(old, frame));
    else setFeed((old) => fed(old, frame));
    if (frame.type === "qualified" || frame.type === "retracted") {
      setSince((old) => counted(old.report === latest.current ? old : { report: latest.current, days: {}, total: 0 }, frame));
    }
  };
  const latest = useRef(report);
  latest.current = report;
  const state = useFeed(`/segments/${segment.id}/live`, take, reload);

  const more = since.report === report ? since : { days: {}, total: 0 };
  const days = useDays(report, more.days);
  return html`
    <${ReportHead} segment=${segment} changed=${reload} />
    <${Figures} figures=${figures(report, days, more.total)} />
    <div class="pair">
      <${PerDay} days=${days} segment=${segment} />
      <${RightNow} stream=${stream} state=${state} span=${NARROW.matches ? 120 : 180} />
    </div>
    <div class="pair five-seven">
      <${Reachability} reachability=${report.reachability} tone="live" />
      <${Qualifying} feed=${feed} change=${setFeed} segment=${segment} state=${state} />
    </div>
    <${DoMore} segment=${segment} />
  `;
}

/** What the feed told since the report was asked for. */
function counted(old, frame) {
  const days = { ...old.days };
  const sign = frame.type === "qualified" ? 1 : -1;
  const add = (isoDay, count, retracted) => {
    const was = days[isoDay] ?? { count: 0, retracted: 0 };
    days[isoDay] = { count: was.count + count, retracted: was.retracted + retracted };
  };
  for (const entry of frame.entries) add(dayOf(entry.at), sign, sign < 0 ? 1 : 0);
  const leftOut = frame.left_out ?? 0;
  if (leftOut) add(dayOf(now.peek()), leftOut, 0);
  return { ...old, days, total: old.total + sign * frame.entries.length + leftOut };
}

/** The days of the report with what came since; the running one is marked. */
function useDays(report, more) {
  const today = dayOf(now.value);
  return useMemo(() => {
    const days = report.perDay.map((one) => ({
      ...one,
      count: Math.max(0, one.count + (more[one.day]?.count ?? 0)),
      retracted: one.retracted + (more[one.day]?.retracted ?? 0),
      running: one.day === today,
    }));
    if (days.at(-1)?.day < today) {
      days.push({ day: today, count: more[today]?.count ?? 0, retracted: more[today]?.retracted ?? 0, source: "live", running: true });
    }
    return NARROW.matches ? days.slice(-NARROW_DAYS) : days;
  }, [report, more, today]);
}

function figures(report, days, came) {
  const today = days.find((one) => one.running);
  const before = days.at(-2);
  const retracted = days.reduce((sum, one) => sum + one.retracted, 0);
  return [
    { label: "Qualified today", value: number(today?.count ?? 0), note: today?.retracted ? `since 00:00, ${exact(today.retracted)} retracted` : "since 00:00" },
    { label: "Last 24 hours", value: number(Math.max(0, report.rate.last24h + came)), note: before ? `${exact(before.count)} on ${dayInWords(before.day)}` : "" },
    { label: "Last hour", value: number(Math.max(0, report.rate.lastHour + came)), note: "qualifications" },
    { label: "Retracted", value: number(retracted), note: `in ${days.length} days, not in the counts` },
  ];
}

function PerDay({ days, segment }) {
  const [at, setAt] = useState(null);
  const point = at === null ? null : days[at];
  const firstLive = days.find((one) => one.source !== "backtest");
  const backtest = days.some((one) => one.source === "backtest");
  const since = backtest && firstLive ? `live since ${day(segment.createdAt)}` : "";
  const readout = point
    ? html`<span>${dayInWords(point.day)}</span><span><b>${exact(point.count)}</b> qualified</span>${point.retracted > 0 && html`<span><b>${exact(point.retracted)}</b> retracted</span>`}`
    : zoneInWords();
  const foot = backtest ? "Pale days come from the backtest, the hatched one is not over yet." : "The hatched day is not over yet.";
  return html`<${Card} title="Users qualified per day" readout=${readout} foot=${foot} bare>
    <div class="chart-body"><${DayChart} days=${days} since=${since} height=${212} label="Users qualified per day" onPoint=${setAt} /></div>
  </${Card}>`;
}

