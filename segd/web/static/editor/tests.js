// Tests on properties, and selectors: events by name on which tests hold.

import { Icon, TextButton } from "../parts/basics.js";
import { html } from "../base/html.js";
import { number } from "../base/format.js";
import { ChoiceBox, SuggestBox } from "./box.js";
import { addSelector, dropSelector, insert, move, selectorPlaces } from "./document.js";
import { eventRows, propertyAt, propertyRows } from "./seen.js";
import { useEditing } from "./state.js";
import { isTextOnly, needsValue, operatorsFor, readValue, showValue, valueFor } from "./values.js";

const NOT_SEEN = () => "not seen yet";
const NOT_OFTEN = () => "not often seen";

/** A line of the sentence. remove: what Backspace does where all is still empty; moveBy: what Alt+↑↓ do. */
export function Line({ label, empty, remove, moveBy, children, className = "" }) {
  const onKeyDown = (event) => {
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown") && moveBy) {
      event.preventDefault();
      moveBy(event.key === "ArrowUp" ? -1 : 1, event.target.dataset.path);
    } else if (event.key === "Backspace" && remove && empty && !event.target.value && event.target.tagName === "INPUT") {
      event.preventDefault();
      remove();
    }
  };
  return html`<div class="line ${className}" role="group" aria-label=${label} onKeyDown=${onKeyDown}>${children}</div>`;
}

export function RemoveButton({ label, onClick }) {
  return html`<button type="button" class="line-remove" aria-label=${label} title=${label} onClick=${onClick}><${Icon} name="close" /></button>`;
}

export function AddButton({ children, onClick, label }) {
  return html`<${TextButton} icon="plus" aria-label=${label} onClick=${onClick}>${children}<//>`;
}

export function EventBox({ steps, label, seen }) {
  return html`<${PropertyBox} steps=${steps} label=${label} placeholder="choose an event" rows=${eventRows(seen)} />`;
}

/** A property by its name. rows: suggested. */
export function PropertyBox({ steps, label = "property", rows, placeholder = "choose a property", onInput }) {
  const state = useEditing();
  return html`<${SuggestBox}
    ...${{ steps, label, placeholder }}
    value=${state.at(steps) ?? ""}
    suggestions=${rows}
    typedNote=${NOT_SEEN}
    onInput=${onInput ?? ((text) => state.put(steps, text.trim()))}
  />`;
}

/** The operator for another property: the one there is where it fits, and what people ask of such values where it is new. */
function operatorKept({ op, value }, property, known) {
  const [[first]] = operatorsFor(property, known?.operators);
  const isNew = op === "eq" && value === undefined;
  if (isNew && known?.types.length === 1) return { number: "gte", date: "before" }[known.types[0]] ?? op;
  const fitting = known?.operators ?? operatorsFor(property).map(([name]) => name);
  return fitting.includes(op) ? op : first;
}

/** Property, operator and value. properties: what was seen. rows: the names suggested. */
export function TestBoxes({ steps, properties, rows = propertyRows(properties) }) {
  const state = useEditing();
  const test = state.at(steps);
  const known = propertyAt(properties, test.property);
  const place = (name) => [...steps, name];
  const choose = (text) => {
    const property = text.trim();
    const op = operatorKept(test, property, propertyAt(properties, property));
    state.put(steps, { ...test, property, op, value: op === test.op ? test.value : valueFor(op, test.value) });
  };
  return html`<${PropertyBox} steps=${place("property")} rows=${rows} onInput=${choose} />
    <${ChoiceBox}
      steps=${place("op")}
      label="operator"
      value=${test.op}
      options=${operatorsFor(test.property, known?.operators)}
      onChange=${(op) => state.put(steps, { ...test, op, value: valueFor(op, test.value) })}
    />
    ${needsValue(test.op) && html`<${ValueBoxes} steps=${place("value")} op=${test.op} value=${test.value} known=${known} />`}`;
}

