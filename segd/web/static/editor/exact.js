// JSON whose numbers come out as they went in: one that a double cannot hold is kept as its text.

export class ExactNumber {
  constructor(text) {
    this.text = text;
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORD = /true|false|null/y;
const SPACE = /[ \t\n\r]*/y;
const WORDS = { true: true, false: false, null: null };

// A number, or an ExactNumber where a double would say something else. text: as JSON spells numbers.
export function exactNumber(text) {
  const number = Number(text);
  return Number.isFinite(number) && digits(text) === digits(String(number)) ? number : new ExactNumber(text);
}

export const isNumber = (value) => typeof value === "number" || value instanceof ExactNumber;

export const numberText = (number) => (number instanceof ExactNumber ? number.text : String(number));

// What two spellings of the same number have in common.
function digits(text) {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  const all = whole + fraction;
  const significant = all.replace(/^0+/, "").replace(/0+$/, "");
  if (!significant) return "0";
  const trailing = all.length - all.replace(/0+$/, "").length;
  return `${sign}${significant}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(trailing)}`;
}

// Throws SyntaxError, which says where in words.
export function parse(text) {
  let at = 0;
  const take = (pattern) => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) return undefined;
    at = pattern.lastIndex;
    return match[0];
  };
  const fail = (expected) => {
    const lines = text.slice(0, at).split("\n");
    const there = at >= text.length ? "the end" : `line ${lines.length}, column ${lines.at(-1).length + 1}`;
    throw new SyntaxError(`Expected ${expected} at ${there}.`);
  };
  const next = (character) => {
    take(SPACE);
    if (text[at] !== character) return false;
    at += 1;
    return true;
  };
  const value = (depth) => {
    if (depth > 60) fail("at most 60 levels of nesting");
    take(SPACE);
    if (next("{")) return object(depth);
    if (next("[")) return list(depth);
    const string = take(STRING);
    if (string !== undefined) return JSON.parse(string);
    const number = take(NUMBER);
    if (number !== undefined) return exactNumber(number);
    const word = take(WORD);
    return word === undefined ? fail("a value") : WORDS[word];
  };
  const object = (depth) => {
    const found = new Map();
    if (next("}")) return {};
    do {
      take(SPACE);
      const string = take(STRING) ?? fail("the name of a field in quotes");
      const name = JSON.parse(string);
      if (found.has(name)) fail(`each field once, and not ${string} again`);
      if (!next(":")) fail("a colon");
      found.set(name, value(depth + 1));
    } while (next(","));
    if (!next("}")) fail("a comma or }");
    return Object.fromEntries(found);
  };
  const list = (depth) => {
    const found = [];
    if (next("]")) return found;
    do found.push(value(depth + 1));
    while (next(","));
    if (!next("]")) fail("a comma or ]");
    return found;
  };
  const found = value(0);
  take(SPACE);
  return at < text.length ? fail("nothing more") : found;
}

// indent: "" for one line. Small objects and lists stay on a line where they fit in `width`.
export function stringify(value, indent = "", width = 72, margin = "") {
  if (value instanceof ExactNumber) return value.text;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const isList = Array.isArray(value);
  const entries = isList ? value.map((entry) => ["", entry]) : Object.entries(value).filter(([, entry]) => entry !== undefined);
  const [open, close] = isList ? "[]" : "{}";
  const key = (name) => (isList ? "" : `${JSON.stringify(name)}:${indent ? " " : ""}`);
  const short = entries.map(([name, entry]) => key(name) + stringify(entry, indent && " ", Infinity)).join(indent ? ", " : ",");
  if (!indent || margin.length + short.length + 2 <= width) return open + short + close;
  const inner = margin + indent;
  const lines = entries.map(([name, entry]) => inner + key(name) + stringify(entry, indent, width, inner));
  return `${open}\n${lines.join(",\n")}\n${margin}${close}`;
}
