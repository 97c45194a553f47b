// Past-behaviour conditions: lines about what users did and are, and groups of them on a rail, as deep as one likes.

import { html } from "../base/html.js";
import { Menu } from "../parts/overlays.js";
import { Comparison, WhenBoxes } from "./amounts.js";
import { ChoiceBox, SuggestBox } from "./box.js";
import { at, drop, insert, move, put } from "./document.js";
import { propertyRows, traitRows } from "./seen.js";
import { useEditing } from "./state.js";
import { AddButton, addTest, EventBox, Line, PropertyBox, RemoveButton, TestBoxes, TestLines } from "./tests.js";

const HEADS = [
  ["did", "did"],
  ["did_not", "did not do"],
  ["first", "first did"],
  ["last", "last did"],
  ["profile", "user property"],
  ["in_segment", "in the segment"],
  ["reachable", "reachable by"],
];
const CHANNELS = [
  ["email", "e-mail"],
  ["push", "push"],
  ["web_push", "web push"],
  ["sms", "SMS"],
  ["whatsapp", "WhatsApp"],
];
const FIGURES = [
  ["sum", "sum"],
  ["avg", "average"],
  ["min", "smallest"],
  ["max", "largest"],
  ["distinct", "number of different"],
];

export const BLANK = { type: "did", event: "" };
export const newGroup = (...of) => ({ type: "all", of });

const isGroup = (condition) => condition?.type === "all" || condition?.type === "any";
const headOf = (condition) => (condition.type === "did" && condition.nth) || condition.type;

/** The same condition with another head, keeping what both have. */
function withHead(condition, head) {
  const { event = "", where, when, count, measure } = condition;
  switch (head) {
    case "did":
      return { type: "did", event, where, count, when, measure };
    case "did_not":
      return { type: "did_not", event, where, when };
    case "first":
    case "last":
      return { type: "did", event, where, when: when ?? { last: "30d" }, measure, nth: head };
    case "profile":
      return { type: "profile", property: "", op: "eq" };
    case "in_segment":
      return { type: "in_segment", segment: "" };
    default:
      return { type: "reachable", channel: "email" };
  }
}

/** A condition at `steps` taken out, and with it what would be left empty. root: the place of the outermost. */
function without(document, steps, root) {
  if (steps.length === root.length) return put(document, root, undefined);
  const above = steps.slice(0, -1);
  const owner = typeof steps.at(-1) === "number" ? above.slice(0, -1) : above; // of a list, or of `not`
  const list = at(document, above);
  if (Array.isArray(list) && list.length > 1) return drop(document, steps);
  return without(document, owner, root);
}

/** root: the place of the outermost condition. whole: the words around the choice of all or any. */
export function Conditions({ root, seen, lead, single }) {
  const state = useEditing();
  const top = state.at(root);
  if (isGroup(top)) return html`<${Group} steps=${root} root=${root} seen=${seen} lead=${lead} />`;
  const add = (condition, tail) => {
    const next = top ? newGroup(top, condition) : newGroup(condition);
    state.put(root, next, [...root, "of", top ? 1 : 0, ...tail]);
  };
  return html`${single && html`<div class="line"><span class="lead">${single}</span></div>`}
    <div class="rail">
      ${top && html`<${Condition} steps=${root} root=${root} seen=${seen} />`}
      <${Adding} add=${add} />
    </div>`;
}

function Adding({ add }) {
  return html`<div class="line adding">
    <${AddButton} onClick=${() => add(BLANK, ["event"])}>condition<//>
    <${AddButton} onClick=${() => add(newGroup(BLANK), ["of", 0, "event"])}>group<//>
  </div>`;
}

