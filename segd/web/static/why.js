// Why, or why not: what decided about a user and a segment, a line a condition, its instants linked to the timeline.

import { useData, withQuery } from "./base/api.js";
import { html } from "./base/html.js";
import { clock, formatted } from "./base/format.js";
import { lengthInWords } from "./base/lengths.js";
import { Badge, Icon, KindBadge } from "./parts/basics.js";
import { Card } from "./parts/card.js";
import { Select } from "./parts/fields.js";
import { Failed, Loading } from "./parts/states.js";
import { Strip } from "./parts/strip.js";

/** segments: all there are. chosen: a segment's number, or null. reveal(local): shows an event, as `local` names it. */
export function Why({ user, segments, chosen, choose, reveal, known }) {
  const segment = segments.find((one) => one.id === chosen) ?? null;
  const path = segment && withQuery("/user/why", { id: user.id, anonymous: user.anonymous || undefined, segment: segment.id });
  const found = useData(path);
  const current = found.data && found.data.segmentId === chosen ? found.data : null;
  return html`<${Card} title="Why, or why not" class="why">
    <div class="row">
      ${segment && html`<${KindBadge} kind=${segment.kind} />`}
      <${Select} label="Segment" value=${chosen ?? ""} onChange=${(id) => choose(Number(id) || null)}>
        <option value="">Choose a segment</option>
        ${["live", "past"].map(
          (kind) => html`<optgroup label=${kind === "live" ? "Live" : "Past"}>
            ${segments.filter((one) => one.kind === kind).map((one) => html`<option value=${one.id} selected=${one.id === chosen}>${one.name}</option>`)}
          </optgroup>`,
        )}
      <//>
    </div>
    ${!segment && html`<p class="small second why-hint">Each condition is told, with the events that decided it.</p>`}
    ${segment && found.error && html`<${Failed} what="Could not find out why" error=${found.error} retry=${found.reload} />`}
    ${segment && !found.error && !current && html`<${Loading} rows=${3} height=${56} label="Finding out why" />`}
    ${current && !found.error && html`<${Verdict} why=${current} kind=${segment.kind} reveal=${reveal} known=${known} />`}
  <//>`;
}

function Verdict({ why, kind, reveal, known }) {
  const [verdict, ...lines] = timed(why.words);
  const yes = kind === "live" ? "Qualified" : "Member";
  const no = kind === "past" ? "Not a member" : why.evidence?.outcome === "pending" ? "Not yet" : "Not qualified";
  return html`<div aria-live="polite">
    <p class="why-verdict">
      <${Badge} tone=${why.holds ? kind : "outline"}>${why.holds ? yes : no}<//>
      <span class="second"><${Said} parts=${verdict} reveal=${reveal} known=${known} /></span>
    </p>
    <${Window} evidence=${why.evidence} />
    <ul class="why-lines">
      ${lines.map((parts) => html`<${Line} parts=${parts} reveal=${reveal} known=${known} />`)}
    </ul>
  </div>`;
}

const OPENED = 0.12;
const DUE = 0.84;

/** The window that decided about a segment of inaction: the one that is open, else the last. */
function Window({ evidence }) {
  const on = evidence?.definition?.on;
  if (on?.type !== "inaction") return null;
  const pending = evidence.pending[0];
  const decided = evidence.decisions.at(-1);
  const closed = evidence.steps.filter(({ what }) => what === "closed").at(-1);
  const isClosed = !pending && closed && (!decided || decided.at < closed.at);
  const cause = (pending ?? (isClosed ? closed : decided))?.cause;
  if (!cause) return null;
  const end = isClosed ? closed.at : (pending?.due ?? decided.at);
  const did = { type: "did", at: OPENED, label: cause.name ?? "an event", note: clock(cause.at) };
  const length = lengthInWords(on.within);
  if (isClosed) {
    const by = closed.deed?.name ?? "another";
    const items = [{ type: "open", from: OPENED, to: 0.5, label: `of ${length}` }, did, { type: "did", at: 0.5, label: by, note: clock(end) }];
    return html`<${Strip} items=${items} label=${`${did.label} at ${did.note}, and ${by} at ${clock(end)} closed the window.`} height=${86} line=${34} />`;
  }
  const qualified = decided?.verdict === "qualified" && !pending;
  const items = [
    { type: "open", from: OPENED, to: DUE, label: length },
    ...(qualified ? [{ type: "flag", at: DUE, high: true }] : []),
    did,
    { type: "due", at: DUE, label: qualified ? "qualified" : "due", note: clock(end) },
  ];
  return html`<${Strip} items=${items} label=${`${did.label} at ${did.note}, due at ${clock(end)}.`} height=${86} line=${34} />`;
}

