// The nine ways to start a segment, and which of them a definition is.

const all = (...of) => ({ type: "all", of });

export const KINDS = [
  {
    id: "past-action",
    kind: "past",
    title: "Action",
    blurb: "Who did something, how often, and when.",
    example: "Purchased 3 times in the last 90 days",
    start: (names) => ({
      kind: "past",
      where: all({ type: "did", event: names.goal, count: { op: "gte", value: 1 }, when: { last: "90d" } }),
    }),
  },
  {
    id: "past-inaction",
    kind: "past",
    title: "Action and inaction",
    blurb: "Who did one thing and not another.",
    example: "Added to cart but did not purchase in 30 days",
    start: (names) => ({
      kind: "past",
      where: all(
        { type: "did", event: names.step, when: { last: "30d" } },
        { type: "did_not", event: names.goal, when: { last: "30d" } },
      ),
    }),
  },
  {
    id: "properties",
    kind: "past",
    title: "With user properties",
    blurb: "Actions together with what you know of the user.",
    example: "Platinum users in Berlin who did not purchase",
    start: (names) => ({
      kind: "past",
      where: all(
        { type: "profile", property: names.trait, op: "eq" },
        { type: "did_not", event: names.goal, when: { last: "30d" } },
      ),
    }),
  },
  {
    id: "action",
    kind: "live",
    title: "Single action",
    blurb: "Qualifies at each matching event.",
    example: "Users who add a product to the cart",
    start: (names) => ({ kind: "live", on: { type: "action", did: { event: names.step } } }),
  },
  {
    id: "inaction",
    kind: "live",
    title: "Inaction within time",
    blurb: "Qualifies when the time is up and nothing came.",
    example: "Added to cart, did not purchase within 10 minutes",
    start: (names) => ({
      kind: "live",
      on: { type: "inaction", did: { event: names.step }, did_not: { event: names.goal }, within: "10m" },
    }),
  },
  {
    id: "date",
    kind: "live",
    title: "On a date or time",
    blurb: "Qualifies a set time before or after a date.",
    example: "Appointment is five days from today",
    start: () => ({ kind: "live", on: { type: "date", event: "", property: "", offset: "-5d" } }),
  },
  {
    id: "page_visit",
    kind: "live",
    title: "Page visit",
    blurb: "Qualifies at each page that matches.",
    example: "Opened the sale page",
    start: () => ({
      kind: "live",
      on: { type: "page_visit", where: [{ property: "path", op: "starts_with" }] },
    }),
  },
  {
    id: "referrer",
    kind: "live",
    title: "Referrer entry",
    blurb: "Qualifies when a page is reached from another site.",
    example: "Came from instagram.com",
    start: () => ({
      kind: "live",
      on: { type: "referrer", where: [{ property: "referrer_host", op: "ends_with" }] },
    }),
  },
  {
    id: "page_count",
    kind: "live",
    title: "Page count",
    blurb: "Qualifies at the page that makes the number full.",
    example: "Five pages in one session",
    start: () => ({ kind: "live", on: { type: "page_count", at_least: 5 } }),
  },
];

export const kindById = (id) => KINDS.find((kind) => kind.id === id);

export function kindOf(document) {
  if (document?.kind === "live") return kindById(document.on?.type);
  const types = new Set(conditionTypes(document?.where));
  const has = (...names) => names.some((name) => types.has(name));
  if (has("profile", "in_segment", "reachable")) return kindById("properties");
  return kindById(has("did_not", "not") ? "past-inaction" : "past-action");
}

function conditionTypes(condition) {
  if (!condition) return [];
  const inner = condition.of === undefined ? [] : [condition.of].flat().flatMap(conditionTypes);
  return [condition.type, ...inner];
}

const GOALS = /^(order[ _]?completed|checkout[ _]?completed|purchased?|charged|bought|paid|subscribed|signed[ _]?up)$/i;
const STEPS = /(add(ed)?[ _]to[ _](cart|basket)|added|cart|checkout)/i;

// What a new definition begins with, of names really seen: the likely goal, the step before it, a trait worth asking.
export function likelyNames(events, traits) {
  const names = events.map(({ name }) => name).filter((name) => !name.startsWith("$"));
  const goal = names.find((name) => GOALS.test(name)) ?? names.find((name) => /purchas|order|charg/i.test(name)) ?? "";
  const others = names.filter((name) => name !== goal);
  const step = others.find((name) => STEPS.test(name)) ?? others[0] ?? "";
  const known = traits.map(({ path }) => path);
  const trait = ["tier", "plan", "city", "country"].find((path) => known.includes(path)) ?? known[0] ?? "";
  return { goal, step, trait };
}
