// The time strip of a definition, drawn anew as one types.

import { html } from "../base/html.js";
import { Strip } from "../parts/strip.js";
import { clock } from "../base/format.js";
import { now } from "../base/status.js";
import { lengthInWords, milliseconds } from "../base/lengths.js";

const FIRST = 0.16;
const SECOND = 0.72;

const names = (given, fallback) => {
  const events = [given].flat().map((one) => (one?.event === "$page" ? "page view" : one?.event)).filter(Boolean);
  return events.length ? events.join(" or ") : fallback;
};

export function Picture({ document }) {
  const { items, label, tall } = picture(document);
  return html`<${Strip} items=${items} label=${label} height=${tall ? 92 : 72} line=${tall ? 38 : 32} tone=${document.kind} />`;
}

function picture({ kind, on, where }) {
  if (kind === "past") return past(where);
  const start = Math.floor(now.peek() / 1000) * 1000;
  switch (on.type) {
    case "inaction": {
      const did = names(on.did, "the event");
      const didNot = names(on.did_not, "the other");
      const length = lengthInWords(on.within ?? "");
      const end = start + milliseconds(on.within ?? "");
      return {
        tall: true,
        label: `${did}, then ${length} without ${didNot}: qualifies.`,
        items: [
          { type: "open", from: FIRST, to: SECOND, label: `${length} without ${didNot}` },
          { type: "flag", at: SECOND, high: true },
          { type: "did", at: FIRST, label: did, note: clock(start) },
          { type: "due", at: SECOND, label: "qualifies", note: length ? clock(end) : "" },
        ],
      };
    }
    case "date": {
      const date = "profile" in on ? on.profile : on.property;
      const offset = on.offset ?? "0d";
      const length = lengthInWords(offset);
      const before = offset.startsWith("-");
      const isSame = milliseconds(offset) === 0;
      const [flag, day] = isSame ? [0.45, 0.45] : before ? [0.24, 0.66] : [0.66, 0.24];
      const apart = isSame ? [] : [{ type: "bracket", from: Math.min(flag, day), to: Math.max(flag, day), below: true }];
      return {
        label: `Qualifies ${isSame ? "on" : `${length} ${before ? "before" : "after"}`} ${date || "the date"}.`,
        items: [...apart, { type: "flag", at: flag, high: isSame }, { type: "date", at: day, label: date || "the date" }],
      };
    }
    case "page_visit":
      return {
        label: "Pages; the one that matches qualifies.",
        items: [
          { type: "page", at: 0.16 },
          { type: "page", at: 0.3 },
          { type: "flag", at: 0.5, high: true },
          { type: "page-did", at: 0.5, label: "the page" },
        ],
      };
    case "referrer":
      return {
        label: "From another site to a page, which qualifies.",
        items: [
          { type: "arrival", at: 0.3 },
          { type: "flag", at: 0.3, high: true },
          { type: "page-did", at: 0.3, label: "first page here" },
          { type: "page", at: 0.5 },
          { type: "page", at: 0.64 },
        ],
      };
    case "page_count": {
      const count = Math.max(1, Math.min(typeof on.at_least === "number" ? on.at_least : 5, 9));
      const at = (index) => 0.1 + (index * 0.62) / Math.max(1, count - 1);
      const pages = Array.from({ length: count - 1 }, (_, index) => ({ type: "page", at: at(index) }));
      return {
        label: `Page number ${on.at_least ?? "…"} qualifies.`,
        items: [...pages, { type: "flag", at: at(count - 1), high: true }, { type: "page-did", at: at(count - 1), label: `page ${on.at_least ?? ""}` }],
      };
    }
    default: {
      const did = names(on.did, "the event");
      return {
        label: `Each ${did} qualifies.`,
        items: [0.2, 0.55].flatMap((at) => [
          { type: "flag", at },
          { type: "did", at, label: did },
        ]),
      };
    }
  }
}

/** What was done, as dots; what was not, as circles; what is known of the user, as a card. */
function past(where) {
  const leaves = leavesOf(where).slice(0, 4);
  const room = 0.62 / Math.max(1, leaves.length);
  const items = leaves.map(([condition, negated], index) => {
    const at = 0.12 + room * (index + 0.5);
    const isDeed = condition.type === "did" || condition.type === "did_not";
    const label = isDeed ? names(condition, "the event") : (condition.property ?? condition.segment ?? condition.channel);
    if (!isDeed) return { type: "traits", at, label: label || "property" };
    return { type: (condition.type === "did") !== negated ? "did" : "did-not", at, tone: "past", label };
  });
  const hasTime = leaves.some(([condition]) => condition.when);
  const span = hasTime ? [{ type: "bracket", from: 0.06, to: 0.82, tone: "past" }] : [];
  return { items: [...span, ...items, { type: "now", at: 0.82 }], label: "What users did and did not, up to now." };
}

function leavesOf(condition, negated = false) {
  if (!condition) return [];
  if (condition.type === "not") return leavesOf(condition.of, !negated);
  if (condition.type === "all" || condition.type === "any") return condition.of.flatMap((one) => leavesOf(one, negated));
  return [[condition, negated]];
}