const MARK = /^( *)([✓✕]) /;

function Line({ parts: [first, ...others], reveal, known }) {
  const match = MARK.exec(first.text);
  const parts = match ? [{ ...first, text: first.text.slice(match[0].length) }, ...others] : [first, ...others];
  if (!match) return html`<li class="why-between second"><${Said} parts=${parts} reveal=${reveal} known=${known} /></li>`;
  const holds = match[2] === "✓";
  const { asked, foundParts } = splitAtColon(parts);
  return html`<li class="why-line" style=${{ paddingLeft: `${match[1].length * 10}px` }}>
    <span class=${holds ? "live-text" : ""}><${Icon} name=${holds ? "check" : "close"} /><span class="hidden">${holds ? "Holds: " : "Does not hold: "}</span></span>
    <span class="grow">
      <span>${asked.map(({ text }) => text).join("")}</span>
      ${foundParts.length > 0 && html`<span class="label"><${Said} parts=${foundParts} reveal=${reveal} known=${known} /></span>`}
    </span>
  </li>`;
}

/** A line says what was asked, a colon, and what was found; the condition itself may hold colons within quotes. */
function splitAtColon(parts) {
  let quoted = false;
  for (const [i, { text }] of parts.entries()) {
    for (let at = 0; at < text.length; at += 1) {
      if (text[at] === '"' && text[at - 1] !== "\\") quoted = !quoted;
      if (quoted || parts[i].local || text[at] !== ":" || !/\s|$/.test(text.slice(at + 1, at + 2))) continue;
      const rest = { ...parts[i], text: text.slice(at + 1).trimStart() };
      return {
        asked: [...parts.slice(0, i), { ...parts[i], text: text.slice(0, at) }],
        foundParts: [rest, ...parts.slice(i + 1)].filter((part) => part.text),
      };
    }
  }
  return { asked: parts, foundParts: [] };
}

function Said({ parts, reveal, known }) {
  const open = (event, local) => {
    event.preventDefault();
    reveal(local);
  };
  return parts.map(({ text, local }) =>
    local && known(local) ? html`<a class="why-event" href="#timeline" onClick=${(event) => open(event, local)}>${text}</a>` : text,
  );
}

// Instants in the sentences

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const TIME = /(\d\d:\d\d:\d\d(?:\.\d{3})?)(?: on (\d{1,2}) ([A-Z][a-z]{2}) (\d{4})(?: \([^)]*\))?)?/g;

/**
 * Lines as parts, [{text, local?}]: local is the instant that a part says, as `localOf` writes it. The day is said only
 * where it changes, so it is carried along.
 */
function timed(lines) {
  let day = null;
  return lines.map((line) => {
    const parts = [];
    let end = 0;
    for (const match of line.matchAll(TIME)) {
      const [said, time, date, month, year] = match;
      if (date) day = `${year}-${String(MONTHS.indexOf(month) + 1).padStart(2, "0")}-${date.padStart(2, "0")}`;
      if (match.index > end) parts.push({ text: line.slice(end, match.index) });
      parts.push({ text: said, local: day && `${day} ${time.replace(/\.000$/, "")}` });
      end = match.index + said.length;
    }
    if (end < line.length || !parts.length) parts.push({ text: line.slice(end) });
    return parts;
  });
}

/** An instant as the account's calendar and clock show it: `2026-11-22 14:31:58.250`. */
export function localOf(at) {
  const milliseconds = Date.parse(at) % 1000;
  return formatted(at, { dateStyle: "short", timeStyle: "medium" }, "sv-SE") + (milliseconds ? `.${String((milliseconds + 1000) % 1000).padStart(3, "0")}` : "");
}
