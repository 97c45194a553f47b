// The report of a past-behaviour segment: its members day by day, today's sample, and what it shares with another.

import { get, post } from "./base/api.js";
import { html, useMemo, useState } from "./base/html.js";
import { clock, dayInWords, dayOf, exact, length, nextDay, number, share, zoneInWords } from "./base/format.js";
import { now, status } from "./base/status.js";
import { parse, stringify } from "./editor/exact.js";
import { SqlDialog } from "./editor/answer.js";
import { Overlap } from "./overlap.js";
import { Button, TextButton, UserLine, userName } from "./parts/basics.js";
import { Card, Figures } from "./parts/card.js";
import { DoMore } from "./parts/do-more.js";
import { LineChart } from "./parts/day-charts.js";
import { tried } from "./parts/overlays.js";
import { Reachability } from "./parts/reachability.js";
import { ReportHead } from "./parts/report-head.js";
import { Empty } from "./parts/states.js";
import { tellingTraits } from "./parts/telling.js";

const SHOWN = 7;

/** report: of GET …/report. set: takes another. */
export default function PastReport({ report, reload, set }) {
  const { segment, members } = report;
  const [busy, setBusy] = useState(null);
  const [sql, setSql] = useState(null);

  const ask = async (what, run) => {
    setBusy(what);
    const found = await tried("Not counted", run);
    setBusy(null);
    return found;
  };
  const recalculate = async () => {
    const found = await ask("members", () => get(`/segments/${segment.id}/report?recalculate=true`));
    if (found) set(found);
  };
  const showSql = () =>
    ask("sql", async () => {
      const { definition } = await get(`/segments/${segment.id}`, { parse }); // as it is kept, exact numbers included
      setSql((await post("/segments/preview?estimate=true", { definition }, { write: stringify })).sql);
    });

  return html`
    <${ReportHead}
      segment=${segment}
      changed=${reload}
      first=${html`<${Button} class="always" icon="reload" busy=${busy === "members"} onClick=${recalculate}>${busy === "members" ? "Counting" : "Recalculate now"}<//>`}
      more=${html`<${TextButton} disabled=${busy === "sql"} onClick=${showSql}>Show SQL<//>`}
    />
    ${sql !== null && html`<${SqlDialog} sql=${sql} onClose=${() => setSql(null)} />`}
    <${Figures} figures=${figures(report)} />
    <div class="pair seven-five">
      <${PerDay} report=${report} />
      <${Sample} users=${report.sample} of=${members} />
    </div>
    <div class="pair seven-five">
      <${Overlap} segment=${segment} />
      <${Reachability} reachability=${report.reachability} tone="past" of="members" />
    </div>
    <${DoMore} segment=${segment} />
  `;
}

function figures({ segment, perDay, members }) {
  const { evaluatedAt: at, evaluationMilliseconds: took } = segment;
  const total = status.value?.users ?? null;
  const oldest = perDay.length ? daysBetween(perDay[0].day, dayOf(now.peek())) : 0;
  const changes = [7, Math.min(30, oldest)].map((days) => (days >= 7 ? change(perDay, members, days) : null)).filter(Boolean).slice(0, oldest > 7 ? 2 : 1);
  return [
    {
      label: "Members now",
      value: number(members),
      title: members > 999_999 ? exact(members) : undefined,
      note: at ? `counted at ${dayOf(at) === dayOf(now.value) ? clock(at) : `${clock(at)} on ${dayInWords(dayOf(at))}`}${took === null ? "" : `, in ${length(took)}`}` : "not counted yet",
    },
    { label: "Of all users", value: share(members === null || !total ? null : members / total), note: total === null ? "" : `of ${exact(total)} known` },
    ...changes,
  ];
}

const daysBetween = (from, to) => Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000);

/** The members now beside those at a midnight so many days ago; nothing where that day was not counted. */
function change(perDay, members, days) {
  const isoDay = nextDay(dayOf(now.peek()), -days);
  const then = perDay.find((one) => one.day === isoDay);
  if (!then || members === null) return null;
  const difference = members - then.count;
  const sign = difference > 0 ? "+" : difference < 0 ? "−" : "";
  const part = then.count ? `, ${share(Math.abs(difference) / then.count)} ${difference < 0 ? "fewer" : "more"}` : "";
  return { label: `Change in ${days} days`, value: `${sign}${number(Math.abs(difference))}`, note: `from ${exact(then.count)}${difference ? part : ""}` };
}

/** At each midnight that was counted, and now. */
function PerDay({ report }) {
  const [at, setAt] = useState(null);
  const shown = useMemo(() => {
    const days = report.perDay.map(({ day, count }) => ({ day, count, name: `${dayInWords(day)}, 00:00` }));
    return days.length && report.members !== null ? [...days, { day: dayOf(now.peek()), count: report.members, name: "Now" }] : days;
  }, [report]);
  const point = at === null ? null : shown[at];
  const readout = point ? html`<span>${point.name}</span><span><b>${exact(point.count)}</b> members</span>` : zoneInWords();
  return html`<${Card} title="Members per day" readout=${readout} bare>
    ${shown.length > 1
      ? html`<div class="chart-body"><${LineChart} days=${shown} height=${292} label="Members per day" onPoint=${setAt} /></div>`
      : html`<${Empty} title="No day counted yet">Members are counted as of each midnight, missed ones filled in.<//>`}
  <//>`;
}

function Sample({ users, of }) {
  const shown = users.slice(0, SHOWN);
  return html`<${Card} title="Sample of the day" readout=${shown.length ? `${shown.length} of ${number(of)}` : ""} bare class="sample">
    ${!shown.length && html`<${Empty} title="Nobody yet">Members are shown here as soon as there are some.<//>`}
    ${shown.length > 0 && html`<ul class="ruled">
      ${shown.map((user) => {
        const [first, ...others] = tellingTraits(user).map(([, value]) => value);
        const about = others.join(" · ") || (userName(user) === user.id ? "" : user.id);
        return html`<${UserLine} user=${user} about=${about}><span class="small third ellipsis">${first ?? "—"}</span><//>`;
      })}
    </ul>`}
  <//>`;
}
