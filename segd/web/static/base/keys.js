// Shortcuts: `/` search, `n` new segment, `g` then a letter for a place, Ctrl+S or ⌘S save, `?` shows them all.

import { go } from "./router.js";
import { signal, useEffect } from "./html.js";

const OFF = "segd.shortcuts.off";

/** Whether single keys are shortcuts at all. */
export const enabled = signal(localStorage.getItem(OFF) === null);
/** Whether the list of shortcuts is shown. */
export const shown = signal(false);

export function enable(on) {
  if (on) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "yes");
  enabled.value = on;
}

export const SAVE_KEYS = navigator.platform.startsWith("Mac") ? "⌘S" : "Ctrl+S";
const PLACES = { s: "/segments", l: "/live", u: "/users", e: "/settings" };
const GO_MILLISECONDS = 1500;
let goUntil = 0;

function inField(target) {
  return target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], [role=combobox]");
}

document.addEventListener("keydown", (event) => {
  if (!enabled.value || event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return;
  if (inField(event.target) || document.querySelector("dialog[open]")) return;
  if (Date.now() < goUntil && PLACES[event.key]) go(PLACES[event.key]);
  else if (event.key === "/") document.querySelector("[data-search]")?.focus();
  else if (event.key === "n") go("/segments/new");
  else if (event.key === "?") shown.value = true;
  else if (event.key === "g") {
    goUntil = Date.now() + GO_MILLISECONDS;
    return;
  } else return;
  goUntil = 0;
  event.preventDefault();
});

/** Ctrl+S and ⌘S save while the view is shown, also from inside a field. */
export function useSaveKey(save) {
  useEffect(() => {
    const press = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "s") {
        event.preventDefault();
        save();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [save]);
}
