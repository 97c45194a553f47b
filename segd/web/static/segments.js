// The list of all segments: search as you type, sort, pause, duplicate, delete.

import { Component, html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./base/html.js";
import { ago, brief, day, length, zoneInWords } from "./base/format.js";
import { actionsOn, useSegments } from "./base/segments.js";
import { place, setQuery, useTitle } from "./base/router.js";
import { manages } from "./base/status.js";
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
  evaluated: (a, b) => evaluated(b).localeCompare(evaluated(a)),
};

const evaluated = (segment) => segment.evaluatedAt ?? segment.lastQualifiedAt ?? "";

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
        ${manages.value && html`<${Button} kind="primary" icon="plus" href="/segments/new">Segment<//>`}
      </div>
    </div>
    <section class="card" aria-label="Segments">
      <${Loaded} of=${found} what="Could not read the segments" rows=${8} height=${60}>
        ${(segments) => html`<${List} segments=${segments} search=${search} kind=${kind} changed=${found.reload} />`}
      <//>
    </section>
    ${found.data?.length > 0 && html`<p class="page-foot">Times in ${zoneInWords()}. Live segments count qualifications, past ones count members.</p>`}
  `;
}

function List({ segments, search, kind, changed }) {
  const order = place.value.query.get("sort") ?? "name";
  const descends = order.startsWith("-");
  const [tall, setTall] = useState(ROW_PIXELS);
  const shown = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    const compare = ORDERS[order.replace("-", "")] ?? ORDERS.name;
    const kept = segments.filter(
      (segment) => (!kind || segment.kind === kind) && (!wanted || `${segment.name}\n${segment.words}`.toLowerCase().includes(wanted)),
    );
    kept.sort(compare);
    return descends ? kept.reverse() : kept;
  }, [segments, search, kind, order]);

  if (!segments.length) {
    return html`<${Empty} title="No segments yet" action=${manages.value && html`<${Button} kind="primary" icon="plus" href="/segments/new">Segment<//>`}>
      Say who you are looking for, and segd keeps the list true while they act.
    <//>`;
  }
  if (!shown.length) {
    const clear = html`<${Button} onClick=${() => setQuery({ q: "", kind: "" })}>Show all<//>`;
    return html`<${Empty} title="None of ${segments.length} fits" action=${clear}>${search ? `No name or definition has “${search}” in it.` : "There is none of this kind."}<//>`;
  }
  return html`
    <table class="segments" role="table" aria-rowcount=${shown.length + 1}>
      <thead role="rowgroup">
        <tr role="row" aria-rowindex="1">
          <${Header} id="name" order=${order}>Name<//>
          <th role="columnheader" scope="col" class="kind">Kind</th>
          <${Header} id="users" order=${order} right>Users<//>
          <th role="columnheader" scope="col" class="trend">14 days</th>
          <${Header} id="evaluated" order=${order} class="evaluated">Last evaluated<//>
          <th role="columnheader" scope="col" class="status">Status</th>
          <th role="columnheader" scope="col" class="tools"><span class="hidden">Actions</span></th>
        </tr>
      </thead>
      ${Array.from({ length: Math.ceil(shown.length / GROUP) }, (_, i) => html`<${Group} key=${i} first=${i * GROUP} segments=${shown.slice(i * GROUP, (i + 1) * GROUP)} tall=${tall} measured=${setTall} changed=${changed} />`)}
    </table>
  `;
}

const GROUP = 25;
const ROW_PIXELS = 60; // until the first rows are measured
const NEAR = "100% 0px"; // a screen above and below the one that is seen

/**
 * Rows that are drawn while they are near what is seen: a list of any length is there at once. Others keep their room.
 * tall: how high a row is, about; the first ones tell (`measured`).
 */
function Group({ first, segments, tall, measured, changed }) {
  const body = useRef(null);
  const [near, setNear] = useState(first === 0);
  const room = useRef(null); // as high as the rows were
  useEffect(() => {
    const watch = new IntersectionObserver(
      ([{ isIntersecting, boundingClientRect }]) => {
        if (isIntersecting || body.current.contains(document.activeElement)) setNear(true);
        else {
          if (body.current.firstChild) room.current = boundingClientRect.height;
          setNear(false);
        }
      },
      { rootMargin: NEAR },
    );
    watch.observe(body.current);
    return () => watch.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (first === 0) measured(body.current.clientHeight / segments.length);
  }, [first]);
  if (!near) return html`<tbody ref=${body} aria-hidden="true" style=${{ height: `${room.current ?? segments.length * tall}px` }} />`;
  return html`<tbody ref=${body} role="rowgroup" style=${{ height: "" }}>
    ${segments.map((segment, i) => html`<${KeptRow} key=${segment.id} segment=${segment} index=${first + i + 2} changed=${changed} />`)}
  </tbody>`;
}

