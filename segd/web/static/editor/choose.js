// What should put a user in this segment: the nine ways to start, each with its picture.

import { html, useRef } from "../base/html.js";
import { place, useTitle } from "../base/router.js";
import { Crumbs, KindBadge } from "../parts/basics.js";
import { Strip } from "../parts/strip.js";
import { KINDS } from "./kinds.js";

const GROUPS = [
  ["past", "Asks the whole history. Members are counted again whenever you look."],
  ["live", "Watches what happens from now on. A user qualifies at the very moment."],
];

const PICTURES = {
  "past-action": [
    { type: "bracket", from: 0.06, to: 0.52, tone: "past" },
    { type: "did", at: 0.13 },
    { type: "did", at: 0.25 },
    { type: "did", at: 0.4 },
    { type: "now", at: 0.52 },
  ],
  "past-inaction": [
    { type: "bracket", from: 0.06, to: 0.52, tone: "past" },
    { type: "did", at: 0.11 },
    { type: "did", at: 0.2 },
    { type: "did-not", at: 0.42, tone: "past" },
    { type: "now", at: 0.52 },
  ],
  properties: [
    { type: "did", at: 0.08 },
    { type: "did-not", at: 0.25, tone: "past" },
    { type: "traits", at: 0.46 },
  ],
  action: [
    { type: "flag", at: 0.12 },
    { type: "did", at: 0.12 },
    { type: "flag", at: 0.37 },
    { type: "did", at: 0.37 },
  ],
  inaction: [
    { type: "open", from: 0.12, to: 0.4 },
    { type: "did", at: 0.12 },
    { type: "flag", at: 0.4, high: true },
    { type: "due", at: 0.4 },
  ],
  date: [
    { type: "bracket", from: 0.14, to: 0.44, below: true },
    { type: "flag", at: 0.14 },
    { type: "date", at: 0.44 },
  ],
  page_visit: [
    { type: "page", at: 0.09 },
    { type: "page", at: 0.22 },
    { type: "flag", at: 0.35, high: true },
    { type: "page-did", at: 0.35 },
  ],
  referrer: [
    { type: "arrival", at: 0.2 },
    { type: "flag", at: 0.2, high: true },
    { type: "page-did", at: 0.2 },
    { type: "page", at: 0.35 },
    { type: "page", at: 0.45 },
  ],
  page_count: [
    { type: "page", at: 0.05 },
    { type: "page", at: 0.13 },
    { type: "page", at: 0.21 },
    { type: "page", at: 0.29 },
    { type: "flag", at: 0.37, high: true },
    { type: "page-did", at: 0.37 },
  ],
};

export default function Choose() {
  useTitle("New segment");
  const box = useRef(null);
  const query = place.value.query.toString(); // what the segment should begin with travels along
  const press = (event) => {
    const cards = [...box.current.querySelectorAll(".kind-card")];
    const at = cards.indexOf(document.activeElement);
    if (at < 0) return;
    const across = getComputedStyle(cards[at].parentElement).gridTemplateColumns.split(" ").length;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + across, ArrowUp: at - across, Home: 0, End: cards.length - 1 }[event.key];
    if (to === undefined || !cards[to]) return;
    event.preventDefault();
    cards[to].focus();
  };
  return html`<${Crumbs} path=${[["Segments", "/segments"], ["New segment"]]} />
    <div class="page-head has-path"><h1>What should put a user in this segment?</h1></div>
    <div ref=${box} class="kinds" onKeyDown=${press}>
      ${GROUPS.map(
        ([kind, blurb]) => html`<section aria-label=${kind === "past" ? "Past behaviour" : "Live"}>
          <p class="row wide small second kinds-head"><${KindBadge} kind=${kind} /><span>${blurb}</span></p>
          <div class="kinds-grid">
            ${KINDS.filter((one) => one.kind === kind).map(
              (one) => html`<a class="card kind-card" href="/segments/new/${one.id}${query && `?${query}`}">
                <${Strip} items=${PICTURES[one.id]} label="" tone=${kind} to=${one.id === "properties" ? 0.33 : 0.55} />
                <h2>${one.title}</h2>
                <span class="second">${one.blurb}</span>
                <span class="kind-example third small">“${one.example}”</span>
              </a>`,
            )}
          </div>
        </section>`,
      )}
    </div>
    <footer class="page-foot">
      <span class="row wide" aria-hidden="true">
        <span class="row"><i class="key-dot" />did</span><span class="row"><i class="key-ring" />did not</span>
        <span class="row live-text"><svg width="12" height="12"><use href="#i-flag" /></svg><span class="third">qualifies</span></span>
      </span>
      <span><span class="wide-hint">Arrow keys to move, Enter to choose. </span><a class="plain" href="/segments/new/json">Paste a definition as JSON</a></span>
    </footer>`;
}
