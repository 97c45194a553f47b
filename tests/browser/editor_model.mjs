// Asked by test_editor_model.py: a line of JSON in, [function, …arguments as JSON text], a line of JSON out.

import { createInterface } from "node:readline";

import { joinLength, splitLength } from "./base/lengths.js";
import { at, drop, insert, move, pathOf, put, same } from "./editor/document.js";
import { parse, stringify } from "./editor/exact.js";
import { kindOf, KINDS } from "./editor/kinds.js";
import { finished } from "./editor/unfinished.js";
import { operatorsFor, readNumber, readValue, showValue, valueFor } from "./editor/values.js";

const asked = {
  // What of a definition comes back after all its boxes were shown and read again.
  reopened(text) {
    const document = parse(text);
    const { document: whole, leftOut, missing, blanks } = finished(retyped(document));
    return { document: stringify(whole), pretty: stringify(whole, "  "), leftOut, missing, blanks: [...blanks.keys()], kind: kindOf(document)?.id };
  },
  finished(text) {
    const { document, leftOut, missing, blanks } = finished(parse(text));
    return { document: document && stringify(document), leftOut, missing, blanks: Object.fromEntries(blanks) };
  },
  starts: () => KINDS.map((kind) => stringify(kind.start({ goal: "Charged", step: "Added", trait: "tier" }))),
  echo: (text) => stringify(parse(text)),
  pretty: (text) => stringify(parse(text), "  "),
  value: (typed, textOnly) => showValue(readValue(typed, textOnly)),
  read: (typed, textOnly) => stringify(readValue(typed, textOnly)),
  number: (typed) => stringify(readNumber(typed)),
  operators: (property, fitting) => operatorsFor(property, fitting).map(([op]) => op),
  valueFor: (op, text) => stringify({ value: valueFor(op, parse(text)) }),
  length: (text) => splitLength(text),
  put: (text, steps, value) => put(parse(text), steps, value),
  drop: (text, steps) => drop(parse(text), steps),
  move: (text, steps, by) => move(parse(text), steps, by),
  insert: (text, steps, index, value) => insert(parse(text), steps, index, value),
  at: (text, steps) => at(parse(text), steps),
  path: (steps) => pathOf(steps),
  same: (one, other) => same(parse(one), parse(other)),
};

function retyped(value, name = "") {
  if (name === "value" && !Array.isArray(value)) return readValue(showValue(value));
  if (["within", "offset", "last", "idle", "again", "per"].includes(name)) {
    const split = splitLength(value);
    return split ? (value.startsWith("-") ? "-" : "") + joinLength(split.number, split.unit) : value;
  }
  if (Array.isArray(value)) return value.map((entry) => retyped(entry, name));
  if (value === null || typeof value !== "object" || "text" in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, retyped(entry, key)]));
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...given] = JSON.parse(line);
  let answer;
  try {
    answer = { answer: asked[name](...given) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
