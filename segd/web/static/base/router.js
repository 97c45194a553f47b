// Where we are, and how to get elsewhere: paths are plain links, followed without loading the page anew.

import { signal, useEffect } from "./html.js";

/** @typedef {{path: string, query: URLSearchParams}} Place */

/** The place shown. @type {import("../vendor/signals.js").Signal<Place>} */
export const place = signal(here());

/** Asked before we leave: each returns a promise of whether to go. @type {Set<() => Promise<boolean>>} */
const guards = new Set();
let index = history.state?.index ?? 0; // counts our entries, to undo a step back that was refused
let undoing = false;

/** Go to a path of the dashboard. replace: without an entry in the history. asks: whoever would lose something. */
export async function go(href, { replace = false, asks = true } = {}) {
  if (asks && !(await mayLeave())) return;
  if (!replace) index += 1;
  history[replace ? "replaceState" : "pushState"]({ index }, "", href);
  show();
  if (!replace) window.scrollTo(0, 0);
}

/** Change the query alone, as filters do: no entry, no question. @param {Record<string, string>} changes "" removes. */
export function setQuery(changes) {
  const url = new URL(window.location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(history.state, "", url);
  place.value = here();
}

/** While `unsaved()` is true, leaving asks `ask()`, and a reload asks the browser's question. */
export function useGuard(unsaved, ask) {
  useEffect(() => {
    const guard = () => (unsaved() ? ask() : Promise.resolve(true));
    guards.add(guard);
    return () => guards.delete(guard);
  }, [unsaved, ask]);
  useReloadGuard(unsaved);
}

/** While `unsaved()` is true, a reload asks the browser's question. */
export function useReloadGuard(unsaved) {
  useEffect(() => {
    const reload = (event) => unsaved() && event.preventDefault();
    window.addEventListener("beforeunload", reload);
    return () => window.removeEventListener("beforeunload", reload);
  }, [unsaved]);
}

/** The view's title in the browser's tab. */
export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} · segd` : "segd";
  }, [title]);
}

/** The first route that fits a path, with what its `:names` stand for. "*" at the end takes the rest. */
export function match(routes, path) {
  for (const route of routes) {
    const params = fit(route.path, path);
    if (params) return { route, params };
  }
  return null;
}

function fit(pattern, path) {
  const wanted = pattern.split("/");
  const found = path.replace(/(.)\/$/, "$1").split("/");
  if (wanted.length !== found.length) return null;
  const params = {};
  for (const [i, part] of wanted.entries()) {
    if (part.startsWith(":")) params[part.slice(1)] = decodeURIComponent(found[i]);
    else if (part !== found[i]) return null;
  }
  return params;
}

function here() {
  return { path: window.location.pathname, query: new URLSearchParams(window.location.search) };
}

function show() {
  place.value = here();
}

async function mayLeave() {
  for (const guard of guards) if (!(await guard())) return false;
  return true;
}

window.addEventListener("popstate", async (event) => {
  if (undoing) {
    undoing = false;
    return;
  }
  const to = event.state?.index ?? 0;
  if (guards.size) {
    // The address has changed already: step back to ours while asking, and go there again if allowed.
    const step = to - index;
    undoing = true;
    history.go(-step);
    if (!(await mayLeave())) return;
    guards.clear();
    index = to;
    history.go(step);
    return;
  }
  index = to;
  show();
});

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.("a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== window.location.origin) return;
  if (link.hash && link.pathname === window.location.pathname) return;
  if (link.hasAttribute("data-outside")) return;
  event.preventDefault();
  go(link.pathname + link.search + link.hash);
});
