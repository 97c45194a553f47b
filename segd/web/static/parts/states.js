// What stands where data is not: nothing yet, on its way, failed, cut off.

import { html, useEffect, useState } from "../base/html.js";
import { clock, day, dayOf } from "../base/format.js";
import { now } from "../base/status.js";
import { Button, Icon } from "./basics.js";
import { Mark } from "./strip.js";

const PATIENCE_MILLISECONDS = 150; // what comes sooner needs no skeleton

/** title: one line. children: one sentence. action: one button. */
export function Empty({ title, action, children }) {
  return html`<div class="state"><${Mark} /><strong>${title}</strong><p>${children}</p>${action}</div>`;
}

/** rows of their true height, each in pixels. */
export function Loading({ rows = 3, height = 60, label = "Loading" }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), PATIENCE_MILLISECONDS);
    return () => clearTimeout(timer);
  }, []);
  return html`<div role="status" aria-label=${label}>
    ${Array.from({ length: rows }, () => html`<div class="skeleton" style=${{ height: `${height}px` }}>${late && html`<i /><i /><i />`}</div>`)}
  </div>`;
}

/** what: what failed, as "Could not count the members". error: an ApiError. children: what still holds. */
export function Failed({ what, error, retry, children }) {
  return html`<div class="state" role="alert">
    <span class="bad-text"><${Icon} name="warning" size=${18} /></span>
    <strong>${what}</strong>
    <p>${sentence(error.message)} ${children}</p>
    ${retry && html`<${Button} icon="reload" onClick=${retry}>Try again<//>`}
  </div>`;
}

/** Of a message of the daemon, whose name is never written otherwise. */
export function sentence(text) {
  const first = text.startsWith("segd") ? "s" : text.charAt(0).toUpperCase();
  return first + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/** One line at the top of a card whose feed is cut off, and for a moment when it is back. state: of useFeed. */
export function FeedNotice({ state }) {
  const { since, retryAt, back } = state.value;
  if (back) return html`<div class="notice good" role="status"><${Icon} name="check" />Back, nothing was missed</div>`;
  if (since === null) return null;
  const here = Date.now();
  const wait = Math.max(0, Math.ceil((retryAt - here) / 1000));
  const at = now.value - (here - since);
  const begun = dayOf(at) === dayOf(now.value) ? clock(at) : `${day(at)} ${clock(at)}`;
  return html`<div class="notice" role="status">
    <${Icon} name="warning" /><span class="numbers">Offline since ${begun}<span aria-hidden="true">, ${wait ? `retrying in ${wait} s` : "connecting"}</span></span>
  </div>`;
}

/** What is shown is what was found before an error. */
export function Old({ error, alone = false }) {
  return html`<div class=${`notice${alone ? " alone" : ""}`} role="status"><${Icon} name="warning" />${sentence(error.message)} What is shown may be old.</div>`;
}

/** The dot of a feed, and whether it is live. state: of useFeed. */
export function LiveDot({ state }) {
  const { connected } = state.value;
  return html`<span class="right-now"><i class=${`dot ${connected ? "on" : ""}`} />${connected ? "live" : "offline"}</span>`;
}

/**
 * Of what `useData` gave: the skeleton, the failure, or the children made of the data. What was found once stays shown
 * with the failure above it, but for an unreachable daemon, of which the frame tells.
 */
export function Loaded({ of, what, rows, height, children }) {
  if (of.data !== null) {
    return html`${of.error && of.error.status !== 0 && html`<${Old} error=${of.error} />`}
      ${children(of.data)}`;
  }
  if (of.error) return html`<${Failed} what=${what} error=${of.error} retry=${() => of.reload()} />`;
  return html`<${Loading} rows=${rows} height=${height} />`;
}