function ValueBoxes({ steps, op, value, known }) {
  const state = useEditing();
  const one = (place, given, label) => {
    const textOnly = isTextOnly(op, known?.types);
    return html`<${SuggestBox}
      steps=${place}
      label=${label}
      placeholder=${known?.types?.[0] === "number" ? "a number" : op === "before" || op === "after" ? "2026-04-01" : "a value"}
      value=${showValue(given)}
      suggestions=${valueRows(known)}
      typedNote=${NOT_OFTEN}
      onInput=${(text, row) => state.put(place, row && "value" in row ? row.value : readValue(text, textOnly))}
    />`;
  };
  if (op === "between") {
    const [low, high] = Array.isArray(value) ? value : [];
    return html`${one([...steps, 0], low, "from")} and ${one([...steps, 1], high, "to")}`;
  }
  if (op !== "in" && op !== "not_in") return one(steps, value, "value");
  const values = Array.isArray(value) ? value : [value];
  return html`${values.map(
      (given, index) => html`${index > 0 && html`<span class="comma">or</span>`} ${one([...steps, index], given, `value ${index + 1}`)}
        ${values.length > 1 && html`<${RemoveButton} label="Remove value ${index + 1}" onClick=${() => state.drop([...steps, index])} />`}`,
    )}
    <${AddButton} onClick=${() => state.replace(insert(state.document.peek(), steps, values.length, undefined), [...steps, values.length])}>value<//>`;
}

const valueRows = (known) => (known?.values ?? []).map(({ value, count }) => ({ text: showValue(value), value, note: number(count) }));

/** The tests of a selector, a line each. leads: the words before the first and the others. after: what ends the last. */
export function TestLines({ steps, properties, after, lead = "where" }) {
  const state = useEditing();
  const place = [...steps, "where"];
  const tests = state.at(place) ?? [];
  return tests.map((test, index) => {
    const mine = [...place, index];
    const remove = () => state.drop(mine, index ? [...place, index - 1, "property"] : [...steps, "event"]);
    const moveBy = (by, path) => {
      const to = index + by;
      if (to < 0 || to >= tests.length) return;
      const tail = path?.split(".").at(-1) ?? "property";
      state.replace(move(state.document.peek(), mine, by), [...place, to, tail]);
    };
    return html`<${Line} key=${index} label="test ${index + 1}" empty=${!test.property} remove=${remove} moveBy=${moveBy} className="test">
      <span class="lead">${index ? "and" : lead}</span>
      <${TestBoxes} steps=${mine} properties=${properties} />
      <${RemoveButton} label="Remove this test" onClick=${remove} />
      ${index === tests.length - 1 && after}
    <//>`;
  });
}

export function addTest(state, steps, property = "") {
  const place = [...steps, "where"];
  const count = state.at(place)?.length ?? 0;
  state.replace(insert(state.document.peek(), place, count, { property, op: "eq" }), [...place, count, "property"]);
}

/** One selector or several of which any counts. lead: the words before it; label: of its box, as "event that was done". */
export function Selectors({ steps, seen, lead, label, optional }) {
  const state = useEditing();
  const places = selectorPlaces(state.document.value, steps);
  return places.map((place, index) => {
    const last = index === places.length - 1;
    const alone = places.length === 1;
    const remove = alone ? optional : () => state.replace(dropSelector(state.document.peek(), place));
    const tests = state.at([...place, "where"]) ?? [];
    const addAnother = () => {
      const next = addSelector(state.document.peek(), steps, { event: "" });
      state.replace(next, [...steps, places.length, "event"]);
    };
    const adding = html`<span class="adding">
      <${AddButton} label="Add a condition on ${state.at([...place, "event"]) || "this event"}" onClick=${() => addTest(state, place)}>condition<//>
      ${last && html`<${AddButton} label="or another event, of which any counts" onClick=${addAnother}>or<//>`}
    </span>`;
    return html`<div key=${index}>
      <${Line} label=${label} empty=${!state.at([...place, "event"])} remove=${remove}>
        <span class="lead">${index ? "or" : lead}</span>
        <${EventBox} steps=${[...place, "event"]} label=${label} seen=${seen} />
        ${remove && html`<${RemoveButton} label="Remove this event" onClick=${remove} />`} ${!tests.length && adding}
      <//>
      <${TestLines} steps=${place} properties=${seen.properties(state.at([...place, "event"]))} after=${adding} />
    </div>`;
  });
}

