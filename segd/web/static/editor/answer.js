// The answer beside the sentence: members now, or who would have qualified in the last days.

import { html, useEffect, useRef, useState } from "../base/html.js";
import { clock, dayInWords, dayOf, exact, length, number, plural, share, when } from "../base/format.js";
import { milliseconds } from "../base/lengths.js";
import { now } from "../base/status.js";
import { TextButton, UserLine } from "../parts/basics.js";
import { DayChart } from "../parts/day-charts.js";
import { CopyButton } from "../parts/fields.js";
import { Dialog } from "../parts/overlays.js";
import { Sparkline } from "../parts/sparkline.js";
import { Failed } from "../parts/states.js";
import { tellingTraits } from "../parts/telling.js";

const SHOWN = 4;
const SPEAK_MILLISECONDS = 3000;

/** answering: of startAnswering. kind: of the definition. leftOut: how many unfinished conditions are not in it. */
export function Answer({ answering, kind, leftOut, seen }) {
  const { data, document, asking, error, missing } = answering.answer.value;
  const [open, setOpen] = useState(false);
  const found = data && document?.kind === kind ? data : null;
  const title = kind === "past" ? "Members now" : "Had this been live";
  const total = found && (kind === "past" ? found.count : found.total);
  return html`<section class="card answer ${open ? "open" : ""}" aria-label=${title}>
    <button type="button" class="answer-bar" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <strong class=${asking || missing ? "third" : ""}>${found ? number(total) : "–"}</strong>
      <span class="label">${kind === "past" ? "members now" : "in 7 days"}</span>
      ${kind === "live" && found && html`<${Sparkline} kind="live" values=${found.perDay.map(({ count }) => count)} />`}
      <span class="text-button">${open ? "Close" : "Show"}</span>
    </button>
    <div class="answer-inside">
      <header class="card-head">
        <h2>${title}</h2>
        <${Readout} kind=${kind} found=${found} />
      </header>
      ${error && !found
        ? html`<${Failed} what=${kind === "past" ? "Could not count the members" : "Could not run the backtest"} error=${error} retry=${answering.again} />`
        : html`<div class="card-body answer-figure" aria-busy=${asking}>
            ${(found || !missing) && html`<${Figure} kind=${kind} found=${found} asking=${asking} missing=${missing} />`}
            ${missing ? html`<p class="second">${missing} Then the answer stands here.</p>` : found && html`<p class="second"><${Sentence} kind=${kind} found=${found} document=${document} seen=${seen} /></p>`}
            ${error && html`<p class="bad-text small">${error.message}</p>`}
          </div>`}
      ${kind === "live" && html`<${Days} found=${found} />`} ${found && html`<${Sample} kind=${kind} found=${found} document=${document} />`}
      <${Foot} kind=${kind} found=${found} leftOut=${leftOut} />
    </div>
    <${Spoken} text=${asking || missing || !found ? "" : kind === "past" ? plural(total, "member") : `${plural(total, "qualification")} in 7 days`} />
  </section>`;
}

function Readout({ kind, found }) {
  if (kind === "live") return html`<span class="readout">last 7 days</span>`;
  return html`<span class="readout">${found && `as of ${clock(found.asOf)}`}</span>`;
}

function Figure({ kind, found, asking, missing }) {
  const total = found && (kind === "past" ? found.count : found.total);
  const unit = kind === "past" ? (total === 1 ? "user" : "users") : total === 1 ? "qualification" : "qualifications";
  return html`<div class="figure-line">
    <strong class="value ${asking || missing ? "stale" : ""}" title=${found ? exact(total) : undefined}>${found ? number(total) : "–"}</strong>
    <span class="small third">${unit}${found?.error ? `, ± ${number(found.error)}` : ""}</span>
    <svg class="progress ${asking ? "on" : ""}" width="100" height="2" aria-hidden="true"><rect width="100" height="2" rx="1" /><rect class="done" width="40" height="2" rx="1" /></svg>
  </div>`;
}

function Sentence({ kind, found, document, seen }) {
  if (kind === "past") {
    if (!found.total) return "No users are known yet.";
    return html`${share(found.share)} of all ${number(found.total)} users.${found.count ? "" : ` ${unseen(document, seen)}`}`;
  }
  if (!found.total) return html`Nobody would have qualified. ${unseen(document, seen)}`;
  return `${plural(found.users, "different user")}.`;
}

