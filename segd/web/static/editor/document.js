// The editor's state is the definition itself: boxes read and write places of one JSON document, which is never changed
// but replaced. What no box shows is thereby kept. A place is a list of steps: names of fields and indexes of lists.

import { ExactNumber } from "./exact.js";

export function at(document, steps) {
  return steps.reduce((value, step) => value?.[step], document);
}

// The document with `value` there; undefined removes a field, and leaves a gap in a list.
export function put(document, steps, value) {
  if (!steps.length) return value;
  const [step, ...rest] = steps;
  const within = put(document?.[step], rest, value);
  if (typeof step === "number") {
    const list = [...(document ?? [])];
    list[step] = within;
    return list;
  }
  const { [step]: _, ...others } = document ?? {};
  if (within === undefined) return others;
  return document && step in document ? { ...document, [step]: within } : { ...others, [step]: within };
}

export function insert(document, steps, index, value) {
  const list = [...(at(document, steps) ?? [])];
  list.splice(index, 0, value);
  return put(document, steps, list);
}

// Without that field or entry; a list that is empty then is dropped with it.
export function drop(document, steps) {
  const above = steps.slice(0, -1);
  const step = steps.at(-1);
  if (typeof step !== "number") return put(document, steps, undefined);
  const list = at(document, above).filter((_, index) => index !== step);
  return put(document, above, list.length ? list : undefined);
}

// An entry of a list, moved by one up (-1) or down (1), where there is room.
export function move(document, steps, by) {
  const above = steps.slice(0, -1);
  const from = steps.at(-1);
  const list = [...at(document, above)];
  const to = from + by;
  if (to < 0 || to >= list.length) return document;
  [list[from], list[to]] = [list[to], list[from]];
  return put(document, above, list);
}

// `where.of[1].when`, as the daemon names places.
export function pathOf(steps) {
  return steps.reduce((path, step) => {
    if (typeof step === "number") return `${path}[${step}]`;
    if (!/^[A-Za-z_$][\w$-]{0,39}$/.test(step)) return `${path}[${JSON.stringify(step.slice(0, 40))}]`;
    return path ? `${path}.${step}` : step;
  }, "");
}

export function same(one, other) {
  if (one instanceof ExactNumber || other instanceof ExactNumber) return one?.text === other?.text;
  if (one === null || other === null || typeof one !== "object" || typeof other !== "object") return one === other;
  const names = Object.keys(one).filter((name) => one[name] !== undefined);
  const others = Object.keys(other).filter((name) => other[name] !== undefined);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    names.length === others.length &&
    names.every((name) => same(one[name], other[name]))
  );
}

// Where one selector or a list of them may stand: the places of each.
export function selectorPlaces(document, steps) {
  const given = at(document, steps);
  return Array.isArray(given) ? given.map((_, index) => [...steps, index]) : [steps];
}

export function addSelector(document, steps, selector) {
  const given = at(document, steps);
  return put(document, steps, [...(Array.isArray(given) ? given : [given]), selector]);
}

export function dropSelector(document, steps) {
  const above = steps.slice(0, -1);
  const left = at(document, above).filter((_, index) => index !== steps.at(-1));
  return put(document, above, left.length === 1 ? left[0] : left);
}
