// What a segment has in common with another: those in one alone, in both, in the other alone.

import { post, useData } from "./base/api.js";
import { html, useCallback, useState } from "./base/html.js";
import { exact, number, share } from "./base/format.js";
import { useSegments } from "./base/segments.js";
import { Card } from "./parts/card.js";
import { Select } from "./parts/fields.js";
import { Failed } from "./parts/states.js";

const LABELS = 34; // percent of the width that the names take

const inSegment = ({ name }) => ({ type: "in_segment", segment: name });

/** How many users are in the one, the other, and both. Throws ApiError. */
async function counts(segments, signal) {
  const asked = [...segments.map(inSegment), { type: "all", of: segments.map(inSegment) }];
  const found = [];
  for (const where of asked) {
    const definition = { kind: "past", name: "Overlap", where };
    found.push((await post("/segments/preview", { definition }, { signal })).count);
  }
  const [own, theirs, both] = found;
  return { own, theirs, both: Math.min(both, own, theirs) };
}

export function Overlap({ segment }) {
  const all = useSegments();
  const others = (all.data ?? []).filter((one) => one.id !== segment.id);
  const [chosen, setChosen] = useState(null);
  const other = others.find((one) => one.id === chosen) ?? others.find((one) => one.kind === "past") ?? others[0] ?? null;
  const ask = useCallback((signal) => counts([segment, other], signal), [segment.id, segment.version, other?.id, other?.version]);
  const { data, error, loading, reload } = useData(other && ask);

  const choice = html`<label class="row small third">
    with
    <${Select} label="The other segment" value=${other?.id} onChange=${(id) => setChosen(Number(id))}>
      ${others.map((one) => html`<option value=${one.id} selected=${one.id === other?.id}>${one.name}</option>`)}
    <//>
  </label>`;
  return html`<${Card} title="Overlap" actions=${other && choice} bare class="overlap">
    ${!other && html`<p class="card-body second">${all.data ? "There is no other segment yet." : " "}</p>`}
    ${error && html`<${Failed} what="Could not compare the two" error=${error} retry=${() => reload()} />`}
    ${other && !error && html`<${Bars} segment=${segment} other=${other} found=${data} asking=${loading} />`}
  <//>`;
}

function Bars({ segment, other, found, asking }) {
  const { own = 0, theirs = 0, both = 0 } = found ?? {};
  const whole = Math.max(1, own + theirs - both);
  const room = 100 - LABELS;
  const at = (count) => `${LABELS + (room * count) / whole}%`;
  const wide = (count) => `${(room * count) / whole}%`;
  const parts = [
    ["pale", `Only ${segment.name}`, own - both, own, "of its members"],
    ["both", "In both", both, theirs, "of the other"],
    ["other", "Only the other", theirs - both, theirs, "of the other"],
  ];
  return html`<div class="card-body" aria-busy=${asking}>
    <div class="overlap-bars">
      <span class="ellipsis">${segment.name}</span><span class="ellipsis">${other.name}</span>
      <svg width="100%" height="72" aria-hidden="true">
        ${both > 0 && html`<rect class="shared" x=${at(own - both)} y="2" width=${wide(both)} height="68" />`}
        <rect class="pale" x=${at(0)} y="12" width=${wide(own - both)} height="14" rx="2" />
        <rect class="both" x=${at(own - both)} y="12" width=${wide(both)} height="14" />
        <rect class="both" x=${at(own - both)} y="46" width=${wide(both)} height="14" />
        <rect class="other" x=${at(own)} y="46" width=${wide(theirs - both)} height="14" rx="2" />
      </svg>
    </div>
    <dl class="overlap-figures" aria-live="polite">
      ${parts.map(
        ([look, label, count, of, ofWhat]) => html`<div>
          <dt class="legend"><i class=${look} /><span class="ellipsis">${label}</span></dt>
          <dd class="overlap-count ${asking ? "third" : ""}" title=${exact(count)}>${found ? number(count) : "–"}</dd>
          <dd class="label">${found && of ? `${share(count / of, { rough: true })} ${ofWhat}` : " "}</dd>
        </div>`,
      )}
    </dl>
  </div>`;
}
