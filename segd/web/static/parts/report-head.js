// The top of a report: the way here, the name, what can be done, and the definition in words.

import { html, useState } from "../base/html.js";
import { dayAndTime } from "../base/format.js";
import { actionsOn, downloadMembers } from "../base/segments.js";
import { go } from "../base/router.js";
import { manages } from "../base/status.js";
import { Badge, Button, Crumbs, KindBadge, TextButton, Time } from "./basics.js";
import { CopyButton } from "./fields.js";
import { Menu } from "./overlays.js";
import { Words } from "./words.js";

/**
 * first: a button of the report's own. more: links beside "Show as JSON". below: what they open. changed: ask again.
 * last: when somebody qualified last.
 */
export function ReportHead({ segment, first, more, below, changed, last }) {
  const [shown, setShown] = useState(false);
  const { status } = segment;
  const paused = status === "paused";
  const { edit, turn, copy, drop } = actionsOn(segment, changed, () => go("/segments"));
  const json = JSON.stringify(segment.definition, null, 2);
  const live = segment.kind === "live";
  return html`
    <${Crumbs} path=${[["Segments", "/segments"], [segment.name]]} />
    <div class="page-head has-path">
      <div class="title">
        <h1>${segment.name}</h1>
        <${KindBadge} kind=${segment.kind} />
        ${status !== "running" && html`<${Badge} tone=${paused ? "" : "bad"}>${paused ? "Paused" : live ? "Failed" : "Stale"}<//>`}
        <span class="small third since">
          <span>since ${dayAndTime(segment.createdAt)}${segment.version > 1 ? ` · version ${segment.version}` : ""}</span>
          ${last && html`<span class="numbers last">last qualified <${Time} at=${last} aging /></span>`}
        </span>
      </div>
      <div class="actions folds">
        ${first}
        ${manages.value && turn && html`<${Button} icon=${turn.icon} onClick=${turn.run}>${turn.label}<//>`}
        ${manages.value && html`<${Button} icon="edit" href=${edit.href}>Edit<//>`}
        <${Menu} label="More" items=${[
          ...(manages.value ? [edit, turn] : []),
          { label: shown ? "Hide JSON" : "Show as JSON", icon: "code", run: () => setShown(!shown) },
          manages.value && copy,
          { label: "Members as CSV", icon: "download", run: () => downloadMembers(segment) },
          manages.value && drop,
        ]} />
      </div>
    </div>
    ${segment.reason && html`<div class=${`notice alone ${status === "broken" ? "bad" : ""}`} role="status">${segment.reason}</div>`}
    <section class="card" aria-label="Definition">
      <div class="definition-card">
        <${Words} words=${segment.words} definition=${segment.definition} />
        <div class="actions">
          ${more}
          <${TextButton} aria-expanded=${shown} onClick=${() => setShown(!shown)}>${shown ? "Hide JSON" : "Show as JSON"}<//>
        </div>
      </div>
      ${shown && html`<div class="json-box"><pre class="json" tabindex="0" aria-label="Definition as JSON">${json}</pre><${CopyButton} text=${json} /></div>`}
      ${below}
    </section>
  `;
}
