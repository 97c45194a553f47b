// The daemon asked while one types: what is wrong, and what the answer would be. Questions that are outdated are cancelled.

import { ApiError, post } from "../base/api.js";
import { batch, effect, signal } from "../base/html.js";
import { sentence } from "../parts/states.js";
import { stringify } from "./exact.js";

const CHECK_MILLISECONDS = 150; // of rest after the last key
const BACKTEST_MILLISECONDS = 150; // after that it was found right: a process is started for it. A count comes at once
const MEND = "Mend what is marked.";
const UNREADABLE = "Mend the JSON.";
const BACKTEST_DAYS = 7;

const write = { write: stringify };

/** Runs `ask(signal)` when nothing newer came for a while; the one before is cancelled at once. */
class Latest {
  #abort = null;
  #timer = null;

  run(milliseconds, ask) {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    this.#timer = setTimeout(() => ask(abort.signal), milliseconds);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }
}

/** All that saving the definition would be refused for: [{path, message}]. Throws ApiError. */
async function problemsOf(state, definition, aborted) {
  const { problems } = await post("/segments/check", { definition, segment: state.segment }, { signal: aborted, ...write });
  return problems.map(({ path, message }) => ({ path: path.replace(/^definition\.?/, ""), message: sentence(message) }));
}

/** What is wrong with the document as it is now is put into `state.found`. Throws ApiError. */
export async function check(state, aborted) {
  const document = state.document.peek();
  const found = await problemsOf(state, { ...document, name: document.name || "Unnamed" }, aborted);
  batch(() => {
    state.found.value = found;
    state.checked.value = document;
  });
}

/** Why the document cannot have that name, in a sentence; null where it can. Throws ApiError. */
export async function checkName(state, name) {
  const found = await problemsOf(state, { ...state.finished.peek().document, name });
  return found.find(({ path }) => path === "name")?.message ?? null;
}

/** Keeps `state.found` true to the document. Returns how to stop. */
export function startChecking(state) {
  const latest = new Latest();
  const look = (aborted) =>
    check(state, aborted).catch((error) => {
      if (!aborted.aborted && !(error instanceof ApiError)) throw error;
    });
  const end = state.document.subscribe(() => latest.run(CHECK_MILLISECONDS, look));
  return () => {
    end();
    latest.stop();
  };
}

/** The answer to what is finished. {of: "past" | "live", data, document, asking, error, missing} as a signal, and a stop. */
export function startAnswering(state) {
  const latest = new Latest();
  const answer = signal({ data: null, document: null, asking: false, error: null, missing: null });
  let asked = null;
  const tell = (changes) => (answer.value = { ...answer.peek(), ...changes });

  const ask = async (document, aborted) => {
    try {
      if (document.kind === "past") {
        const first = await post("/segments/preview?estimate=true", { definition: document }, { signal: aborted, ...write });
        tell({ data: first, document, error: null, asking: first.estimate });
        if (!first.estimate) return;
        tell({ data: await post("/segments/preview", { definition: document }, { signal: aborted, ...write }), asking: false });
      } else {
        const body = { definition: document, days: BACKTEST_DAYS };
        tell({ data: await post("/segments/backtest", body, { signal: aborted, ...write }), document, error: null, asking: false });
      }
    } catch (error) {
      if (aborted.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      asked = null; // so that the same can be asked again
      tell({ asking: false, error });
    }
  };
  const start = (document, milliseconds) => {
    asked = stringify(document);
    tell({ asking: true, missing: null });
    latest.run(milliseconds, (aborted) => ask(document, aborted));
  };
  const end = effect(() => {
    const { document, missing } = state.finished.value;
    const wrong = state.unreadable.value !== null ? UNREADABLE : state.mistakes.value.length ? MEND : null;
    if (!document || wrong) {
      latest.stop();
      asked = null;
      tell({ asking: false, missing: wrong ?? missing });
      return;
    }
    if (state.checked.value !== state.document.value) return;
    const unnamed = { ...document, name: "Unnamed" };
    if (stringify(unnamed) !== asked) start(unnamed, document.kind === "past" ? 0 : BACKTEST_MILLISECONDS);
  });
  return {
    answer,
    again: () => state.finished.peek().document && start({ ...state.finished.peek().document, name: "Unnamed" }, 0),
    stop() {
      end();
      latest.stop();
    },
  };
}
