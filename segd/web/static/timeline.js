// A user's events, newest first, with what each caused; an open window colours the rail from its cause to its end.

import { html, useState } from "./base/html.js";
import { clock, day, dayInWords, dayOf, full, when } from "./base/format.js";
import { now } from "./base/status.js";
import { Badge, Icon, TextButton } from "./parts/basics.js";
import { Card } from "./parts/card.js";
import { Select } from "./parts/fields.js";
import { telling } from "./parts/telling.js";

/**
 * entries: of the API, newest first. listened: names of events that some segment asks about. dated: numbers of segments
 * that wait for a date, not in a window. more: loads older ones.
 */
export function Timeline({ entries, listened, dated, more, loading }) {
  const [name, setName] = useState("");
  const names = [...new Set(entries.map((entry) => entry.name))].sort();
  const rows = rowsOf(name ? entries.filter((entry) => entry.name === name) : entries, dated);
  const choice = html`<${Select} label="Events shown" value=${name} onChange=${setName}>
    <option value="">All events</option>
    ${names.map((one) => html`<option value=${one}>${title(one)}</option>`)}
  <//>`;
  return html`<${Card} title="Timeline" bare class="timeline" actions=${choice} foot=${more && html`<div class="timeline-more"><${TextButton} disabled=${loading} onClick=${more}>${loading ? "Loading older events" : "Show older events"}<//></div>`}>
    ${!rows.length && html`<p class="card-body second">No events.</p>`}
    ${daysOf(rows).map(
      ([isoDay, ofDay]) => html`<section class="timeline-day">
        <h3 class="small second">${isoDay === dayOf(now.peek()) ? `Today, ${dayInWords(isoDay)}` : dayWithYear(isoDay)}</h3>
        <ol>
          ${ofDay.map((row) => html`<${Row} key=${row.key} row=${row} dark=${listened.has(row.entry.name)} />`)}
        </ol>
      </section>`,
    )}
  <//>`;
}

const dayWithYear = (isoDay) => {
  const year = isoDay.slice(0, 4);
  return dayOf(now.peek()).startsWith(year) ? dayInWords(isoDay) : `${dayInWords(isoDay)} ${year}`;
};

/** Events, and what they caused later, as rows with whether a window is open above and below each. */
function rowsOf(entries, dated) {
  const rows = entries.flatMap((entry) => {
    const at = Date.parse(entry.at);
    const waiting = entry.caused.filter((one) => one.type === "waiting");
    const came = entry.caused.filter((one) => one.type !== "waiting");
    const later = came.filter((one) => Date.parse(one.at) > at);
    const own = { key: entry.messageId, at, entry, waiting, own: came.filter((one) => Date.parse(one.at) <= at) };
    return [own, ...later.map((caused, index) => ({ key: `${entry.messageId} ${index}`, at: Date.parse(caused.at), entry, caused, own: [] }))];
  });
  rows.sort((one, other) => other.at - one.at);
  const opened = new Map(rows.map((row, index) => [row.key, index]));
  const windows = rows.flatMap((row, index) => {
    if (row.caused) return [[index, opened.get(row.entry.messageId)]];
    return row.waiting.some((one) => !dated.has(one.segmentId)) ? [[-1, index]] : []; // it is open still
  });
  return rows.map((row, index) => ({
    ...row,
    opensAbove: windows.some(([due, from]) => due < index && index <= from),
    opensBelow: windows.some(([due, from]) => due <= index && index < from),
  }));
}

function daysOf(rows) {
  const days = new Map();
  for (const row of rows) {
    const isoDay = dayOf(row.at);
    if (!days.has(isoDay)) days.set(isoDay, []);
    days.get(isoDay).push(row);
  }
  return [...days];
}

function Row({ row, dark }) {
  const { entry, caused, own } = row;
  const look = ["timeline-row", row.opensAbove && "open-above", row.opensBelow && "open-below"].filter(Boolean).join(" ");
  return html`<li class=${look} id=${caused ? undefined : `event-${entry.messageId}`} tabindex=${caused ? undefined : "-1"}>
    <time class="numbers" datetime=${new Date(row.at).toISOString()}>${clock(row.at)}</time>
    <i class=${`timeline-dot ${caused ? "due" : dark ? "dark" : ""}`} />
    <span class="grow">
      <span class="strong">${caused ? caused.type === "retracted" ? "Taken back" : "Qualified" : title(entry.name)}</span>
      <span class="label ellipsis">${caused ? `${title(entry.name)} at ${onDay(row, entry)} opened the window` : about(entry)}</span>
    </span>
    <span class="timeline-caused">${!caused && row.waiting.length > 0 && html`<${Waiting} waiting=${row.waiting} />`}${(caused ? [caused] : own).map((one) => html`<${Caused} caused=${one} />`)}</span>
  </li>`;
}

/** waiting: what is to come, the first first. */
function Waiting({ waiting }) {
  const [{ at }] = waiting;
  const all = waiting.map((one) => `${one.segment}: ${full(one.at)}`).join("\n");
  return html`<span class="label numbers" title=${all}>${waiting.length > 1 ? `${waiting.length} due, the first ` : "due "}${when(at)}</span>`;
}

const onDay = (row, entry) => (dayOf(row.at) === dayOf(entry.at) ? clock(entry.at) : `${clock(entry.at)} on ${day(entry.at)}`);

function Caused({ caused }) {
  const taken = caused.type === "retracted";
  return html`<a href=${`/segments/${caused.segmentId}`} class="timeline-badge"
    ><${Badge} tone=${taken ? "warn" : "live"}>${taken ? "Retracted" : html`<${Icon} name="flag" size=${12} />`}<span class="ellipsis">${caused.segment}</span><//></a
  >`;
}

const TITLES = { $identify: "Traits changed", $group: "Joined a group", $alias: "Took another id" };
export const title = (name) => TITLES[name] ?? name;

const MOST_SHOWN = 4;
const LONGEST = 60;

/** A few of its properties; traits with their names. */
function about(event) {
  if (event.name !== "$identify") return telling(event, { most: MOST_SHOWN }).join(" · ");
  const written = Object.entries(event.properties).filter(([, value]) => value !== null && typeof value !== "object");
  return written.slice(0, MOST_SHOWN).map(([key, value]) => `${key} ${String(value).slice(0, LONGEST)}`).join(" · ");
}