function Group({ steps, root, seen, lead = "", negated = false }) {
  const state = useEditing();
  const group = state.at(steps);
  const of = [...steps, "of"];
  const add = (condition, tail) => {
    const count = state.at(of).length;
    state.replace(insert(state.document.peek(), of, count, condition), [...of, count, ...tail]);
  };
  return html`<div class="group">
    <${Line} label="group">
      ${lead && html`<span class="lead">${lead}</span>`} ${negated && html`<span class="lead">not</span>`}
      <${ChoiceBox}
        steps=${[...steps, "type"]}
        label="how many must hold"
        value=${group.type}
        options=${[["all", "all"], ["any", "any"]]}
        onChange=${(type) => state.put([...steps, "type"], type)}
      />
      <span class="lead">of these ${group.type === "any" ? "holds" : "hold"}</span>
      ${steps.length > root.length && html`<span class="line-actions"><${Actions} steps=${steps} root=${root} what="group" /></span>`}
    <//>
    <div class="rail">
      ${group.of.map((_, index) => html`<${Condition} key=${index} steps=${[...of, index]} root=${root} seen=${seen} />`)}
      <${Adding} add=${add} />
    </div>
  </div>`;
}

function Condition({ steps, root, seen, negated = false }) {
  const state = useEditing();
  const condition = state.at(steps);
  if (!condition) return null;
  if (condition.type === "not") return html`<${Condition} steps=${[...steps, "of"]} root=${root} seen=${seen} negated=${!negated} />`;
  if (isGroup(condition)) return html`<${Group} steps=${steps} root=${root} seen=${seen} negated=${negated} />`;
  const head = headOf(condition);
  const outer = outermost(state.document.value, steps);
  const remove = () => removed(state, steps, root);
  const moveBy = typeof outer.at(-1) === "number" ? (by, path) => moved(state, outer, by, path) : undefined;
  const empty = !(condition.event || condition.property || condition.segment) && condition.type !== "reachable";
  const properties = condition.event === undefined ? [] : seen.properties(condition.event);
  const another = html`<span class="adding"><${AddButton} label="and: add another test on this event" onClick=${() => addTest(state, steps)}>and<//></span>`;
  return html`<div class="condition">
    <${Line} label="condition" empty=${empty} remove=${remove} moveBy=${moveBy}>
      ${negated && html`<span class="lead">not</span>`}
      <${ChoiceBox}
        quiet
        steps=${[...steps, "type"]}
        label="kind of condition"
        value=${head}
        options=${HEADS}
        onChange=${(chosen) => state.put(steps, withHead(condition, chosen))}
      />
      <${Body} steps=${steps} condition=${condition} seen=${seen} />
      ${"event" in condition &&
      !condition.where?.length &&
      html`<span class="adding"><${AddButton} label="where: add a test on the properties of this event" onClick=${() => addTest(state, steps)}>where<//></span>`}
      <span class="line-actions"><${Actions} steps=${steps} root=${root} what="condition" /></span>
    <//>
    ${"event" in condition && html`<${TestLines} steps=${steps} properties=${properties} after=${another} />`}
    ${condition.measure && html`<${Measure} steps=${steps} properties=${properties} />`}
  </div>`;
}

function Body({ steps, condition, seen }) {
  const state = useEditing();
  const place = (...more) => [...steps, ...more];
  switch (condition.type) {
    case "did":
      return html`<${EventBox} steps=${place("event")} label="event" seen=${seen} />
        ${!condition.nth && html`<${Times} steps=${steps} condition=${condition} />`}
        <${WhenBoxes} steps=${steps} ever=${condition.nth ? "" : "ever"} />`;
    case "did_not":
      return html`<${EventBox} steps=${place("event")} label="event" seen=${seen} /> <${WhenBoxes} steps=${steps} />`;
    case "profile":
      return html`<${TestBoxes} steps=${steps} properties=${seen.traits()} rows=${traitRows(seen)} />`;
    case "in_segment":
      return html`<${SuggestBox}
          steps=${place("segment")}
          label="segment"
          placeholder="choose a segment"
          value=${condition.segment}
          suggestions=${seen.segments().map(({ name, kind }) => ({ text: name, note: kind }))}
          onInput=${(text) => state.put(place("segment"), text)}
        />
        <${WhenBoxes} steps=${steps} ever="ever or now" />`;
    case "reachable":
      return html`<${ChoiceBox}
        steps=${place("channel")}
        label="channel"
        value=${condition.channel}
        options=${CHANNELS}
        onChange=${(channel) => state.put(place("channel"), channel)}
      />`;
    default:
      return null;
  }
}

/** How often. Without a count it is at least once, which is shown, and written only when it is changed. */
function Times({ steps, condition }) {
  const state = useEditing();
  const place = [...steps, "count"];
  if (!condition.count) {
    return html`<button type="button" class="box-add" onClick=${() => state.put(place, { op: "gte", value: 1 }, [...place, "value"])}>at least once</button>`;
  }
  const { op, value } = condition.count;
  return html`<${Comparison} steps=${place} label="how many times" />
    <span class="lead">${value === 1 && op !== "between" ? "time" : "times"}${condition.zero ? " or not at all" : ""}</span>`;
}

function Measure({ steps, properties }) {
  const state = useEditing();
  const place = [...steps, "measure"];
  const { fn, property } = state.at(place);
  const remove = () => state.put(place, undefined, [...steps, "event"]);
  return html`<${Line} label="measure" className="test" empty=${!property} remove=${remove}>
    <span class="lead">with the</span>
    <${ChoiceBox} steps=${[...place, "fn"]} label="measure" value=${fn} options=${FIGURES} onChange=${(chosen) => state.put([...place, "fn"], chosen)} />
    ${fn === "distinct" ? "" : html`<span class="lead">of</span>`}
    <${PropertyBox} steps=${[...place, "property"]} label="property measured" rows=${propertyRows(properties)} />
    <${Comparison} steps=${place} label="measured" less=${fn === "distinct" ? "fewer" : "less"} />
    <${RemoveButton} label="Remove this measure" onClick=${remove} />
  <//>`;
}

