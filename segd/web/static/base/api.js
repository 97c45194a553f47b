// The daemon's HTTP API: JSON both ways, errors as one class, and a hook for what a view shows.

import { go, place } from "./router.js";
import { useCallback, useEffect, useRef, useState } from "./html.js";

/** What the daemon refused. status 0: it could not be reached. details: [{path, message}]. */
export class ApiError extends Error {
  constructor(status, code, message, details = []) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }

  /** Whether asking again may help. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status === 503;
  }
}

/**
 * parse, write: of JSON, where its numbers must stay exact. over: an answer that what is there must still be the same as,
 * or it is refused with 412.
 * @param {string} path below /api, as `/segments`
 * @param {{signal?: AbortSignal, parse?: (text: string) => any, write?: (value: any) => string, over?: any}} [options]
 */
export const get = (path, options) => ask("GET", path, undefined, options);
export const post = (path, body, options) => ask("POST", path, body, options);
export const put = (path, body, options) => ask("PUT", path, body, options);
export const del = (path, options) => ask("DELETE", path, undefined, options);

/** A path with its query. @param {Record<string, string | number | undefined>} values undefined and "" are left out. */
export function withQuery(path, values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== "") query.set(name, String(value));
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

const tags = new WeakMap(); // by answer

async function ask(method, path, body, { signal, parse = JSON.parse, write = JSON.stringify, over } = {}) {
  const since = stayed;
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (tags.has(over)) headers["if-match"] = tags.get(over);
  let response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      signal,
      headers,
      body: body === undefined ? undefined : write(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "segd cannot be reached");
  }
  const text = response.status === 204 ? "" : await response.text();
  let found = null;
  try {
    found = text ? parse(text) : null;
  } catch {
    found = null; // a proxy's page, say
  }
  if (response.ok) {
    if (found && response.headers.has("etag")) tags.set(found, response.headers.get("etag"));
    return found;
  }
  if (response.status === 401) signIn(since);
  throw new ApiError(
    response.status,
    found?.code ?? "internal",
    found?.message ?? `segd answered ${response.status}`,
    found?.details ?? [],
  );
}

let staying = 0;
let stayed = 0;

/** Whoever is refused what was asked before or while `run` is under way is not sent to sign in. */
export async function stay(run) {
  staying += 1;
  try {
    return await run();
  } finally {
    staying -= 1;
    stayed += 1;
  }
}

/** since: what `stayed` was when it was asked. */
function signIn(since) {
  if (staying || stayed !== since || place.value.path === "/login") return;
  go(withQuery("/login", { next: window.location.pathname + window.location.search }), { replace: true, asks: false }); // what was typed is offered again
}

const RETRY_SECONDS = [1, 2, 4, 8, 10];

/**
 * What `path` answers, asked again whenever the path changes; null asks nothing. What was found stays while asking again.
 * An unreachable daemon is asked again by itself.
 * @param {string | null | ((signal: AbortSignal) => Promise<any>)} path or what asks several, the same function each time
 * @param {{every?: number}} [options] every: seconds after which it is asked again by itself, while the page is visible
 * @returns {{data: any, error: ApiError | null, loading: boolean, reload: () => Promise<void>, set: (data: any) => void}}
 */
export function useData(path, { every = 0 } = {}) {
  const [state, setState] = useState({ path: null, data: null, error: null, loading: true });
  const running = useRef(null);

  const load = useCallback(
    async (failed = 0) => {
      if (path === null) return;
      running.current?.abort();
      const abort = new AbortController();
      running.current = abort;
      setState((old) => ({ ...old, loading: true }));
      try {
        const data = await (typeof path === "function" ? path(abort.signal) : get(path, { signal: abort.signal }));
        setState({ path, data, error: null, loading: false });
      } catch (error) {
        if (abort.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setState((old) => ({ ...old, path, error, loading: false }));
        if (!error.passing) return;
        const wait = RETRY_SECONDS[Math.min(failed, RETRY_SECONDS.length - 1)];
        const timer = setTimeout(() => load(failed + 1), wait * 1000);
        abort.signal.addEventListener("abort", () => clearTimeout(timer));
      }
    },
    [path],
  );

  useEffect(() => {
    load();
    return () => running.current?.abort();
  }, [load]);

  useEffect(() => {
    if (!every) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && load(), every * 1000);
    return () => clearInterval(timer);
  }, [every, load]);

  const set = useCallback((data) => setState((old) => ({ ...old, data, error: null })), []);
  return { data: state.data, error: state.error, loading: state.loading, reload: load, set };
}
