// The report of a live segment, true to the second: what was asked for once, and what the feed has told since.

import { html, useEffect, useMemo, useRef, useState } from "./base/html.js";
import { ago, brief, dayInWords, dayOf, exact, number, share, until } from "./base/format.js";
import { useFeed } from "./base/feed.js";
import { NARROW } from "./base/narrow.js";
import { now } from "./base/status.js";
import { Figures } from "./parts/card.js";
import { DoMore } from "./parts/do-more.js";
import { Reachability } from "./parts/reachability.js";
import { ReportHead } from "./parts/report-head.js";
import { PerDay, useBefore, useDays } from "./per-day.js";
import { Qualifying, begun, fed, lastOf, newest } from "./qualifying.js";
import { RightNow, emptyStream, streamed } from "./right-now.js";

const SHARE_MILLISECONDS = 7 * 86_400_000;
const SLACK_MILLISECONDS = 3_600_000; // the answer may be some minutes old

const nothing = { days: {}, total: 0 };

export function LiveReport({ report, reload }) {
  const { segment } = report;
  const [feed, setFeed] = useState(() => begun(report.recent));
  const [stream, setStream] = useState(emptyStream);
  const [since, setSince] = useState({ report, ...nothing });

  const take = (frame) => {
    if (frame.type === "rate" || frame.type === "rates") setStream((old) => streamed(old, frame));
    else setFeed((old) => fed(old, frame));
    if (frame.type === "qualified" || frame.type === "retracted") {
      setSince((old) => counted(old.report === latest.current ? old : { report: latest.current, ...nothing }, frame));
    }
  };
  const latest = useRef(report);
  latest.current = report;
  const state = useFeed(`/segments/${segment.id}/live`, take, reload);
  const { since: offline } = state.value;
  useEffect(() => {
    if (offline !== null) reload(); // the segment may have been deleted
  }, [offline]);

  const more = since.report === report ? since : nothing;
  const before = useBefore(segment);
  const days = useDays(report, more.days, before);
  const waiting = useMemo(() => report.waiting && { ...report.waiting, asked: new Date(now.peek()).toISOString() }, [report]);
  return html`
    <${ReportHead} segment=${segment} changed=${reload} last=${lastOf(feed, segment.lastQualifiedAt)} />
    <${Figures} figures=${figures(report, days, more.total, waiting)} />
    <div class="pair">
      <${PerDay} days=${days} before=${before} segment=${segment} />
      <${RightNow} stream=${stream} state=${state} span=${NARROW.matches ? 120 : 180} />
    </div>
    <div class="pair five-seven">
      <${Reachability} reachability=${report.reachability} tone="live" />
      <${Qualifying} feed=${feed} change=${setFeed} segment=${segment} state=${state} />
    </div>
    <${DoMore} segment=${segment} />
  `;
}

/** What the feed told since the report was asked for, and is not in that. */
function counted(old, frame) {
  const days = { ...old.days };
  const came = frame.entries.filter((entry) => Number(entry.cursor) > newest(old.report.recent));
  const sign = frame.type === "qualified" ? 1 : -1;
  const add = (isoDay, count, retracted) => {
    const was = days[isoDay] ?? { count: 0, retracted: 0 };
    days[isoDay] = { count: was.count + count, retracted: was.retracted + retracted };
  };
  for (const entry of came) add(dayOf(entry.at), sign, sign < 0 ? 1 : 0);
  const leftOut = frame.left_out ?? 0;
  if (leftOut) add(dayOf(now.peek()), leftOut, 0);
  return { ...old, days, total: old.total + sign * came.length + leftOut };
}

/** waiting: who is inside a window, or has a date to come, as of `asked`; null where the segment waits for nothing. */
function figures(report, days, came, waiting) {
  const today = days.find((one) => one.running);
  const before = days.at(-2);
  const retracted = days.reduce((sum, one) => sum + one.retracted, 0);
  return [
    { label: "Qualified today", value: number(today?.count ?? 0), note: today?.retracted ? `since 00:00, ${exact(today.retracted)} retracted` : "since 00:00" },
    { label: "Last 24 hours", value: number(Math.max(0, report.rate.last24h + came)), note: before.source === "live" ? `${exact(before.count)} on ${dayInWords(before.day)}` : "qualifications" },
    waiting
      ? { label: report.segment.type === "date" ? "With a date to come" : "Inside the window now", value: number(waiting.users), note: html`<${NextDue} waiting=${waiting} />` }
      : { label: "Last hour", value: number(Math.max(0, report.rate.lastHour + came)), note: "qualifications" },
    report.share
      ? shareFigure(report.share)
      : { label: "Retracted", value: number(retracted), note: `in ${days.length} days, not counted` },
  ];
}

/** Of those who did what it begins with, in the last days or since the version began, how many qualified. */
function shareFigure({ qualified, of, since, label }) {
  const whole = Date.parse(since) <= now.peek() - SHARE_MILLISECONDS + SLACK_MILLISECONDS;
  return { label: `Of ${label}`, value: share(of ? qualified / of : null), note: `${exact(qualified)} of ${exact(of)}, ${whole ? "7 days" : `since ${brief(since)}`}` };
}

/** When the first of them is due; once that is past, how old the figure is. */
function NextDue({ waiting }) {
  if (!waiting.users) return "users";
  return Date.parse(waiting.nextDue) > now.value ? `next one is due ${until(waiting.nextDue)}` : `counted ${ago(waiting.asked)}`;
}
