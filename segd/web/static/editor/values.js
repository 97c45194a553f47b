// Values as people type them: 50 is a number, true is true, everything else is text, and quotes say that it is text.

import { exactNumber, isNumber, numberText } from "./exact.js";

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

// textOnly: numbers and truth are text too, because only text is looked for there. Blank is undefined.
export function readValue(typed, textOnly = false) {
  const text = typed.trim();
  if (!text) return undefined;
  if (/^".*"$/s.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  if (textOnly) return text;
  if (text === "true" || text === "false") return text === "true";
  return NUMBER.test(text) ? exactNumber(text) : text;
}

// What `readValue` makes the value of. An object or a list, which no test takes, is shown as JSON.
export function showValue(value) {
  if (value === undefined || value === null) return "";
  if (isNumber(value)) return numberText(value);
  if (typeof value !== "string") return JSON.stringify(value);
  return readValue(value) === value ? value : JSON.stringify(value);
}

const OPERATORS = [
  ["eq", "is"],
  ["ne", "is not"],
  ["in", "is one of"],
  ["not_in", "is none of"],
  ["gt", "is above"],
  ["gte", "is at least"],
  ["lt", "is below"],
  ["lte", "is at most"],
  ["between", "is between"],
  ["contains", "contains"],
  ["not_contains", "does not contain"],
  ["starts_with", "starts with"],
  ["ends_with", "ends with"],
  ["matches", "matches the pattern"],
  ["not_matches", "does not match the pattern"],
  ["before", "is before"],
  ["after", "is after"],
  ["exists", "is set"],
  ["not_exists", "is not set"],
];

export const COUNTS = [
  ["gte", "at least"],
  ["lte", "at most"],
  ["eq", "exactly"],
  ["gt", "more than"],
  ["lt", "fewer than"],
  ["between", "between"],
  ["ne", "other than"],
];

const INSTANTS = ["before", "after", "exists", "not_exists"];
const TEXT_ONLY = new Set(["starts_with", "ends_with", "matches", "not_matches", "before", "after"]);

export const isTextOnly = (op, types = []) => TEXT_ONLY.has(op) || (types.length > 0 && types.every((type) => type === "text"));

export const needsValue = (op) => op !== "exists" && op !== "not_exists";

// fitting: the operators that the daemon says fit what was seen there; the first ones offered, and the others after.
export function operatorsFor(property, fitting) {
  if (property === "first_seen" || property === "last_seen") return OPERATORS.filter(([op]) => INSTANTS.includes(op));
  if (!fitting?.length) return OPERATORS;
  const words = new Map(OPERATORS);
  return [...fitting.filter((op) => words.has(op)).map((op) => [op, words.get(op)]), ...OPERATORS.filter(([op]) => !fitting.includes(op))];
}

// The value that stays when another operator is chosen: a list for in, two for between, nothing for exists.
export function valueFor(op, value) {
  const values = Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (!needsValue(op)) return undefined;
  if (op === "between") return [values[0], values[1]];
  if (op === "in" || op === "not_in") {
    const given = values.filter((entry) => entry !== undefined);
    return given.length ? given : [undefined];
  }
  if (TEXT_ONLY.has(op) && (isNumber(values[0]) || typeof values[0] === "boolean")) return showValue(values[0]);
  return values[0];
}

// A number as typed; what is none stays text, so that the daemon's sentence about it can stand at its box.
export function readNumber(typed) {
  const value = readValue(typed.replace(/(\d),(?=\d{3}\b)/g, "$1"));
  return typeof value === "boolean" ? String(value) : value;
}

