// Cards and the rows of figures in them.

import { html } from "../base/html.js";

/** title, note (grey beside it), readout (right, hover values stand there), actions (right of it), notice (below), foot. */
export function Card({ title, note, readout, actions, notice, foot, class: more = "", bare, children, label, ...rest }) {
  return html`<section class=${`card ${more}`} aria-label=${label ?? (typeof title === "string" ? title : undefined)} ...${rest}>
    ${title !== undefined &&
    html`<header class="card-head">
      <h2>${title}</h2>
      ${note && html`<span class="small third">${note}</span>`}
      <span class="readout">${readout}</span>
      ${actions}
    </header>`}
    ${notice}
    ${bare ? children : html`<div class="card-body">${children}</div>`}
    ${foot && html`<footer class="card-foot">${foot}</footer>`}
  </section>`;
}

/** figures: [{label, value, note, title}] */
export function Figures({ figures }) {
  return html`<section class=${`card figures${figures.length === 3 ? " three" : ""}`} aria-label="Figures">
    ${figures.map(
      (figure) => html`<div class="figure">
        <div class="label ellipsis" title=${figure.label}>${figure.label}</div>
        <strong class="value" title=${figure.title}>${figure.value}</strong>
        <div class="label">${figure.note ?? " "}</div>
      </div>`,
    )}
  </section>`;
}
