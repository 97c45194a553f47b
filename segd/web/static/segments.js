// The list of all segments: search as you type, sort, pause, duplicate, delete.

import { Component, html, useEffect, useMemo, useState } from "./base/html.js";
import { brief, day, length, zoneInWords } from "./base/format.js";
import { duplicate, remove, switchOn, useSegments } from "./base/segments.js";
import { place, setQuery } from "./base/router.js";
import { manages } from "./base/status.js";
import { useTitle } from "./base/title.js";
import { Badge, Button, Count, Icon, KindBadge } from "./parts/basics.js";
import { Choice, SearchBox } from "./parts/fields.js";
import { Menu } from "./parts/overlays.js";
import { Sparkline } from "./parts/sparkline.js";
import { Empty, Loaded } from "./parts/states.js";
import { Words } from "./parts/words.js";

const AGAIN_SECONDS = 10;
const KINDS = [
  { value: "", label: "All" },
  { value: "live", label: "Live" },
  { value: "past", label: "Past" },
];
const ORDERS = {
  name: (a, b) => a.name.localeCompare(b.name),
  users: (a, b) => (b.number.value ?? -1) - (a.number.value ?? -1),
  evaluated: (a, b) => (b.evaluatedAt ?? "").localeCompare(a.evaluatedAt ?? ""),
};

export default function Segments() {
  useTitle("Segments");
  const found = useSegments({ every: AGAIN_SECONDS });
  const { query } = place.value;
  const search = query.get("q") ?? "";
  const kind = query.get("kind") ?? "";
  return html`
    <div class="page-head list-head">
      <div class="title"><h1>Segments</h1>${found.data && html`<${Count} class="third numbers" value=${found.data.length} />`}</div>
      <div class="actions">
        <${SearchBox} label="Search name or definition" value=${search} onInput=${(text) => setQuery({ q: text })} />
        <${Choice} label="Kind" options=${KINDS} value=${kind} onChange=${(value) => setQuery({ kind: value })} />
        ${manages.value && html`<${Button} kind="primary" icon="plus" href="/segments/new">Segment</${Button}>`}
      </div>
    </div>
    <section class="card" aria-label="Segments">
      <${Loaded} of=${found} what="Could not read the segments" rows=${8} height=${60}>
        ${(segments) => html`<${List} segments=${segments} search=${search} kind=${kind} changed=${found.reload} />`}
      </${Loaded}>
    </section>
    ${found.data?.length > 0 && html`<p class="page-foot">Times in ${zoneInWords()}. Live segments count qualifications, past ones count members.</p>`}
  `;
}

function List({ segments, search, kind, changed }) {
  const order = place.value.query.get("sort") ?? "name";
  const descends = order.startsWith("-");
  const shown = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    const compare = ORDERS[order.replace("-", "")] ?? ORDERS.name;
    const kept = segments.filter(
      (segment) => (!kind || segment.kind === kind) && (!wanted || `${segment.name}\n${segment.words}`.toLowerCase().includes(wanted)),
    );
    kept.sort(compare);
    return descends ? kept.reverse() : kept;
  }, [segments, search, kind, order]);
  const drawn = useGrowing(shown.length);

  if (!segments.length) {
    return html`<${Empty} title="No segments yet" action=${manages.value && html`<${Button} kind="primary" icon="plus" href="/segments/new">Segment</${Button}>`}>
      Say who you are looking for, and segd keeps the list true while they act.
    </${Empty}>`;
  }
  if (!shown.length) {
    const clear = html`<${Button} onClick=${() => setQuery({ q: "", kind: "" })}>Show all</${Button}>`;
    return html`<${Empty} title="None of ${segments.length} fits" action=${clear}>${search ? `No name or definition has “${search}” in it.` : "There is none of this kind."}</${Empty}>`;
  }
  return html`
    <table class="segments" role="table">
      <thead role="rowgroup">
        <tr role="row">
          <${Header} id="name" order=${order}>Name</${Header}>
          <th role="columnheader" scope="col" class="kind">Kind</th>
          <${Header} id="users" order=${order} right>Users</${Header}>
          <th role="columnheader" scope="col" class="trend">14 days</th>
          <${Header} id="evaluated" order=${order} class="evaluated">Last evaluated</${Header}>
          <th role="columnheader" scope="col" class="status">Status</th>
          <th role="columnheader" scope="col" class="tools"><span class="hidden">Actions</span></th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${shown.slice(0, drawn).map((segment) => html`<${KeptRow} key=${segment.id} segment=${segment} changed=${changed} />`)}
      </tbody>
    </table>
  `;
}

const AT_FIRST = 40;
const AT_ONCE = 120;

