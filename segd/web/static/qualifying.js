// The users who qualify, as they do: newest first, still while somebody points at them, retractions where they stood.

import { html, useEffect, useState } from "./base/html.js";
import { full, latest, plural, when } from "./base/format.js";
import { milliseconds } from "./base/lengths.js";
import { Badge, TextButton, userHref, userName } from "./parts/basics.js";
import { FeedCard, emptyFeed, isHeld } from "./parts/feed-card.js";
import { FeedNotice } from "./parts/states.js";
import { telling, tellingTraits } from "./parts/telling.js";
import { propertiesOf } from "./parts/words.js";

const KEPT = 20;
const SHOWN = 7;
const NEW_MILLISECONDS = 2000;

const same = (entry, userId, at, cause) => entry.userId === userId && entry.at === at && entry.cause === cause;

/** The feed of what the report knows already. recent: of the log, newest first. */
export const begun = (recent) => ({ ...emptyFeed, shown: told([], recent) });

/** When somebody qualified last. known: as it was when the report was asked for, or null. */
export function lastOf({ shown, waiting }, known) {
  const standing = [...shown, ...waiting].filter((entry) => entry.type !== "retracted");
  return latest(known, ...standing.map((entry) => entry.at));
}

/** The cursor of the newest of these entries of the log. */
export const newest = (entries) => Math.max(0, ...entries.map((entry) => Number(entry.cursor)));

/** With one more frame of the segment's feed. What qualifies while the feed is opened is in two: in hello, too. */
export function fed(feed, frame) {
  const known = [...feed.shown, ...feed.waiting];
  if (frame.type === "hello") {
    return arrived(feed, frame.last.filter((entry) => Number(entry.cursor) > newest(known)), 0);
  }
  const came = frame.entries
    .filter((entry) => !known.some((one) => one.cursor === entry.cursor))
    .map((entry) => (entry.type === "qualified" ? { ...entry, since: Date.now() } : entry));
  came.sort((a, b) => Number(b.cursor) - Number(a.cursor));
  return arrived(feed, came, frame.left_out ?? 0);
}

function arrived(feed, came, leftOut) {
  if (!came.length && !leftOut) return feed;
  const counted = { ...feed, leftOut: feed.leftOut + leftOut };
  if (!isHeld(feed)) return { ...counted, shown: told(feed.shown, came) };
  // What is shown changes where it stands, and nothing moves; the rest waits.
  const shown = told(feed.shown, came.filter((entry) => stands(feed.shown, entry)), Infinity);
  const others = came.filter((entry) => !stands(feed.shown, entry));
  return { ...counted, shown, waiting: told(feed.waiting, others), missed: feed.missed + others.length };
}

/** Whether an entry changes one of these. */
const stands = (entries, entry) => entry.type !== "qualified" && entries.some((one) => changes(entry, one));
const changes = (entry, one) => {
  const { at, cause } = entry.was ?? entry;
  return same(one, entry.userId, at, cause);
};

/** Entries of the log told on top of those there are, all newest first. */
function told(entries, came, most = KEPT) {
  let all = entries;
  for (const entry of [...came].reverse()) {
    const at = entry.type === "qualified" ? -1 : all.findIndex((one) => changes(entry, one));
    if (at < 0) all = [entry, ...all];
    else all = all.with(at, { ...all[at], type: entry.type, at: entry.at, cause: entry.cause, event: entry.event ?? all[at].event });
  }
  return all.slice(0, most);
}

export function Qualifying({ feed, change, segment, state }) {
  const [all, setAll] = useState(false);
  const { length } = feed.shown;
  const shown = feed.shown.slice(0, all ? KEPT : SHOWN);
  return html`<${FeedCard}
    title="Qualifying now" rows=${SHOWN} merge=${told} notice=${html`<${FeedNotice} state=${state} />`} ...${{ feed, change }}
    readout=${length > 0 && `showing ${shown.length} of the last ${length}`} told=${length ? "Each one is shown." : "Nobody yet."}
    more=${length > SHOWN && html`<${TextButton} aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? `Show ${SHOWN}` : `Show ${Math.min(KEPT, length)}`}<//>`}
  >
    ${shown.map((entry) => html`<${Row} key=${entry.cursor} entry=${entry} definition=${segment.definition} />`)}
    ${!length && html`<li class="state"><strong>Nobody qualified yet</strong><p>The next one shows here by itself.</p></li>`}
  <//>`;
}

function Row({ entry, definition }) {
  const [fresh, setFresh] = useState(() => Date.now() - (entry.since ?? 0) < NEW_MILLISECONDS);
  useEffect(() => {
    if (!fresh) return undefined;
    const timer = setTimeout(() => setFresh(false), NEW_MILLISECONDS);
    return () => clearTimeout(timer);
  }, []);
  const gone = entry.type === "retracted";
  const [[, chip] = []] = tellingTraits(entry);
  return html`<li class=${`feed-row${fresh ? " new" : ""}`}>
    <div class="grow">
      <a class=${`who ellipsis${gone ? " struck" : ""}`} href=${`${userHref(entry)}${entry.anonymous ? "&" : "?"}segment=${entry.segmentId}`}>${userName(entry)}</a>
      <span class="why ellipsis">${gone ? takenBack(definition) : cause(definition, entry)}</span>
    </div>
    ${gone ? html`<${Badge} tone="warn">Retracted<//>` : chip && html`<span class="chip ellipsis">${chip}</span>`}
    <time class=${gone ? "struck" : ""} datetime=${entry.at} title=${full(entry.at)}>${when(entry.at)}</time>
  </li>`;
}

const named = (selectors) => [selectors].flat().map((selector) => selector.event).join(" or ");

/** What the user did that opened the window or matched; where that is not told, what the definition says of it. */
function cause(definition, entry) {
  const { event } = entry;
  if (!event || event.name.startsWith("$identify")) return inGeneral(definition, entry);
  const words = telling(event, { named: propertiesOf(definition.on) }).join(" · ");
  const pages = definition.on.type === "page_count" ? `${plural(definition.on.at_least, "page")}, at last` : "";
  const name = event.name === "$page" ? pages : event.name;
  const at = event.at === entry.at ? "" : when(event.at);
  return [[name, at].filter(Boolean).join(" "), words].filter(Boolean).join(name === pages ? " " : " · ");
}

function inGeneral({ on }, entry) {
  switch (on.type) {
    case "inaction": {
      const opened = Date.parse(entry.at) - milliseconds(on.within);
      return `${named(on.did)} ${when(opened)}, then no ${named(on.did_not)}`;
    }
    case "action":
      return named(on.did);
    case "date":
      return on.profile ? `by ${on.profile}` : `by ${on.property} of ${on.event}`;
    case "page_count":
      return `${plural(on.at_least, "page")}${on.per === "session" || !on.per ? " in a session" : ""}`;
    case "referrer":
      return "came from another site";
    default:
      return "viewed a page";
  }
}

function takenBack({ on }) {
  return on.type === "inaction" ? `${named(on.did_not)} arrived late` : "what came late takes it back";
}