// What can be done with a condition or a group as a whole

function Actions({ steps, root, what }) {
  const state = useEditing();
  const document = state.document.value;
  const condition = state.at(steps);
  const outer = outermost(document, steps);
  const index = outer.at(-1);
  const siblings = typeof index === "number" ? at(document, outer.slice(0, -1)) : null;
  const isNegated = outer.length < steps.length;
  const canMeasure = condition.type === "did" && !condition.measure;
  const measure = () => {
    const place = [...steps, "measure"];
    state.put(place, { fn: "sum", property: "", op: "gte", value: undefined }, [...place, "property"]);
  };
  return html`<${Menu}
    small
    label="More for this ${what}"
    items=${[
      canMeasure && { label: "Add a sum, average or other measure", run: measure },
      condition.zero && { label: "Leave out users with none", run: () => state.put([...steps, "zero"], undefined) },
      condition.type === "did" && condition.count && !condition.zero && !condition.nth && { label: "Also users with none", run: () => state.put([...steps, "zero"], true) },
      { label: isNegated ? "Must hold" : "Must not hold", run: () => state.replace(put(document, outer, isNegated ? condition : { type: "not", of: condition })) },
      what === "condition" && { label: "Put into a group", run: () => state.put(outer, newGroup(at(document, outer), BLANK), [...outer, "of", 1, "event"]) },
      siblings && index > 0 && { label: "Move up", run: () => moved(state, outer, -1) },
      siblings && index < siblings.length - 1 && { label: "Move down", run: () => moved(state, outer, 1) },
      { label: `Remove this ${what}`, danger: true, run: () => removed(state, steps, root) },
    ]}
  />`;
}

/** The place of a condition together with the `not`s around it. */
function outermost(document, steps) {
  let outer = steps;
  while (outer.at(-1) === "of" && at(document, outer.slice(0, -1))?.type === "not") outer = outer.slice(0, -1);
  return outer;
}

function removed(state, steps, root) {
  const outer = outermost(state.document.peek(), steps);
  const index = outer.at(-1);
  const before = typeof index === "number" && index > 0 ? [...outer.slice(0, -1), index - 1, "event"] : null;
  const left = without(state.document.peek(), steps, root);
  const isPast = root[0] === "where"; // which cannot be without a condition
  const blank = isPast && at(left, root) === undefined;
  state.replace(blank ? put(left, root, newGroup(BLANK)) : left, blank ? [...root, "of", 0, "event"] : before);
}

function moved(state, outer, by, path = "") {
  const list = state.at(outer.slice(0, -1));
  const to = outer.at(-1) + by;
  if (to < 0 || to >= list.length) return;
  const tail = path.split(/[.[\]]+/).filter(Boolean).at(-1) ?? "event";
  state.replace(move(state.document.peek(), outer, by), [...outer.slice(0, -1), to, tail]);
}
