// Search box, segmented choice, tick box, text to copy.

import { html, useEffect, useId, useRef, useState } from "../base/html.js";
import { Button, Icon } from "./basics.js";

/** `/` focuses it, Escape empties it. */
export function SearchBox({ label, value, onInput }) {
  return html`<div class="search" role="search">
    <${Icon} name="search" />
    <input
      class="input" type="search" data-search="" aria-label=${label} placeholder=${label} value=${value} autocomplete="off" spellcheck=${false}
      onInput=${(event) => onInput(event.target.value)}
      onKeyDown=${(event) => event.key === "Escape" && onInput("")}
    /><kbd aria-hidden="true">/</kbd>
  </div>`;
}

/** One of a few. options: [{value, label}] */
export function Choice({ label, options, value, onChange, small }) {
  const name = useId();
  return html`<div class=${`choice${small ? " small" : ""}`} role="radiogroup" aria-label=${label}>
    ${options.map(
      (option) => html`<label>
        <input type="radio" name=${name} value=${option.value} checked=${option.value === value} onChange=${() => onChange(option.value)} />
        <span>${option.label}</span>
      </label>`,
    )}
  </div>`;
}

export function Check({ label, checked, onChange }) {
  return html`<label class="check"><input type="checkbox" checked=${checked} onChange=${(event) => onChange(event.target.checked)} /><span>${label}</span></label>`;
}

/** Copies a text and says so for a moment, in the same width. bare: the icon alone. */
export function CopyButton({ text, bare, label = "Copy", small = true }) {
  const [copied, setCopied] = useState(false);
  const timer = useRef(null);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    await writeText(text);
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), 2000);
  };
  if (bare) return html`<${Button} kind="quiet" small icon=${copied ? "check" : "copy"} label=${copied ? "Copied" : label} onClick=${copy} />`;
  return html`<${Button} kind="quiet" small=${small} icon=${copied ? "check" : "copy"} onClick=${copy}>
    <span class="same-width"><span aria-hidden=${copied}>${label}</span><span aria-hidden=${!copied}>Copied</span></span>
  <//>`;
}

/** Also where the page is not served over HTTPS, which has no clipboard of its own. */
async function writeText(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "hidden";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** A line of code in a box, with a button that copies it. shown: in its place, where it is long. */
export function CopyLine({ text, label, shown = text }) {
  return html`<div class="boxed"><code class="ellipsis" title=${text}>${shown}</code><${CopyButton} bare text=${text} label=${label} /></div>`;
}

/** children: the options. onChange(value). */
export function Select({ label, value, onChange, children }) {
  return html`<span class="select-box grow">
    <select class="select" aria-label=${label} value=${value} onChange=${(event) => onChange(event.target.value)}>${children}</select><${Icon} name="chevron-down" />
  </span>`;
}
