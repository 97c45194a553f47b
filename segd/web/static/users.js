// Users: found by id or e-mail; and one of them, with timeline, why, segments and traits.

import { del, get, useData, withQuery } from "./base/api.js";
import { html, useCallback, useEffect, useMemo, useRef, useState } from "./base/html.js";
import { dayAndTime, plural, when } from "./base/format.js";
import { go, place, setQuery, useTitle } from "./base/router.js";
import { useSegments } from "./base/segments.js";
import { manages } from "./base/status.js";
import { Button, Crumbs, KindBadge, Time, userHref, userName } from "./parts/basics.js";
import { Card } from "./parts/card.js";
import { Check, SearchBox } from "./parts/fields.js";
import { Dialog, Menu, toast, tried } from "./parts/overlays.js";
import { Empty, Failed, Loaded, Loading } from "./parts/states.js";
import { tellingTraits } from "./parts/telling.js";
import { Timeline } from "./timeline.js";
import { localOf, Why } from "./why.js";

const REST_MILLISECONDS = 200;
const REFUSE_DAYS = 30;

export default function Users({ id }) {
  return id === undefined ? html`<${Find} />` : html`<${User} id=${id} anonymous=${place.value.query.get("anonymous") === "true"} />`;
}

// Finding

function Find() {
  useTitle("Users");
  const given = place.peek().query.get("search") ?? "";
  const [text, setText] = useState(given);
  const [search, setSearch] = useState(given);
  useEffect(() => {
    const timer = setTimeout(() => {
      setSearch(text.trim());
      setQuery({ search: text.trim() });
    }, REST_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [text]);
  const ask = useCallback(async (signal) => ({ search, ...(await get(withQuery("/users", { search }), { signal })) }), [search]);
  const found = useData(ask);
  return html`<div class="page-head">
      <div class="title"><h1>Users</h1></div>
      <div class="actions"><${SearchBox} label="Find by id or e-mail" value=${text} onInput=${setText} /></div>
    </div>
    <section class="card" aria-label="Users found">
      <${Loaded} of=${found} what="Could not look for users" rows=${6} height=${52}>
        ${({ search: asked, users }) => (users.length ? html`<ul class="ruled">${users.map((user) => html`<${Found} user=${user} />`)}</ul>` : html`<${Nobody} search=${asked} />`)}
      <//>
    </section>`;
}

function Found({ user }) {
  const name = userName(user);
  const about = tellingTraits(user).slice(0, 3);
  return html`<li>
    <a class="user-row" href=${userHref(user)}>
      <span class="grow"><span class="strong ellipsis">${name}</span>${name !== user.id && html`<span class="label ellipsis mono">${user.id}</span>`}</span>
      ${user.anonymous && html`<span class="chip">anonymous</span>`} ${about.map(([key, value]) => html`<span class="chip ellipsis" title=${key}>${value}</span>`)}
      <${Time} at=${user.lastSeen} class="small second numbers nowrap user-seen" />
    </a>
  </li>`;
}

function Nobody({ search }) {
  if (search) return html`<${Empty} title="Nobody found">No user has an id or e-mail that begins with “${search}”.<//>`;
  return html`<${Empty} title="Find a user" action=${html`<${Button} icon="live" href="/live">See who is active<//>`}>Type the beginning of an id or an e-mail address.<//>`;
}

// One user

function User({ id, anonymous }) {
  const path = withQuery("/user", { id, anonymous: anonymous || undefined });
  const found = useData(path);
  const all = useSegments();
  const [search, setSearch] = useState("");
  const user = found.data?.user;
  useTitle(user ? userName(user) : id);
  const find = (event) => event.key === "Enter" && search.trim() && go(withQuery("/users", { search: search.trim() }));
  return html`<${Crumbs} path=${[["Users", "/users"], [id]]} />
    <div class="page-head has-path">
      <div class="title">
        <h1>${user ? userName(user) : id}</h1>
        ${user && userName(user) !== user.id && html`<code class="chip user-id">${user.id}</code>`} ${user?.anonymous && html`<span class="chip">anonymous</span>`}
        ${found.data && html`<span class="small third">first seen ${dayAndTime(found.data.firstSeen)} · last seen <${Time} at=${found.data.lastSeen} aging /></span>`}
      </div>
      <div class="actions">
        <span onKeyDown=${find}><${SearchBox} label="Find by id or e-mail" value=${search} onInput=${setSearch} /></span>
        ${user && html`<${PersonMenu} user=${user} />`}
      </div>
    </div>
    ${found.data
      ? html`<${Person} key=${path} path=${path} data=${found.data} segments=${all.data ?? []} />`
      : found.error
        ? html`<section class="card">${found.error.status === 404
            ? html`<${Empty} title="This user is not known" action=${html`<${Button} href="/users">Find a user<//>`}>No message with that id has come, or it was forgotten.<//>`
            : html`<${Failed} what="Could not read this user" error=${found.error} retry=${found.reload} />`}</section>`
        : html`<section class="card"><${Loading} rows=${7} height=${48} label="Reading this user" /></section>`}`;
}

function Person({ path, data, segments }) {
  const { user } = data;
  const [older, setOlder] = useState({ entries: [], more: data.more, loading: false });
  const [chosen, setChosen] = useState(() => Number(place.peek().query.get("segment")) || null);
  const entries = useMemo(() => [...data.timeline, ...older.entries], [data, older.entries]);
  const listened = useMemo(() => new Set(segments.flatMap(({ definition }) => eventsOf(definition))), [segments]);
  const dated = useMemo(() => new Set(segments.filter(({ type }) => type === "date").map(({ id }) => id)), [segments]);
  const first = chosen ?? firstToExplain(data, segments);
  const latest = useRef(older);
  latest.current = older;

  const load = async () => {
    const { more, entries: known } = latest.current;
    setOlder({ ...latest.current, loading: true });
    const page = await tried("Could not read older events", () => get(`${path}&after=${encodeURIComponent(more)}`));
    latest.current = page ? { entries: [...known, ...page.timeline], more: page.more, loading: false } : { ...latest.current, loading: false };
    setOlder(latest.current);
    return page !== null;
  };
  const at = (local) => [...data.timeline, ...latest.current.entries].find((entry) => localOf(entry.at) === local);
  const oldest = entries.at(-1);
  const known = (local) => at(local) !== undefined || (latest.current.more !== null && oldest !== undefined && local < localOf(oldest.at));
  const reveal = async (local) => {
    while (!at(local) && latest.current.more !== null) if (!(await load())) return;
    const entry = at(local);
    if (!entry) return;
    requestAnimationFrame(() => {
      const row = document.getElementById(`event-${entry.messageId}`);
      row?.scrollIntoView({ block: "center" });
      row?.focus({ preventScroll: true });
    });
  };
  const choose = (segment) => {
    setChosen(segment);
    setQuery({ segment: segment ? String(segment) : "" });
  };
  return html`<div class="pair with-side user">
    <${Timeline} entries=${entries} listened=${listened} dated=${dated} more=${older.more !== null && load} loading=${older.loading} />
    <div class="stack">
      <${Why} user=${user} segments=${segments} chosen=${first} choose=${choose} reveal=${reveal} known=${known} />
      <${InSegments} data=${data} of=${segments.length} /> <${Traits} user=${user} ids=${data.ids} />
    </div>
  </div>`;
}

/** The segment whose why is shown unasked: the one qualified for last, else one that waits for the user, else any. */
function firstToExplain(data, segments) {
  const [latest] = [...data.segments].filter((one) => one.qualifiedAt).sort((one, other) => (one.qualifiedAt < other.qualifiedAt ? 1 : -1));
  const waiting = data.timeline.flatMap(({ caused }) => caused)[0];
  return latest?.id ?? waiting?.segmentId ?? data.segments[0]?.id ?? segments.find(({ kind }) => kind === "live")?.id ?? segments[0]?.id ?? null;
}

function eventsOf(value) {
  if (Array.isArray(value)) return value.flatMap(eventsOf);
  if (value === null || typeof value !== "object") return [];
  const pages = ["page_visit", "referrer", "page_count"].includes(value.type) ? ["$page"] : [];
  const own = typeof value.event === "string" ? [value.event] : [];
  const trait = "profile" in value || value.type === "profile" ? ["$identify"] : [];
  return [...pages, ...own, ...trait, ...Object.values(value).flatMap(eventsOf)];
}

function InSegments({ data, of }) {
  const { segments } = data;
  return html`<${Card} title="Segments" readout=${of ? `${segments.length} of ${of}` : ""} class="in-segments">
    ${!segments.length && html`<p class="small second">In none yet.</p>`}
    <ul>
      ${segments.map(
        (one) => html`<li>
          <${KindBadge} kind=${one.kind} /><a class="grow ellipsis strong" href=${`/segments/${one.id}`}>${one.name}</a>
          <span class="small second numbers nowrap">${one.qualifiedAt ? when(one.qualifiedAt) : "member now"}</span>
        </li>`,
      )}
    </ul>
  <//>`;
}

function Traits({ user, ids }) {
  const traits = Object.entries(user.traits);
  const others = ids.filter((one) => one.id !== user.id);
  return html`<${Card} title="Traits" readout=${String(traits.length)} class="traits">
    ${!traits.length && html`<p class="small second">None were sent.</p>`}
    <dl class="pairs">${traits.map(([name, value]) => html`<dt class="ellipsis" title=${name}>${name}</dt><dd>${typeof value === "object" ? html`<code>${JSON.stringify(value)}</code>` : String(value)}</dd>`)}</dl>
    ${others.length > 0 &&
    html`<h3 class="other-ids">Other ids</h3>
      <ul>${others.map((one) => html`<li><code>${one.id}</code>${one.anonymous && html` <span class="label">anonymous</span>`}</li>`)}</ul>`}
  <//>`;
}

function PersonMenu({ user }) {
  const [asking, setAsking] = useState(false);
  const path = (what, more) => withQuery(what, { id: user.id, anonymous: user.anonymous || undefined, ...more });
  const forget = async (refuses) => {
    const gone = await tried("Not forgotten", () => del(path("/user", { refuseDays: refuses ? REFUSE_DAYS : undefined })));
    if (!gone) return setAsking(false);
    const rows = Object.values(gone.forgotten).reduce((sum, count) => sum + count, 0);
    toast(`${userName(user)} is forgotten: ${plural(rows, "row")} went.`);
    return go("/users");
  };
  return html`<${Menu}
      label="More"
      items=${[
        { label: "Download all that is kept", icon: "download", href: `/api${path("/user/export")}`, download: "" },
        manages.value && { label: "Forget this person", icon: "delete", danger: true, run: () => setAsking(true) },
      ]}
    />
    ${asking && html`<${Forgetting} user=${user} forget=${forget} onClose=${() => setAsking(false)} />`}`;
}

function Forgetting({ user, forget, onClose }) {
  const [refuses, setRefuses] = useState(false);
  const [busy, setBusy] = useState(false);
  const run = () => {
    setBusy(true);
    forget(refuses);
  };
  return html`<${Dialog}
    title=${`Forget ${userName(user)}?`}
    onClose=${onClose}
    actions=${html`<${Button} data-first="" onClick=${onClose}>Keep them<//><${Button} kind="danger" busy=${busy} onClick=${run}>Forget this person<//>`}
  >
    <p>All events, traits, ids and qualifications of this person go, also from the logs of segments. That cannot be undone. The counts of past days stay, for they name nobody.</p>
    <p class="forget-refuse"><${Check} label=${`Also refuse messages with these ids for ${REFUSE_DAYS} days`} checked=${refuses} onChange=${setRefuses} /></p>
  <//>`;
}
