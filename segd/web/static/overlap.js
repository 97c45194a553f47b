// What a segment has in common with another: those in one alone, in both, in the other alone.

import { ApiError, post } from "./base/api.js";
import { html, useEffect, useState } from "./base/html.js";
import { exact, number, share } from "./base/format.js";
import { useSegments } from "./base/segments.js";
import { Icon } from "./parts/basics.js";
import { Card } from "./parts/card.js";
import { Failed } from "./parts/states.js";

const LABELS = 34; // percent of the width that the names take

const inSegment = ({ name }) => ({ type: "in_segment", segment: name });

/** How many users are in each of them, and how many in all. Throws ApiError. */
async function counts(segments, signal) {
  const asked = [...segments.map(inSegment), { type: "all", of: segments.map(inSegment) }];
  const found = [];
  for (const where of asked) {
    const definition = { kind: "past", name: "Overlap", where };
    found.push((await post("/segments/preview", { definition }, { signal })).count);
  }
  return found;
}

export function Overlap({ segment }) {
  const all = useSegments();
  const others = (all.data ?? []).filter((one) => one.id !== segment.id);
  const [chosen, setChosen] = useState(null);
  const other = others.find((one) => one.id === chosen) ?? others.find((one) => one.kind === "past") ?? others[0] ?? null;
  const [found, setFound] = useState({});
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (!other) return undefined;
    const abort = new AbortController();
    setFound((old) => ({ ...old, asking: true, error: null }));
    counts([segment, other], abort.signal).then(
      ([own, theirs, both]) => setFound({ of: other, own, theirs, both: Math.min(both, own, theirs) }),
      (error) => {
        if (abort.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setFound({ error });
      },
    );
    return () => abort.abort();
  }, [segment.id, segment.version, other?.id, other?.version, tries]);

  const choice = html`<label class="row small third">
    with
    <span class="select-box">
      <select class="select" aria-label="The other segment" value=${other?.id} onChange=${(event) => setChosen(Number(event.target.value))}>
        ${others.map((one) => html`<option value=${one.id} selected=${one.id === other?.id}>${one.name}</option>`)}
      </select>
      <${Icon} name="chevron-down" />
    </span>
  </label>`;
  return html`<${Card} title="Overlap" actions=${other && choice} bare class="overlap">
    ${!other && html`<p class="card-body second">${all.data ? "There is no other segment yet." : " "}</p>`}
    ${found.error && html`<${Failed} what="Could not compare the two" error=${found.error} retry=${() => setTries(tries + 1)} />`}
    ${other && !found.error && html`<${Bars} segment=${segment} other=${other} found=${found.of ? found : null} asking=${found.asking} />`}
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
  return html`<div class="card-body ${asking ? "asking" : ""}" aria-busy=${asking ? "true" : "false"}>
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
