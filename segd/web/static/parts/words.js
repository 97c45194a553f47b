// A definition in words, as the daemon says it, with the names of events, properties and segments and the lengths strong.

import { html, useMemo } from "../base/html.js";
import { lengthInWords } from "../base/lengths.js";

/** words: the sentence. definition: whose it is. short: as in a list, without "Users who" and the full stop. */
export function Words({ words, definition, short = false }) {
  const parts = useMemo(() => split(short ? shorten(words) : words, names(definition)), [words, definition, short]);
  return html`<span class="words">${parts.map(([text, strong]) => (strong ? html`<b>${text}</b>` : text))}</span>`;
}

/** The sentence as it stands in a list. */
function shorten(words) {
  return words.replace(/^Users (who |whose )?/, (_, who) => (who === "whose " ? "" : "")).replace(/\.$/, "");
}

const NAMED = new Set(["event", "property", "profile", "segment"]);
const LENGTHS = new Set(["within", "last", "again", "per", "offset", "idle"]);

/** All that deserves weight in the sentence of a definition. @returns {Set<string>} */
function names(definition) {
  const found = new Set();
  const visit = (value, key) => {
    if (Array.isArray(value)) for (const one of value) visit(one, key);
    else if (value && typeof value === "object") for (const [name, one] of Object.entries(value)) visit(one, name);
    else if (typeof value === "string" && NAMED.has(key)) found.add(value.replaceAll("[]", ""));
    else if (typeof value === "string" && (key === "same" || key === "key")) found.add(value);
    else if (typeof value === "string" && LENGTHS.has(key)) found.add(lengthInWords(value));
  };
  visit(definition, "");
  found.delete("");
  return found;
}

/** Names of the properties that a part of a definition asks about and leaves open. @returns {string[]} */
export function propertiesOf(value) {
  if (Array.isArray(value)) return value.flatMap(propertiesOf);
  if (!value || typeof value !== "object") return [];
  const own = typeof value.property === "string" && value.op !== "eq" ? [value.property] : [];
  return [...own, ...Object.values(value).flatMap(propertiesOf)];
}

function split(words, strong) {
  if (!strong.size) return [[words, false]];
  const longest = [...strong].sort((a, b) => b.length - a.length).map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_])(${longest.join("|")})(?![\\p{L}\\p{N}_])`, "u");
  return words.split(pattern).map((text, i) => [text, i % 2 === 1]).filter(([text]) => text);
}