/** Names a definition asks about that never came. */
function unseen(document, seen) {
  const known = new Set(seen.events().map(({ name }) => name));
  const asked = new Set();
  const visit = (value, key) => {
    if (key === "event" && typeof value === "string") asked.add(value);
    else if (value && typeof value === "object") for (const [name, inner] of Object.entries(value)) visit(inner, name);
  };
  visit(document, "");
  const missing = [...asked].filter((name) => !known.has(name));
  return missing.length ? `${missing.join(" and ")} ${missing.length === 1 ? "was" : "were"} never seen.` : "";
}

function Days({ found }) {
  const [point, setPoint] = useState(null);
  const today = dayOf(now.peek());
  const days = (found?.perDay ?? []).map((day) => ({ ...day, source: "backtest", running: day.day === today }));
  if (!days.length) return html`<div class="answer-chart" />`;
  const at = days[point];
  return html`<div class="answer-chart">
    <p class="label right numbers">${at ? html`${dayInWords(at.day)} <b>${exact(at.count)}</b>` : " "}</p>
    <${DayChart} days=${days} weekdays height=${196} label="Qualifications a day, from the backtest" onPoint=${setPoint} />
  </div>`;
}

function Sample({ kind, found, document }) {
  const rows = found.sample.slice(0, SHOWN);
  if (!rows.length) return null;
  return html`<h3 class="answer-title">${kind === "past" ? "Some of them" : "Latest of them"}</h3>
    <ul class="ruled answer-sample">
      ${rows.map(
        (user) => html`<${UserLine} user=${user} about=${kind === "past" ? traitsInWords(user) : causeInWords(document.on, user)}>
          <span class="small second numbers nowrap">${when(kind === "past" ? user.lastSeen : user.at)}</span>
        <//>`,
      )}
    </ul>`;
}

const traitsInWords = (user) => tellingTraits(user).slice(0, 3).map(([, value]) => value).join(" · ") || user.id;

function causeInWords(on, { at }) {
  const events = [on.did ?? []].flat().map(({ event }) => event);
  const cause = events.length === 1 ? events[0] : events.length ? "one of the events" : on.type === "date" ? "the date came" : "page view";
  const opened = on.type === "inaction" ? Date.parse(at) - milliseconds(on.within) : Date.parse(at);
  return `${cause} ${clock(opened)}`;
}

function Foot({ kind, found, leftOut }) {
  const [sql, setSql] = useState(false);
  const words = [
    found?.estimate && "From a sample of the users, scaled up.",
    leftOut === 1 && "The unfinished condition is left out.",
    leftOut > 1 && `${leftOut} unfinished conditions are left out.`,
  ].filter(Boolean);
  return html`<footer class="card-foot spread small">
    <span>${words.join(" ") || (kind === "past" ? "Counted over all users." : "Over the stored history.")}</span>
    <span class="row wide numbers nowrap">
      ${kind === "past" && found?.sql && html`<${TextButton} onClick=${() => setSql(true)}>SQL<//>`} ${found && length(found.milliseconds)}
    </span>
    ${sql && html`<${SqlDialog} sql=${found.sql} onClose=${() => setSql(false)} />`}
  </footer>`;
}

export function SqlDialog({ sql, onClose }) {
  return html`<${Dialog} title="The question in SQL" onClose=${onClose} actions=${html`<${CopyButton} text=${sql} /><button type="button" class="button plain" data-first="" onClick=${onClose}>Close</button>`}>
    <pre class="sql" tabindex="0">${sql}</pre>
  <//>`;
}

/** What rests is said aloud, at most every few seconds. */
function Spoken({ text }) {
  const [said, setSaid] = useState("");
  const last = useRef(0);
  useEffect(() => {
    if (!text) return undefined;
    const wait = Math.max(1000, last.current + SPEAK_MILLISECONDS - performance.now());
    const timer = setTimeout(() => {
      last.current = performance.now();
      setSaid(text);
    }, wait);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<div class="hidden" aria-live="polite">${said}</div>`;
}
