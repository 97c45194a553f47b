// What somebody did, in a few words: of an event the properties that tell people most.

import { decimal } from "../base/format.js";

const MOST = 3;
const LONGEST = 60;

// Before all others, in this order. What stands in the first list tells what it is without its name.
const SPEAKING = ["name", "title", "product", "product_name", "productName", "item", "brand", "category", "plan", "label"];
const AMOUNTS = ["price", "amount", "total", "revenue", "value", "quantity"];
const KEYS = /(^|_)(id|key|hash)$|[a-z]Id$/;
const MACHINE_MADE = /^[0-9a-f-]{16,}$/i;

/**
 * The words, most telling first. named: names of properties that are asked about, and so come before all others.
 * @param {{name: string, properties: Object<string, any>}} event
 */
export function telling({ name, properties }, { named = [], most = MOST } = {}) {
  if (name === "$page" || name === "$screen") return page(properties);
  const places = [...named, ...SPEAKING, ...AMOUNTS];
  const place = (key) => (places.includes(key) ? places.indexOf(key) : places.length + (KEYS.test(key) ? 1 : 0));
  const { currency, ...others } = properties; // which is said with what it is of
  return Object.entries(others)
    .filter(([, value]) => value !== null && value !== "" && typeof value !== "object" && !MACHINE_MADE.test(value))
    .map((entry) => [place(entry[0]), entry])
    .sort(([one], [other]) => one - other)
    .slice(0, most)
    .map(([, [key, value]]) => inWords(key, value, currency));
}

const SILENT = /^(email|name|first_?name|last_?name|phone|whatsapp|timezone|birthday|subscriptions|.*(push|token).*)$/i;
const TRAITS = ["plan", "tier", "city", "country"];

/** Traits that tell people something, most telling first, as [name, value]. @param {{traits?: Object<string, any>}} user */
export function tellingTraits({ traits = {} }) {
  const place = (name) => (TRAITS.includes(name) ? TRAITS.indexOf(name) : TRAITS.length);
  return Object.entries(traits)
    .filter(([name, value]) => !SILENT.test(name) && (typeof value === "string" || typeof value === "number") && value !== "" && !MACHINE_MADE.test(value))
    .map(([name, value]) => [name, String(value).slice(0, LONGEST)])
    .sort(([one], [other]) => place(one) - place(other));
}

function page({ path, url, title, name, referrer_host: from, host }) {
  return [path ?? name ?? url ?? title, from && from !== host && `from ${from}`].filter(Boolean).map(String);
}

function inWords(key, value, currency) {
  if (typeof value === "number" && AMOUNTS.includes(key) && key !== "quantity") {
    return money(value, currency) ?? `${key} ${decimal(value)}`;
  }
  const text = String(value).slice(0, LONGEST);
  return SPEAKING.includes(key) && typeof value === "string" ? text : `${key} ${text}`;
}

function money(value, currency) {
  if (typeof currency !== "string" || !/^[A-Z]{3}$/i.test(currency)) return null;
  return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(value);
}
