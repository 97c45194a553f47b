// Light, dark, or as the system has it. A cookie, so that the server writes `data-theme` and the first paint is right.

import { effect, signal } from "./html.js";

const root = document.documentElement;
const dark = window.matchMedia("(prefers-color-scheme: dark)");

/** "light", "dark" or "" for the system's. */
export const theme = signal(root.dataset.theme ?? "");
/** Counts changes of what colours look like: what draws on a canvas reads it and draws anew. */
export const painted = signal(0);

const A_YEAR = 31_536_000;

export function choose(value) {
  document.cookie = `theme=${value}; path=/; max-age=${value ? A_YEAR : 0}; samesite=lax`;
  theme.value = value;
}

effect(() => {
  if (theme.value) root.dataset.theme = theme.value;
  else delete root.dataset.theme;
  painted.value = painted.peek() + 1;
});
dark.addEventListener("change", () => (painted.value = painted.peek() + 1));

let probe = null;

/** What a colour token is now, for a canvas. @param {string} token as `--live-fill` */
export function color(token) {
  if (!probe) {
    probe = document.createElement("i");
    probe.className = "sprite";
    document.body.append(probe);
  }
  probe.style.color = `var(${token})`;
  return getComputedStyle(probe).color;
}
