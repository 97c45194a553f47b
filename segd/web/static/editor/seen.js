// What was really seen: names of events, properties of each, traits, and segments, asked for once and kept while an editor
// is open. What is not known yet is an empty list; views that read it are drawn again when it comes.

import { get, withQuery } from "../base/api.js";
import { signal } from "../base/html.js";
import { number } from "../base/format.js";

const EMPTY = [];
const PAGES = ["$page", "$screen"];

export class Seen {
  #asked = new Map();

  events() {
    return this.#ask("/events", ({ names }) => names.filter(({ name }) => !name.startsWith("$") || PAGES.includes(name)));
  }

  properties(event) {
    const isKnown = this.events().some(({ name }) => name === event);
    return isKnown ? this.#ask(withQuery("/events", { name: event }), ({ properties }) => properties) : EMPTY;
  }

  traits() {
    return this.#ask("/traits", ({ properties }) => properties);
  }

  segments() {
    return this.#ask("/segments?perPage=500", ({ segments }) => segments);
  }

  // Whether what was asked for came, or will not come.
  get settled() {
    return ["/events", "/traits"].every((path) => this.#asked.get(path)?.value.settled);
  }

  #ask(path, pick) {
    let found = this.#asked.get(path);
    if (!found) {
      found = signal({ list: EMPTY, settled: false });
      this.#asked.set(path, found);
      get(path).then(
        (answer) => (found.value = { list: pick(answer), settled: true }),
        () => (found.value = { list: EMPTY, settled: true }), // suggestions are a help; without them one types
      );
    }
    return found.value.list;
  }
}

const event = (name) => (PAGES.includes(name) ? { $page: "page view", $screen: "screen view" }[name] : undefined);

export const eventRows = (seen) =>
  seen.events().map(({ name, count }) => ({ text: name, note: number(count), words: event(name) && `${name}, a ${event(name)}` }));

export const propertyRows = (properties) => properties.map(({ path, count }) => ({ text: path, note: number(count) }));

export function traitRows(seen) {
  const known = seen.traits().map(({ path, count }) => ({ text: path, note: `${number(count)} writes` }));
  return [...known, { text: "first_seen", note: "when first seen" }, { text: "last_seen", note: "when last seen" }];
}

export const propertyAt = (properties, path) => properties.find((property) => property.path === path);
