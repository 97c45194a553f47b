// The trigger of a live segment as a sentence: "A user qualifies when they did … and did not … within …".

import { html } from "../base/html.js";
import { LengthBoxes, NumberBox } from "./amounts.js";
import { ChoiceBox, TextBox } from "./box.js";
import { milliseconds, splitLength } from "../base/lengths.js";
import { propertyRows } from "./seen.js";
import { useEditing } from "./state.js";
import { AddButton, addTest, EventBox, Line, PropertyBox, Selectors, TestLines } from "./tests.js";

const ON = ["on"];

export function Trigger({ seen }) {
  const { type } = useEditing().at(ON);
  switch (type) {
    case "action":
      return html`<${Selectors} steps=${["on", "did"]} seen=${seen} lead="A user qualifies when they did" label="event" />`;
    case "inaction":
      return html`<${Inaction} seen=${seen} />`;
    case "date":
      return html`<${OnDate} seen=${seen} />`;
    case "page_visit":
      return html`<${Pages} seen=${seen}><span class="lead">A user qualifies when they view a page</span><//>`;
    case "referrer":
      return html`<${Pages} seen=${seen}><span class="lead">A user qualifies when they come from another site to a page</span><//>`;
    default:
      return html`<${Pages} seen=${seen}><${PageCount} /><//>`;
  }
}

function Inaction({ seen }) {
  return html`<${Selectors} steps=${["on", "did"]} seen=${seen} lead="A user qualifies when they did" label="event that was done" />
    <${Selectors} steps=${["on", "did_not"]} seen=${seen} lead="and did not" label="event that was not done" />
    <${Line} label="time limit">
      <span class="lead">within</span>
      <${LengthBoxes} steps=${["on", "within"]} label="within" />
    <//>`;
}

/** A sentence about page views, and tests on them. */
function Pages({ seen, children }) {
  const state = useEditing();
  const tests = state.at(["on", "where"]) ?? [];
  const adding = html`<span class="adding"><${AddButton} label="Add a condition on the page" onClick=${() => addTest(state, ON, "path")}>condition<//></span>`;
  return html`<${Line} label="trigger">${children} ${!tests.length && adding}<//>
    <${TestLines} steps=${ON} properties=${seen.properties("$page")} after=${adding} />`;
}

const PERIODS = [
  ["session", "in one session"],
  ["length", "within"],
  ["ever", "of all time"],
];

function PageCount() {
  const state = useEditing();
  const { per = "session", at_least: count } = state.at(ON);
  const kind = per === "session" || per === "ever" ? per : "length";
  const change = (chosen) => {
    const { per: _, idle, ...on } = state.at(ON);
    state.put(ON, chosen === "session" ? { ...on, idle } : { ...on, per: chosen === "ever" ? "ever" : "30m" });
  };
  return html`<span class="lead">A user qualifies when they view</span>
    <${NumberBox} steps=${["on", "at_least"]} label="how many pages" placeholder="5" />
    <span class="lead">${count === 1 ? "page" : "pages"}</span>
    <${ChoiceBox} steps=${["on", "per", "kind"]} label="in what time" value=${kind} options=${PERIODS} onChange=${change} />
    ${kind === "length" && html`<${LengthBoxes} steps=${["on", "per"]} label="within" />`}`;
}

const DIRECTIONS = [
  ["before", "before"],
  ["on", "on"],
  ["after", "after"],
];
const SOURCES = [
  ["event", "the date in an event"],
  ["profile", "a date of the user"],
];

/** Which way an offset points; "on" for none. */
const direction = (offset) => {
  if (offset.startsWith("-")) return "before";
  return splitLength(offset)?.number !== "" && milliseconds(offset) === 0 ? "on" : "after";
};

function OnDate({ seen }) {
  const state = useEditing();
  const on = state.at(ON);
  const offset = on.offset ?? "0d";
  const way = direction(offset);
  const isOfUser = "profile" in on;
  const moves = /^-?(?:\d*[dw])+$/.test(offset); // the calendar, and leaves the time of day open
  const turn = (chosen) => {
    const length = way === "on" ? "5d" : offset.replace(/^-/, "");
    state.put(["on", "offset"], chosen === "on" ? undefined : (chosen === "before" ? "-" : "") + length);
  };
  const change = (chosen) => {
    const { type, offset: kept, at, zone, unless } = on;
    state.put(ON, chosen === "profile" ? { type, profile: "", offset: kept, at, zone, unless } : { type, event: "", property: "", offset: kept, at, zone, unless });
  };
  const date = (name, label) => html`<${PropertyBox} steps=${["on", name]} label=${label} rows=${datesFirst(properties)} />`;
  const adding = html`<span class="adding">
    <${AddButton} label="Add a condition on ${on.event || "this event"}" onClick=${() => addTest(state, ON)}>condition<//>
  </span>`;
  const properties = isOfUser ? seen.traits() : seen.properties(on.event);
  return html`<${Line} label="trigger">
      <span class="lead">A user qualifies</span>
      ${way !== "on" && html`<${LengthBoxes} steps=${["on", "offset"]} sign=${way === "before" ? "-" : ""} label="how long ${way}" />`}
      <${ChoiceBox} steps=${["on", "offset", "way"]} label="before, on or after" value=${way} options=${DIRECTIONS} onChange=${turn} />
      <${ChoiceBox} steps=${["on", "source"]} label="which date" value=${isOfUser ? "profile" : "event"} options=${SOURCES} onChange=${change} />
    <//>
    ${isOfUser
      ? html`<${Line} label="date">
          <span class="lead">which is their</span>
          ${date("profile", "user property that holds the date")}
          <${ChoiceBox}
            steps=${["on", "yearly"]}
            label="how often"
            value=${on.yearly === true}
            options=${[[false, "once"], [true, "every year"]]}
            onChange=${(yearly) => state.put(["on", "yearly"], yearly || undefined)}
          />
        <//>`
      : html`<${Line} label="date">
            <span class="lead">which is the</span>
            ${date("property", "property that holds the date")}
            <span class="lead">of</span>
            <${EventBox} steps=${["on", "event"]} label="event" seen=${seen} />
            ${!on.where?.length && adding}
          <//>
          <${TestLines} steps=${ON} properties=${properties} after=${adding} />`}
    ${(moves || on.at !== undefined) &&
    html`<${Line} label="time of day">
      <span class="lead">at</span>
      <${TextBox}
        steps=${["on", "at"]}
        label="time of day"
        placeholder="its own time"
        value=${on.at ?? ""}
        onInput=${(typed) => state.put(["on", "at"], typed.trim() || undefined)}
      />
    <//>`}`;
}

const datesFirst = (properties) => {
  const isDate = ({ types }) => types?.includes("date");
  return propertyRows([...properties.filter(isDate), ...properties.filter((property) => !isDate(property))]);
};
