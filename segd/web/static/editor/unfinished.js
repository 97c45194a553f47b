// What of a definition is finished, so that half a thought can be answered already: blank tests and conditions are left
// out, and where nothing is left it is said what is missing.

import { pathOf, put } from "./document.js";
import { splitLength } from "../base/lengths.js";
import { needsValue } from "./values.js";

const MISSING = {
  event: "Choose an event.",
  property: "Choose a property.",
  profile: "Choose a user property.",
  value: "Give a value.",
  segment: "Choose a segment.",
  number: "Give a number, like 3.",
  length: "Give a length, like 10 minutes.",
  date: "Give a date, like 2026-04-01.",
  days: "Give a number of days, like 30.",
  name: "Give the segment a name.",
};

const isAbsent = (value) => value === undefined || value === null; // of a value: empty text is one, typed as ""
const isBlank = (value) => isAbsent(value) || value === "";
const isBlankLength = (value) => isBlank(value) || splitLength(value)?.number === "";

// {document, leftOut, missing, blanks}. document: null where what matters most is missing; leftOut: how many conditions
// and tests were; missing: a sentence, or null; blanks: path → sentence of every place that is to be filled;
// passed: paths of blank entries of lists, which are simply not there. holding: the path of a box that is being typed
// into, which counts as blank.
export function finished(document, holding = null) {
  const blanks = new Map();
  const passed = new Set();
  let leftOut = 0;

  const blank = (steps, kind) => {
    blanks.set(pathOf(steps), MISSING[kind]);
    return false;
  };
  const held = (steps) => holding !== null && pathOf(steps) === holding;
  const filled = (value, steps, kind) => (!isBlank(value) && !held(steps)) || blank(steps, kind);
  const length = (value, steps) => !isBlankLength(value) || blank(steps, "length");
  const all = (...results) => results.every(Boolean);

  const valued = (value, steps, kind) => (!isAbsent(value) && !held(steps)) || blank(steps, kind);
  const values = (op, value, steps) => {
    if (!needsValue(op)) return true;
    if (op === "between") {
      return all(...[0, 1].map((index) => valued(value?.[index], [...steps, index], "value")));
    }
    if (op !== "in" && op !== "not_in") return valued(value, steps, "value");
    const given = Array.isArray(value) ? value : [value];
    const isThere = (entry, index) => !isAbsent(entry) && !held([...steps, index]);
    const some = given.some(isThere);
    given.forEach((entry, index) => some && !isThere(entry, index) && passed.add(pathOf([...steps, index])));
    return some || blank(given.length ? [...steps, 0] : steps, "value");
  };

  const test = (given, steps, kind = "property") => {
    const complete = all(
      filled(given.property, [...steps, "property"], kind),
      values(given.op, given.value, [...steps, "value"]),
    );
    if (!complete) return null;
    return Array.isArray(given.value) && given.op !== "between"
      ? { ...given, value: given.value.filter((entry, index) => !passed.has(pathOf([...steps, "value", index]))) }
      : given;
  };

  const tests = (given, steps) => {
    if (!Array.isArray(given.where)) return given;
    const kept = given.where.map((one, index) => test(one, [...steps, "where", index])).filter(Boolean);
    leftOut += given.where.length - kept.length;
    return put(given, ["where"], kept.length ? kept : undefined);
  };

  const selector = (given, steps) => {
    if (!filled(given?.event, [...steps, "event"], "event")) return null;
    return tests(given, steps);
  };

  const selectors = (given, steps) => {
    if (!Array.isArray(given)) return selector(given, steps);
    const kept = given.map((one, index) => selector(one, [...steps, index])).filter(Boolean);
    leftOut += kept.length ? given.length - kept.length : 0;
    return kept.length ? kept : null;
  };

  const when = (given, steps) => {
    if (!given) return true;
    if ("last" in given) return length(given.last, [...steps, "last"]);
    if ("days_ago" in given) {
      return all(...[0, 1].map((index) => valued(given.days_ago[index], [...steps, "days_ago", index], "days")));
    }
    return all(...["from", "to"].filter((name) => name in given).map((name) => filled(given[name], [...steps, name], "date")));
  };

  const figure = (given, steps) => {
    if (!given) return true;
    const property = !("fn" in given) || filled(given.property, [...steps, "property"], "property");
    const numbers =
      given.op === "between"
        ? all(...[0, 1].map((index) => valued(given.value?.[index], [...steps, "value", index], "number")))
        : valued(given.value, [...steps, "value"], "number");
    return property && numbers;
  };

  const condition = (given, steps) => {
    switch (given?.type) {
      case "all":
      case "any": {
        if (!Array.isArray(given.of)) return given;
        const kept = given.of.map((one, index) => condition(one, [...steps, "of", index])).filter(Boolean);
        return kept.length ? { ...given, of: kept } : null;
      }
      case "not": {
        const inner = condition(given.of, [...steps, "of"]);
        return inner && { ...given, of: inner };
      }
      case "did":
      case "did_not": {
        const complete = all(
          filled(given.event, [...steps, "event"], "event"),
          when(given.when, [...steps, "when"]),
          figure(given.count, [...steps, "count"]),
          figure(given.measure, [...steps, "measure"]),
        );
        const tested = tests(given, steps);
        return complete ? tested : omit();
      }
      case "profile":
        return test(given, steps, "profile") ?? omit();
      case "in_segment":
        return all(filled(given.segment, [...steps, "segment"], "segment"), when(given.when, [...steps, "when"]))
          ? given
          : omit();
      default:
        return given;
    }
  };
  const omit = () => {
    leftOut += 1;
    return null;
  };

  const essential = (steps, part) => {
    if (part === null) return false;
    result = put(result, steps, part);
    return true;
  };

  let result = { ...document, name: document.name || "Unnamed" };
  if (document.kind === "past") {
    if (!essential(["where"], condition(document.where, ["where"]))) result = null;
  } else {
    if (!trigger()) result = null;
    const filter = document.filter === undefined ? undefined : condition(document.filter, ["filter"]);
    if (result) result = put(result, ["filter"], filter ?? undefined);
    if (!["always", "once", undefined].includes(document.again)) length(document.again, ["again"]);
  }
  if (result && blanks.has("again")) result = put(result, ["again"], undefined);
  const missing = result ? null : (blanks.values().next().value ?? "Say what users did.");
  return { document: result, leftOut, missing, blanks, passed };

  function trigger() {
    const on = document.on ?? {};
    const whole = (steps, part) => essential(["on", ...steps], part);
    const texts = (name) => {
      if (!Array.isArray(on[name])) return;
      const isThere = (entry, index) => !isBlank(entry) && !held(["on", name, index]);
      on[name].forEach((entry, index) => isThere(entry, index) || passed.add(pathOf(["on", name, index])));
      const kept = on[name].filter(isThere);
      result = put(result, ["on", name], kept.length ? kept : undefined);
    };
    switch (on.type) {
      case "action":
        return whole(["did"], selectors(on.did, ["on", "did"]));
      case "inaction":
        texts("same");
        return all(
          whole(["did"], selectors(on.did, ["on", "did"])),
          whole(["did_not"], selectors(on.did_not, ["on", "did_not"])),
          length(on.within, ["on", "within"]),
        );
      case "date": {
        texts("key");
        if (on.unless !== undefined) {
          result = put(result, ["on", "unless"], selectors(on.unless, ["on", "unless"]) ?? undefined);
        }
        const offset = on.offset === undefined || length(on.offset, ["on", "offset"]);
        if ("profile" in on) return filled(on.profile, ["on", "profile"], "profile") && offset;
        const tested = tests(on, ["on"]);
        result = put(result, ["on", "where"], tested.where);
        return all(
          filled(on.event, ["on", "event"], "event"),
          filled(on.property, ["on", "property"], "property"),
          offset,
        );
      }
      default: {
        const tested = tests(on, ["on"]);
        result = put(result, ["on", "where"], tested.where);
        if (on.type !== "page_count") return true;
        const per = ["session", "ever", undefined].includes(on.per) || length(on.per, ["on", "per"]);
        const idle = on.idle === undefined || length(on.idle, ["on", "idle"]);
        return all(filled(on.at_least, ["on", "at_least"], "number"), per, idle);
      }
    }
  }
}