function Header({ id, order, right, class: look = id, children }) {
  const sorted = order.replace("-", "") === id;
  const descends = sorted && order.startsWith("-");
  const press = () => setQuery({ sort: sorted && !descends ? `-${id}` : id === "name" ? "" : id });
  return html`<th role="columnheader" scope="col" class=${look + (right ? " right" : "")} aria-sort=${sorted ? (descends ? "descending" : "ascending") : "none"}>
    <button type="button" class="sort" onClick=${press}>${children}${sorted && html`<${Icon} name="chevron-down" size=${12} />`}</button>
  </th>`;
}

/** Drawn anew for another segment or place alone: the list is asked for again without drawing what it has. */
class KeptRow extends Component {
  shouldComponentUpdate({ segment, index }) {
    return segment !== this.props.segment || index !== this.props.index;
  }

  render() {
    return html`<${Row} ...${this.props} />`;
  }
}

function Row({ segment, index, changed }) {
  const paused = segment.status === "paused";
  const { edit, turn, copy, drop } = actionsOn(segment, changed);
  return html`<tr role="row" aria-rowindex=${index}>
    <td role="cell" class="name">
      <a class="row-link ellipsis" href=${`/segments/${segment.id}`}><i class=${`dot-kind ${segment.kind}`} role="img" aria-label=${segment.kind === "live" ? "Live:" : "Past:"} />${segment.name}</a>
      <div class="said ellipsis" title=${segment.words}><${Words} short words=${segment.words} definition=${segment.definition} /></div>
    </td>
    <td role="cell" class="kind"><${KindBadge} kind=${segment.kind} /></td>
    <td role="cell" class="users right">
      <div class="strong"><${Count} value=${segment.number.value} /></div>
      <div class="label">${segment.number.value === null ? "not counted" : segment.kind === "live" ? "in 24 h" : "members"}</div>
    </td>
    <td role="cell" class="trend"><${Sparkline} values=${segment.trend} kind=${segment.kind} muted=${paused} /></td>
    <td role="cell" class="evaluated"><${Evaluated} segment=${segment} /></td>
    <td role="cell" class="status"><${Status} segment=${segment} /></td>
    <td role="cell" class="tools">${manages.value && html`<span class="row">
      ${[turn, copy].map((one) => one && html`<${Button} kind="quiet" small class="on-hover" icon=${one.icon} label=${`${one.label} ${segment.name}`} onClick=${one.run} />`)}
      <${Menu} small label=${`More for ${segment.name}`} items=${[edit, turn, copy, drop]} />
    </span>`}</td>
  </tr>`;
}

function Evaluated({ segment }) {
  if (segment.kind === "past") {
    if (!segment.evaluatedAt) return html`<div class="small second">–</div><div class="label">not yet</div>`;
    return html`<div class="small second numbers">${brief(segment.evaluatedAt)}</div><div class="label">${length(segment.evaluationMilliseconds)}</div>`;
  }
  const { at } = segment.definition.on ?? {};
  return html`<div class="small second">${segment.type === "date" ? (at ? `at ${at}` : "when it comes") : "as it happens"}</div>
    <div class="label numbers">${segment.lastQualifiedAt ? `last ${ago(segment.lastQualifiedAt)}` : `since ${day(segment.createdAt)}`}</div>`;
}

function Status({ segment }) {
  if (segment.status === "running") {
    const word = segment.kind === "live" ? "Running" : segment.evaluatedAt ? "Up to date" : "Waiting";
    return html`<span class="small third">${word}</span>`;
  }
  const [tone, word] = segment.status === "paused" ? ["", "Paused"] : segment.kind === "past" && segment.words ? ["warn", "Stale"] : ["bad", "Failed"];
  return html`<${Badge} tone=${tone}>${word}<//>${segment.reason && html`<div class="label ellipsis" title=${segment.reason}>${segment.reason}</div>`}`;
}
