// What a definition may say besides, as plain choices: how often, which windows, which properties, which zone.

import { html } from "../base/html.js";
import { zone as accountZone } from "../base/status.js";
import { LengthBoxes } from "./amounts.js";
import { ChoiceBox, SuggestBox } from "./box.js";
import { insert } from "./document.js";
import { lengthInWords } from "../base/lengths.js";
import { propertyRows } from "./seen.js";
import { useEditing } from "./state.js";
import { AddButton, Line, PropertyBox, RemoveButton, Selectors } from "./tests.js";

const AGAINS = [
  ["always", "every time"],
  ["once", "only the first time"],
  ["length", "at most once in"],
];
const REPEATS = [
  ["first", "is ignored"],
  ["each", "opens another window"],
  ["last", "starts the window again"],
];
const STARTS = [
  ["new", "from events that come from now on"],
  ["open", "also from events already in the history"],
];

const againKind = (again = "always") => (again === "always" || again === "once" ? again : "length");

/** One line about what the choices are now. */
export function moreInWords(document) {
  const { on = {}, again, start, zone } = document;
  const zones = [zone, on.zone].filter(Boolean).map((name) => (name === "user" ? "the user's zone" : name));
  if (document.kind === "past") return zones.length ? `days in ${zones[0]}` : "days in the account's zone";
  const kind = againKind(again);
  const words = [kind === "length" ? `at most once in ${lengthInWords(again) || "…"}` : AGAINS.find(([name]) => name === kind)[1]];
  if (on.type === "inaction") words.push({ first: "the first starts the window", each: "each starts a window", last: "the last starts the window" }[on.repeat ?? "first"]);
  if (on.same?.length) words.push(`same ${on.same.filter(Boolean).join(", ")}`);
  if (on.key?.length) words.push(`one date for each ${on.key.filter(Boolean).join(", ")}`);
  if (on.unless) words.push("with an event that cancels");
  if (on.idle) words.push(`idle ${lengthInWords(on.idle)}`);
  if (start === "open") words.push("also from the history");
  return [...words, ...zones].join(" · ");
}

export function More({ seen }) {
  const state = useEditing();
  const document = state.document.value;
  if (document.kind === "past") return html`<${Zone} steps=${["zone"]} lead="Calendar days are those of" />`;
  const { on } = document;
  const opens = on.type === "inaction" || (on.type === "date" && !("profile" in on));
  return html`<${Again} />
    ${on.type === "inaction" &&
    html`<${Choosing} steps=${["on", "repeat"]} lead="A second one while the window is open" label="a second one" options=${REPEATS} fallback="first" />
      <${Properties} steps=${["on", "same"]} seen=${seen} event=${eventOf(on.did)} lead="Both events have the same" empty="Any two events belong together" />`}
    ${on.type === "date" && !("profile" in on) &&
    html`<${Properties} steps=${["on", "key"]} seen=${seen} event=${on.event} lead="A later event replaces the date with the same" empty="Each event has a date of its own" />`}
    ${on.type === "date" && html`<${Unless} seen=${seen} />`}
    ${on.type === "page_count" && (on.per ?? "session") === "session" && html`<${Idle} />`}
    ${opens && html`<${Choosing} steps=${["start"]} lead="Windows open" label="where it starts" options=${STARTS} fallback="new" />`}
    ${on.type === "date" && html`<${Zone} steps=${["on", "zone"]} lead="The date is read in" user />`}
    <${Zone} steps=${["zone"]} lead="Calendar days are those of" />`;
}

const eventOf = (did) => (Array.isArray(did) ? did[0]?.event : did?.event);

function Choosing({ steps, lead, label, options, fallback }) {
  const state = useEditing();
  return html`<${Line} label=${label}>
    <span class="lead">${lead}</span>
    <${ChoiceBox}
      steps=${steps}
      label=${label}
      value=${state.at(steps) ?? fallback}
      options=${options}
      onChange=${(chosen) => state.put(steps, chosen === fallback ? undefined : chosen)}
    />
  <//>`;
}

function Again() {
  const state = useEditing();
  const again = state.at(["again"]);
  const kind = againKind(again);
  const change = (chosen) => state.put(["again"], { always: undefined, once: "once", length: "1d" }[chosen]);
  return html`<${Line} label="how often a user qualifies">
    <span class="lead">A user qualifies</span>
    <${ChoiceBox} steps=${["again", "kind"]} label="how often a user qualifies" value=${kind} options=${AGAINS} onChange=${change} />
    ${kind === "length" && html`<${LengthBoxes} steps=${["again"]} label="at most once in" />`}
  <//>`;
}

function Idle() {
  const state = useEditing();
  if (state.at(["on", "idle"]) === undefined) {
    return html`<${Line} label="session">
      <span class="lead">A session ends after 20 minutes without activity</span>
      <${AddButton} onClick=${() => state.put(["on", "idle"], "20m", ["on", "idle"])}>another time<//>
    <//>`;
  }
  return html`<${Line} label="session">
    <span class="lead">A session ends after</span>
    <${LengthBoxes} steps=${["on", "idle"]} label="a session ends after" />
    <span class="lead">without activity</span>
    <${RemoveButton} label="Back to 20 minutes" onClick=${() => state.put(["on", "idle"], undefined)} />
  <//>`;
}

/** A list of properties. */
function Properties({ steps, seen, event, lead, empty }) {
  const state = useEditing();
  const paths = state.at(steps) ?? [];
  const rows = propertyRows(seen.properties(event).filter((property) => !property.path.includes("[]")));
  const add = () => state.replace(insert(state.document.peek(), steps, paths.length, ""), [...steps, paths.length]);
  return html`<${Line} label=${lead}>
    <span class="lead">${paths.length ? lead : empty}</span>
    ${paths.map(
      (_, index) => html`${index > 0 && html`<span class="lead">and</span>`}
        <${PropertyBox} steps=${[...steps, index]} label="property ${index + 1}" rows=${rows} />
        <${RemoveButton} label="Remove this property" onClick=${() => state.drop([...steps, index])} />`,
    )}
    <${AddButton} onClick=${add}>property<//>
  <//>`;
}

function Unless({ seen }) {
  const state = useEditing();
  const steps = ["on", "unless"];
  if (state.at(steps) === undefined) {
    return html`<${Line} label="unless">
      <span class="lead">No event cancels it</span>
      <${AddButton} onClick=${() => state.put(steps, { event: "" }, [...steps, "event"])}>event that cancels<//>
    <//>`;
  }
  return html`<${Selectors} steps=${steps} seen=${seen} lead="Unless they did" label="event that cancels" optional=${() => state.put(steps, undefined)} />`;
}

const ZONES = Intl.supportedValuesOf?.("timeZone") ?? [];

function Zone({ steps, lead, user = false }) {
  const state = useEditing();
  const own = { text: "", words: `the account's zone, ${accountZone.value}`, note: "" };
  const zones = ["UTC", ...ZONES].map((name) => ({ text: name, note: "" }));
  const users = user ? [{ text: "user", words: "the user's own zone", note: "user" }] : [];
  return html`<${Line} label="time zone">
    <span class="lead">${lead}</span>
    <${SuggestBox}
      steps=${steps}
      label="time zone"
      placeholder="the account's zone, ${accountZone.value}"
      value=${state.at(steps) ?? ""}
      suggestions=${[own, ...users, ...zones]}
      onInput=${(text) => state.put(steps, text.trim() || undefined)}
    />
  <//>`;
}
