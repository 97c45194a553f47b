// The last days in a row of a table: flows as bars from zero, levels as a line.

import { html } from "../base/html.js";

const WIDTH = 94;
const HEIGHT = 24;
const BOX = `0 0 ${WIDTH} ${HEIGHT}`; // narrow screens draw it smaller

/** values: oldest first, null where unknown. kind: live draws bars, past a line. muted: grey, as for a paused one. */
export function Sparkline({ values, kind, muted = false }) {
  const d = kind === "live" ? bars(values) : line(values);
  const color = muted ? "var(--mute)" : `var(--${kind}-fill)`;
  if (kind === "live") {
    return html`<svg class="spark" width=${WIDTH} height=${HEIGHT} viewBox=${BOX} preserveAspectRatio="none" aria-hidden="true">
      <path d=${`M0 ${HEIGHT - 0.5}H${WIDTH}`} stroke="var(--line-2)" /><path d=${d.path} fill=${color} />
    </svg>`;
  }
  return html`<svg class="spark" width=${WIDTH} height=${HEIGHT} viewBox=${BOX} aria-hidden="true">
    <path d=${d.path} fill="none" stroke=${color} stroke-width="1.5" stroke-linejoin="round" />
    ${d.last && html`<circle cx=${d.last[0]} cy=${d.last[1]} r="2.25" fill=${color} />`}
  </svg>`;
}

function bars(values) {
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const step = WIDTH / values.length;
  const path = values
    .map((value, i) => {
      if (!value) return "";
      const tall = Math.max(1, (value / most) * (HEIGHT - 2));
      return `M${round(i * step + 0.75)} ${HEIGHT - 1}v${-round(tall)}h${round(step - 1.5)}v${round(tall)}z`;
    })
    .join("");
  return { path };
}

function line(values) {
  const known = values.filter((value) => value !== null);
  const low = Math.min(...known);
  const span = Math.max(...known) - low;
  const step = (WIDTH - 6) / Math.max(1, values.length - 1);
  let path = "";
  let last = null;
  for (const [i, value] of values.entries()) {
    if (value === null) {
      last = null;
      continue;
    }
    const y = span ? HEIGHT - 3 - ((value - low) / span) * (HEIGHT - 6) : HEIGHT / 2;
    path += `${last ? "L" : "M"}${round(i * step + 2)} ${round(y)}`;
    last = [round(i * step + 2), round(y)];
  }
  return { path, last };
}

const round = (value) => Math.round(value * 100) / 100;
