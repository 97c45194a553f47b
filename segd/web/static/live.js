// All activity as it comes: what an engineer looks at while wiring an SDK.

import { useData } from "./base/api.js";
import { html, useMemo, useRef, useState } from "./base/html.js";
import { ago, clock, exact, full, latest, number, rate, share, zoneInWords } from "./base/format.js";
import { useFeed } from "./base/feed.js";
import { NARROW } from "./base/narrow.js";
import { now, status } from "./base/status.js";
import { useTitle } from "./base/router.js";
import { Button, TextButton, userHref } from "./parts/basics.js";
import { Card, Figures } from "./parts/card.js";
import { FeedCard, emptyFeed, isHeld } from "./parts/feed-card.js";
import { Empty, FeedNotice, LiveDot, Loaded } from "./parts/states.js";
import { telling } from "./parts/telling.js";
import { StreamPanel, inSeconds } from "./parts/stream-panel.js";

const KEPT_SECONDS = 300;
const KEPT_EVENTS = 50;
const SHOWN_EVENTS = 12;
const AGAIN_SECONDS = 10;
const TOP = 10;
const MOST_SHOWN = 5;

export default function Live() {
  useTitle("Live");
  const [seconds, setSeconds] = useState([]);
  const [events, setEvents] = useState(emptyFeed);
  const [rejected, setRejected] = useState([]);
  const [heard, setHeard] = useState(new Map()); // when each event came last
  const names = useData("/events", { every: AGAIN_SECONDS });
  const refused = useData("/rejected");

  const numbers = useRef(0);
  const take = (frame) => {
    if (frame.type === "rate" || frame.type === "rates") {
      setSeconds((old) => inSeconds(old, frame, (rate) => [rate.all, rate.rejected], KEPT_SECONDS));
    } else if (frame.type === "rejected") setRejected((old) => [...frame.entries, ...old].slice(0, KEPT_EVENTS));
    else {
      setHeard((old) => new Map([...old, ...frame.entries.map(({ name, timestamp }) => [name, timestamp])]));
      const numbered = frame.entries.map((event) => ({ ...event, key: (numbers.current += 1) })).reverse();
      setEvents((old) => added(old, numbered, frame.left_out));
    }
  };
  const state = useFeed("/live", take, () => {
    names.reload();
    refused.reload();
  });
  const last = seconds.at(-1);
  return html`
    <div class="page-head">
      <div class="title"><h1>Live</h1><span class="small third">Times in ${zoneInWords()}</span></div>
      <div class="actions"><${Button} icon="code" href="/live/connect">Connect an SDK<//></div>
    </div>
    <${Figures} figures=${[
      { label: "Events in this second", value: last ? number(last[1]) : "–", note: status.value ? `${rate(status.value.eventsPerSecond)} lately` : "" },
      { label: "Events taken", value: number(status.value?.events), title: exact(status.value?.events), note: "since the first one" },
      { label: "Users known", value: number(status.value?.users), title: exact(status.value?.users), note: "by userId or anonymousId" },
      { label: "Rejected", value: number(refused.data ? refused.data.count + rejected.length : null), note: "since segd started" },
    ]} />
    <${Activity} seconds=${seconds} state=${state} />
    <div class="pair seven-five">
      <${Events} events=${events} change=${setEvents} state=${state} />
      <${Top} names=${names} heard=${heard} />
    </div>
    <${Rejected} found=${refused} came=${rejected} />
  `;
}

const together = (shown, came) => [...came, ...shown].slice(0, KEPT_EVENTS);

function added(events, came, leftOut) {
  const counted = { ...events, leftOut: events.leftOut + leftOut };
  if (!isHeld(events)) return { ...counted, shown: together(events.shown, came) };
  return { ...counted, waiting: together(events.waiting, came), missed: events.missed + came.length };
}

function Activity({ seconds, state }) {
  const [at, setAt] = useState(null);
  const span = NARROW.matches ? 180 : KEPT_SECONDS;
  const until = seconds.at(-1)?.[0] ?? Math.floor(now.value / 1000);
  const points = useMemo(() => seconds.map(([second, count]) => [second, count]), [seconds]);
  const point = at === null ? null : seconds[at];
  const readout = point
    ? html`<span>${clock(point[0] * 1000)}</span><span><b>${exact(point[1])}</b> events</span>${point[2] > 0 && html`<span><b>${exact(point[2])}</b> rejected</span>`}`
    : html`<${LiveDot} state=${state} />`;
  return html`<${Card} title="All activity" note="events per second" readout=${readout} bare notice=${html`<${FeedNotice} state=${state} />`}>
    <div class="chart-body">
      <${StreamPanel} points=${points} until=${until} span=${span} tone="mute" unit="Events" label="Events per second" height=${130} times onPoint=${setAt} />
    </div>
  <//>`;
}

