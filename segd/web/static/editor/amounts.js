// Boxes for amounts: numbers, lengths of time, and the time asked about.

import { html } from "../base/html.js";
import { ChoiceBox, TextBox } from "./box.js";
import { joinLength, splitLength, unitWord, UNITS } from "../base/lengths.js";
import { useEditing } from "./state.js";
import { COUNTS, readNumber, showValue } from "./values.js";

export function NumberBox({ steps, label, placeholder = "3" }) {
  const state = useEditing();
  return html`<${TextBox}
    steps=${steps}
    label=${label}
    inputmode="decimal"
    placeholder=${placeholder}
    value=${showValue(state.at(steps))}
    onInput=${(typed) => state.put(steps, readNumber(typed))}
  />`;
}

/** Two boxes, or one where the length is of several units. words: others to choose from, [value, words]. */
export function LengthBoxes({ steps, label, sign = "" }) {
  const state = useEditing();
  const text = (state.at(steps) ?? "").replace(/^-/, "");
  const split = splitLength(text);
  const put = (length) => state.put(steps, sign + length);
  if (!split) {
    return html`<${TextBox} steps=${steps} label=${label} placeholder="10m" value=${text} onInput=${(typed) => put(typed.trim())} />`;
  }
  return html`<${TextBox}
      steps=${steps}
      label="${label}, how many"
      inputmode="numeric"
      placeholder="10"
      value=${split.number}
      onInput=${(typed) => put(joinLength(typed, split.unit))}
    />
    <${ChoiceBox}
      steps=${[...steps, "unit"]}
      label="${label}, unit"
      value=${split.unit}
      options=${UNITS.map((unit) => [unit, unitWord(unit, split.number)])}
      onChange=${(unit) => put(joinLength(split.number, unit))}
    />`;
}

/** An operator on numbers and its one or two numbers. steps: of a count or a measure. */
export function Comparison({ steps, label, less = "fewer" }) {
  const state = useEditing();
  const { op } = state.at(steps);
  const change = (chosen) => {
    const given = state.at(steps);
    const values = Array.isArray(given.value) ? given.value : [given.value];
    state.put(steps, { ...given, op: chosen, value: chosen === "between" ? [values[0], values[1]] : values[0] });
  };
  const options = COUNTS.map(([name, words]) => [name, name === "lt" ? `${less} than` : words]);
  return html`<${ChoiceBox} steps=${[...steps, "op"]} label="${label}, compared" value=${op} options=${options} onChange=${change} />
    ${op === "between"
      ? html`<${NumberBox} steps=${[...steps, "value", 0]} label="${label}, from" /> and
          <${NumberBox} steps=${[...steps, "value", 1]} label="${label}, to" />`
      : html`<${NumberBox} steps=${[...steps, "value"]} label=${label} />`}`;
}

const WHENS = [
  ["ever", "ever"],
  ["last", "in the last"],
  ["days_ago", "days ago, between"],
  ["since", "since"],
  ["before", "before"],
  ["from_to", "from"],
];
const NEW_WHENS = {
  ever: undefined,
  last: { last: "30d" },
  days_ago: { days_ago: [undefined, undefined] },
  since: { from: "" },
  before: { to: "" },
  from_to: { from: "", to: "" },
};

const whenKind = (when) => {
  if (!when) return "ever";
  if ("last" in when) return "last";
  if ("days_ago" in when) return "days_ago";
  if ("from" in when) return "to" in when ? "from_to" : "since";
  return "before";
};

/** The time asked about. steps: of the condition. ever: whether it may be left out, and how that is called. */
export function WhenBoxes({ steps, ever = "ever" }) {
  const state = useEditing();
  const place = [...steps, "when"];
  const when = state.at(place);
  const kind = whenKind(when);
  const change = (chosen) => {
    const start = NEW_WHENS[chosen];
    const kept = Object.keys(start ?? {}).every((name) => name === "from" || name === "to") ? { from: when?.from, to: when?.to } : {};
    const next = start && Object.fromEntries(Object.entries(start).map(([name, value]) => [name, kept[name] ?? value]));
    state.put(place, next);
  };
  const date = (name, label) => html`<${TextBox}
    steps=${[...place, name]}
    label=${label}
    placeholder="2026-04-01"
    value=${when[name] ?? ""}
    onInput=${(typed) => state.put([...place, name], typed.trim())}
  />`;
  const options = WHENS.filter(([name]) => name !== "ever" || ever).map(([name, words]) => [name, name === "ever" ? ever : words]);
  return html`<${ChoiceBox} steps=${place} label="when" quiet=${kind === "ever"} value=${kind} options=${options} onChange=${change} />
    ${kind === "last" && html`<${LengthBoxes} steps=${[...place, "last"]} label="in the last" />`}
    ${kind === "days_ago" &&
    html`<${NumberBox} steps=${[...place, "days_ago", 0]} label="days ago, from" placeholder="45" /> and
      <${NumberBox} steps=${[...place, "days_ago", 1]} label="days ago, to" placeholder="90" /> days ago`}
    ${kind === "since" && date("from", "since")} ${kind === "before" && date("to", "before")}
    ${kind === "from_to" && html`${date("from", "from")} to before ${date("to", "to before")}`}`;
}