/** How many rows to draw: what fills a screen at once, the others just after, so that a long list is there at once. */
function useGrowing(count) {
  const [drawn, setDrawn] = useState(AT_FIRST);
  useEffect(() => {
    if (drawn >= count) return undefined;
    const timer = setTimeout(() => setDrawn((now) => now + AT_ONCE), 0);
    return () => clearTimeout(timer);
  }, [drawn, count]);
  return drawn;
}

function Header({ id, order, right, class: look = id, children }) {
  const sorted = order.replace("-", "") === id;
  const descends = sorted && order.startsWith("-");
  const press = () => setQuery({ sort: sorted && !descends ? `-${id}` : id === "name" ? "" : id });
  return html`<th role="columnheader" scope="col" class=${look + (right ? " right" : "")} aria-sort=${sorted ? (descends ? "descending" : "ascending") : "none"}>
    <button type="button" class="sort" onClick=${press}>${children}${sorted && html`<${Icon} name="chevron-down" size=${12} />`}</button>
  </th>`;
}

/** Drawn anew for another segment alone: a long list grows, and is asked for again, without drawing what it has. */
class KeptRow extends Component {
  shouldComponentUpdate({ segment }) {
    return segment !== this.props.segment;
  }

  render() {
    return html`<${Row} ...${this.props} />`;
  }
}

function Row({ segment, changed }) {
  const paused = segment.status === "paused";
  const toggle = async () => {
    await switchOn(segment, paused);
    changed();
  };
  const drop = async () => {
    if (await remove(segment)) changed();
  };
  return html`<tr role="row">
    <td role="cell" class="name">
      <a class="row-link ellipsis" href=${`/segments/${segment.id}`}><i class=${`dot-kind ${segment.kind}`} role="img" aria-label=${segment.kind === "live" ? "Live:" : "Past:"} />${segment.name}</a>
      <div class="said ellipsis" title=${segment.words}><${Words} short words=${segment.words} definition=${segment.definition} /></div>
    </td>
    <td role="cell" class="kind"><${KindBadge} kind=${segment.kind} /></td>
    <td role="cell" class="users right">
      <div class="main"><${Count} value=${segment.number.value} /></div>
      <div class="sub">${segment.number.value === null ? "not counted" : segment.kind === "live" ? "in 24 h" : "members"}</div>
    </td>
    <td role="cell" class="trend"><${Sparkline} values=${segment.trend} kind=${segment.kind} muted=${paused} /></td>
    <td role="cell" class="evaluated"><${Evaluated} segment=${segment} /></td>
    <td role="cell" class="status"><${Status} segment=${segment} /></td>
    <td role="cell" class="tools">${manages.value && html`<span class="row">
      ${segment.kind === "live" && html`<${Button} kind="quiet" small class="on-hover" icon=${paused ? "play" : "pause"} label=${`${paused ? "Resume" : "Pause"} ${segment.name}`} onClick=${toggle} />`}
      <${Button} kind="quiet" small class="on-hover" icon="copy" label=${`Duplicate ${segment.name}`} onClick=${() => duplicate(segment)} />
      <${Menu} small label=${`More for ${segment.name}`} items=${[
        { label: "Edit", icon: "edit", href: `/segments/${segment.id}/edit` },
        segment.kind === "live" && { label: paused ? "Resume" : "Pause", icon: paused ? "play" : "pause", run: toggle },
        { label: "Duplicate", icon: "copy", run: () => duplicate(segment) },
        { label: "Delete", icon: "delete", run: drop, danger: true },
      ]} />
    </span>`}</td>
  </tr>`;
}

function Evaluated({ segment }) {
  if (segment.kind === "past") {
    if (!segment.evaluatedAt) return html`<div class="small second">–</div><div class="sub">not yet</div>`;
    return html`<div class="small second numbers">${brief(segment.evaluatedAt)}</div><div class="sub">${length(segment.evaluationMilliseconds)}</div>`;
  }
  const { on } = segment.definition;
  return html`<div class="small second">${on.type === "date" ? (on.at ? `at ${on.at}` : "when it comes") : "as it happens"}</div>
    <div class="sub">since ${day(segment.createdAt)}</div>`;
}

function Status({ segment }) {
  if (segment.status === "running") {
    const word = segment.kind === "live" ? "Running" : segment.evaluatedAt ? "Up to date" : "Waiting";
    return html`<span class="small third">${word}</span>`;
  }
  const [tone, word] = segment.status === "paused" ? ["", "Paused"] : segment.kind === "past" ? ["warn", "Stale"] : ["bad", "Failed"];
  return html`<${Badge} tone=${tone}>${word}</${Badge}>${segment.reason && html`<div class="sub ellipsis" title=${segment.reason}>${segment.reason}</div>`}`;
}