function Events({ events, change, state }) {
  const { shown } = events;
  return html`<${FeedCard}
    title="Events" rows=${SHOWN_EVENTS} merge=${together} feed=${events} change=${change}
    notice=${state.value.since !== null && html`<${FeedNotice} state=${state} />`}
    told=${shown.length ? "Each one is shown." : "None since this page was opened."}
  >
    ${shown.slice(0, SHOWN_EVENTS).map((event) => html`<${Row} key=${event.key} event=${event} />`)}
    ${!shown.length && html`<li class="state"><strong>No event yet</strong><p>The next one shows here by itself.</p></li>`}
  <//>`;
}

function Row({ event }) {
  const id = event.userId ?? event.anonymousId;
  const sent = Object.entries(event.properties).map(([name, value]) => `${name}: ${value}`).join("\n");
  return html`<li class="feed-row">
    <div class="grow">
      <span class="who ellipsis">${event.name}</span>
      <span class="why ellipsis" title=${sent}>${telling(event, { most: MOST_SHOWN }).join(" · ") || (sent ? " " : "no properties")}</span>
    </div>
    <a class="small second ellipsis user-link" href=${userHref({ id, anonymous: event.userId === null })} title=${id}>${id}</a>
    <time datetime=${event.receivedAt} title=${`happened ${full(event.timestamp)}`}>${clock(Date.parse(event.receivedAt))}</time>
  </li>`;
}

function Top({ names, heard }) {
  return html`<${Card} title="Top events" readout="kept in all" bare>
    <${Loaded} of=${names} what="Could not count the events" rows=${6} height=${44}>
      ${(found) => html`<${TopList} names=${found.names} heard=${heard} />`}
    <//>
  <//>`;
}

function TopList({ names, heard }) {
  if (!names.length) {
    return html`<${Empty} title="No events yet" action=${html`<${Button} href="/live/connect">Connect an SDK<//>`}>Names show here with their counts.<//>`;
  }
  const sum = names.reduce((total, name) => total + name.count, 0);
  const most = Math.max(...names.map((name) => name.count));
  return html`<ol class="top-list">
    ${[...names].sort((a, b) => b.count - a.count).slice(0, TOP).map(
      (name) => html`<li>
        <span class="strong ellipsis" title=${name.name}>${name.name}</span>
        <span class="numbers strong">${number(name.count)}</span>
        <span class="numbers third small">${share(name.count / sum, { rough: true })}</span>
        <svg width="100%" height="4" aria-hidden="true"><rect width=${`${(name.count / most) * 100}%`} height="4" rx="1" fill="var(--mute)" /></svg>
        <${LastSeen} times=${[name.lastSeen, heard.get(name.name)]} />
      </li>`,
    )}
  </ol>
  ${names.length > TOP && html`<p class="label top-more">and ${number(names.length - TOP)} other names</p>`}`;
}

/** times: instants, or nothing, of which the latest counts. */
function LastSeen({ times }) {
  const last = latest(...times);
  return html`<span class="label numbers">${last && `last ${ago(last)}`}</span>`;
}

function Rejected({ found, came }) {
  const [all, setAll] = useState(false);
  return html`<${Card} title="Rejected messages" bare readout=${found.data ? `${exact(found.data.count + came.length)} since segd started` : ""}>
    <${Loaded} of=${found} what="Could not read the rejected messages" rows=${3} height=${44}>
      ${(data) => {
        const rows = [...came, ...data.rejected];
        if (!rows.length) return html`<p class="card-body second">None. A message that segd cannot take shows here with the reason.</p>`;
        return html`<div class="scroll-x" tabindex="0" role="region" aria-label="Rejected messages"><table class="table rejected">
            <thead><tr><th scope="col">Time</th><th scope="col">Reason</th><th scope="col">As it came</th></tr></thead>
            <tbody>${rows.slice(0, all ? undefined : 5).map(
              (row) => html`<tr>
                <td class="numbers nowrap second"><time datetime=${row.at} title=${full(row.at)}>${ago(row.at)}</time></td>
                <td><div class="strong">${row.message}</div><div class="label mono">${row.code}</div></td>
                <td><code class="second came">${row.content}</code></td>
              </tr>`,
            )}</tbody>
          </table></div>
          ${rows.length > 5 && html`<div class="card-foot"><${TextButton} aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? "Show 5" : `Show ${rows.length}`}<//></div>`}`;
      }}
    <//>
  <//>`;
}
