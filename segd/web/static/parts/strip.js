// The time strip: ● did, ○ did not (or: due), a coloured line is an open window, ⚑ qualifies. All pictures of time.

import { html } from "../base/html.js";
import { NARROW } from "../base/narrow.js";

/** The wordmark's picture, also the mark of empty states. */
export function Mark() {
  return html`<svg width="28" height="14" viewBox="0 0 28 14" aria-hidden="true">
    <line x1="5" x2="19" y1="7" y2="7" stroke="var(--ink)" stroke-width="2" />
    <circle cx="5" cy="7" r="4" fill="var(--ink)" />
    <circle cx="22" cy="7" r="4" fill="none" stroke="var(--live-fill)" stroke-width="2" />
  </svg>`;
}

/**
 * items: in drawing order, `at`, `from`, `to` between 0 and 1 of the width:
 *   {type: "did" | "page" | "page-did", at, label?, note?}   a dot, an open and a filled page
 *   {type: "did-not" | "due", at, tone?, label?, note?}      a circle
 *   {type: "open", from, to, label?, tone?}                  an open window, its words above
 *   {type: "flag", at, high?, tone?}                         qualifies; high: stands on a mark
 *   {type: "bracket", from, to, below?, tone?}               a span of time looked at
 *   {type: "now", at} {type: "date", at} {type: "traits", at} {type: "arrival", at} {type: "gap", from, to}
 * tone: live (default) or past. label: in words, for those who do not see it; without, the words stand beside it.
 */
export function Strip({ items, label, height = 56, line = 32, to = 1, tone = "live" }) {
  const fill = (item) => `var(--${item.tone ?? tone}-fill)`;
  return html`<svg class="strip" width="100%" height=${height} role=${label ? "img" : undefined} aria-label=${label || undefined} aria-hidden=${!label} overflow="visible">
    <line x1="0" x2=${percent(to)} y1=${line} y2=${line} stroke="var(--line-2)" stroke-width="2" />
    ${items.map((item) => {
      switch (item.type) {
        case "open":
          return html`<g>
            <line x1=${percent(item.from)} x2=${percent(item.to)} y1=${line} y2=${line} stroke=${fill(item)} stroke-width="2.5" />
            ${item.label && html`<text x=${percent((item.from + item.to) / 2)} y=${line - 11} text-anchor="middle">${cut(item.label, 2)}</text>`}
          </g>`;
        case "bracket": {
          const y = item.below ? line + 11 : line - 15;
          const tick = item.below ? -6 : 6;
          const stroke = item.below ? "var(--mute)" : fill(item);
          return html`<g stroke=${stroke} stroke-width="2">
            <line x1=${percent(item.from)} x2=${percent(item.to)} y1=${y} y2=${y} />
            <line x1=${percent(item.from)} x2=${percent(item.from)} y1=${y} y2=${y + tick} />
            <line x1=${percent(item.to)} x2=${percent(item.to)} y1=${y} y2=${y + tick} />
          </g>`;
        }
        case "now":
          return html`<line x1=${percent(item.at)} x2=${percent(item.at)} y1=${line - 19} y2=${line + 9} stroke="var(--mute)" stroke-width="2" stroke-dasharray="3 3" />`;
        default:
          return html`<svg x=${percent(item.at)} y=${line} overflow="visible">
            ${shape(item, fill(item))}
            ${item.label && html`<text class=${item.type === "due" || item.type === "did-not" ? (item.tone ?? tone) : "name"} y="27" text-anchor="middle">${cut(item.label)}</text>`}
            ${item.note && html`<text y="42" text-anchor="middle">${item.note}</text>`}
          </svg>`;
      }
    })}
  </svg>`;
}

/** As much of a text as there is room for. */
function cut(text, times = 1) {
  const most = (NARROW.matches ? 14 : 28) * times;
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

const percent = (part) => `${part * 100}%`;

function shape(item, fill) {
  switch (item.type) {
    case "did":
      return html`<circle r="6" fill="var(--ink)" />`;
    case "did-not":
    case "due":
      return html`<circle r="5.5" fill="var(--surface)" stroke=${fill} stroke-width="2.5" />`;
    case "flag": {
      const base = item.high ? -6 : 0;
      return html`<g transform=${`translate(0 ${base})`}>
        <line y1="0" y2="-17" stroke=${fill} stroke-width="2" />
        <path d="M0 -18h16l-4 5 4 5h-16z" fill=${fill} />
      </g>`;
    }
    case "page":
      return html`<rect x="-6.5" y="-9" width="13" height="18" rx="2.5" fill="var(--surface)" stroke="var(--mute)" stroke-width="2" />`;
    case "page-did":
      return html`<rect x="-7" y="-10" width="14" height="20" rx="2.5" fill="var(--ink)" />`;
    case "date":
      return html`<g fill="var(--surface)" stroke="var(--ink)" stroke-width="2">
        <rect x="-11" y="-9" width="22" height="19" rx="3" />
        <path d="M-11 -3h22M-5.5 -12v5M5.5 -12v5" />
      </g>`;
    case "traits":
      return html`<g>
        <rect x="-28" y="-14" width="56" height="28" rx="5" fill="var(--past-soft)" />
        <path d="M-18 -4h20M-18 4h32" stroke="var(--past-fill)" stroke-width="2" />
      </g>`;
    case "arrival":
      return html`<path d="M-46 -27q14 0 20 5t12 5" fill="none" stroke="var(--mute)" stroke-width="2" stroke-dasharray="3 3" />`;
    default:
      return null;
  }
}
