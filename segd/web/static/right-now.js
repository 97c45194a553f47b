// Qualifying and all activity, second by second: two panels on one axis of time.

import { html, useMemo, useState } from "./base/html.js";
import { clock, exact, share } from "./base/format.js";
import { now } from "./base/status.js";
import { Card } from "./parts/card.js";
import { FeedNotice, LiveDot } from "./parts/states.js";
import { StreamPanel, inSeconds } from "./parts/stream-panel.js";

const KEPT_SECONDS = 300;

/** seconds: [second, qualifying | null, all | null], oldest first; null in a second that nothing was heard of. */
export const emptyStream = [];

/** With one more `rate` frame, or the `rates` that a feed begins with, which fill what was not heard. */
export function streamed(seconds, frame) {
  return inSeconds(seconds, frame, (rate) => [rate.qualifying, rate.all], KEPT_SECONDS);
}

export function RightNow({ stream, state, span }) {
  const [at, setAt] = useState(null);
  const until = stream.at(-1)?.[0] ?? Math.floor(now.value / 1000);
  const shown = useMemo(() => stream.filter(([second]) => second > until - span), [stream, span]);
  const qualifying = useMemo(() => shown.map(([second, count]) => [second, count]), [shown]);
  const all = useMemo(() => shown.map(([second, , count]) => [second, count]), [shown]);
  const point = at === null ? null : shown[at];
  const heard = shown.filter(([, , count]) => count !== null);
  const sum = (index) => heard.reduce((total, second) => total + second[index], 0);
  const readout = point
    ? html`<span>${clock(point[0] * 1000)}</span><span><b>${exact(point[1])}</b> qualifying</span><span><b>${exact(point[2])}</b> events</span>`
    : html`<${LiveDot} state=${state} />`;
  return html`<${Card}
    title="Right now" readout=${readout} bare notice=${html`<${FeedNotice} state=${state} />`}
    foot=${html`<span class="numbers">In the last ${inWords(heard.length, span)} <b>${exact(sum(1))}</b> qualified, ${
      sum(2) ? html`for <b>${exact(sum(2))}</b> events: <b>${share(sum(1) / sum(2))}</b>` : "and no event came"
    }.</span>`}
  >
    <div class="chart-body">
      <div class="panel">
        <div class="legend"><i class="live" />Qualifying per second</div>
        <${StreamPanel} points=${qualifying} until=${until} span=${span} tone="live" unit="Qualifying" label="Users qualifying per second" height=${76} onPoint=${setAt} />
      </div>
      <div class="panel">
        <div class="legend"><i />All activity, events per second</div>
        <${StreamPanel} points=${all} until=${until} span=${span} tone="mute" unit="Events" label="All activity, events per second" height=${100} times onPoint=${setAt} />
      </div>
    </div>
  <//>`;
}

function inWords(heard, span) {
  const seconds = Math.min(heard, span);
  if (seconds >= 120) return `${Math.floor(seconds / 60)} minutes`;
  return seconds === 1 ? "second" : `${seconds} seconds`;
}
