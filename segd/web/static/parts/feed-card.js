// A list that grows at its top as things happen, and stands still while somebody points at it or pauses it.

import { html, useRef } from "../base/html.js";
import { number } from "../base/format.js";
import { Button } from "./basics.js";
import { Card } from "./card.js";

const ROW_PIXELS = 52;

/** shown, newest first; waiting: what came while held, of which `missed` in all. leftOut: how many the feed left out. */
export const emptyFeed = { shown: [], waiting: [], missed: 0, leftOut: 0, pointed: false, paused: false };

export const isHeld = (feed) => feed.pointed || feed.paused;

/** What waited is shown. merge(shown, came): both in one, newest first. */
const released = (feed, merge) => ({ ...feed, shown: merge(feed.shown, feed.waiting), waiting: [], missed: 0 });

/**
 * merge: as above. change: of the feed, as a setState. rows: how many there is always room for. told: where none was left
 * out. more: beside that. children: the rows.
 */
export function FeedCard({ feed, change, merge, title, readout, notice, rows, told, more, children }) {
  const list = useRef(null);
  const { paused } = feed;
  const point = (pointed) =>
    change((old) => {
      const next = { ...old, pointed };
      return isHeld(next) ? next : released(next, merge);
    });
  const leave = (event) => list.current.contains(event.relatedTarget) || point(false);
  const toggle = () => change((old) => (old.paused ? released({ ...old, paused: false }, merge) : { ...old, paused: true }));
  return html`<${Card}
    class="feed-card" title=${title} note="newest first" bare readout=${readout} notice=${notice}
    onPointerEnter=${() => point(true)} onPointerLeave=${() => point(false)}
    actions=${html`<${Button} small icon=${paused ? "play" : "pause"} aria-pressed=${paused} onClick=${toggle}>${paused ? "Resume" : "Pause"}<//>`}
    foot=${html`<div class="spread"><span class="numbers">${feed.leftOut ? `${number(feed.leftOut)} more came too fast to show.` : told}</span>${more}</div>`}
  >
    ${feed.missed > 0 && html`<button type="button" class="pill" onClick=${() => change((old) => released(old, merge))}>${feed.missed} new, show</button>`}
    <ul class="feed-list" ref=${list} style=${{ minHeight: `${rows * ROW_PIXELS}px` }} onFocusIn=${() => point(true)} onFocusOut=${leave}>
      ${children}
    </ul>
  <//>`;
}
