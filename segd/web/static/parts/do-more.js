// What a segment is for: reach out, stream it, have it sent, take it along.

import { useData } from "../base/api.js";
import { html } from "../base/html.js";
import { ago, latest, plural } from "../base/format.js";
import { downloadMembers } from "../base/segments.js";
import { manages, status } from "../base/status.js";
import { Icon, TextButton } from "./basics.js";
import { Card } from "./card.js";
import { CopyLine } from "./fields.js";

export function DoMore({ segment }) {
  const live = segment.kind === "live";
  const scheme = window.location.protocol === "https:" ? "wss" : "ws";
  const { host, origin } = window.location;
  return html`<${Card} title="Do more with this segment" bare>
    <div class="do-more">
      <${Reach} segment=${segment} />
      ${live
        ? html`<${Item} title="Stream it" about="As it happens; with ?after= every entry once, in order.">
            <${CopyLine} text=${`${scheme}://${host}/api/segments/${segment.id}/live`} shown=${`${scheme}://…/${segment.id}/live`} label="Copy the feed's address" />
          <//>`
        : html`<${Item} title="Read it" about="From your own programs: JSON, NDJSON or CSV.">
            <${CopyLine} text=${`${origin}/api/segments/${segment.id}/members`} shown=${`GET …/${segment.id}/members`} label="Copy the address of the members" />
          <//>`}
      ${live && manages.value && html`<${Hooks} segment=${segment} />`}
      <${Item} title="Take it along" about=${live ? "Everybody who qualified, with times." : "All members, as they are now."}>
        <${TextButton} icon="download" onClick=${() => downloadMembers(segment)}>Members as CSV<//>
        <${TextButton} icon="segments" href=${`/segments/new?segment=${segment.id}`}>Use in another segment<//>
      <//>
    </div>
  <//>`;
}

function Item({ title, about, children }) {
  return html`<div class="do-item"><h3>${title}</h3><p class="label">${about}</p><div class="do-links">${children}</div></div>`;
}

/** Links to the tools named in the config, filled in with the segment. */
function Reach({ segment }) {
  const tools = status.value?.engage ?? [];
  if (!tools.length) {
    return html`<${Item} title="Reach out" about="Links to your own tools, filled in with this segment, come from [[engage]] in the config." />`;
  }
  return html`<${Item} title="Reach out" about="Opens your tool with this segment filled in.">
    ${tools.map((tool) => html`<${TextButton} icon="arrow-out" href=${filled(tool.url, segment)} target="_blank" rel="noreferrer">${tool.name}<//>`)}
  <//>`;
}

function filled(url, segment) {
  return url.replaceAll("{id}", encodeURIComponent(segment.id)).replaceAll("{name}", encodeURIComponent(segment.name));
}

function Hooks({ segment }) {
  const found = useData("/webhooks", { every: 30 });
  const hooks = (found.data?.webhooks ?? []).filter((hook) => hook.segmentId === segment.id);
  const last = latest(...hooks.map((hook) => hook.deliveredAt));
  const off = hooks.filter((hook) => hook.status === "off").length;
  const about = !hooks.length
    ? "Have each entry posted to you, signed."
    : `${plural(hooks.length, "receiver")}. ${off ? `${off} switched off. ` : ""}${last ? `Last delivered ${ago(last)}.` : "Nothing delivered yet."}`;
  return html`<${Item} title="Webhooks" about=${about}>
    <a class="text-button" href=${`/settings?segment=${segment.id}#webhooks`}><${Icon} name="settings" /><span>${hooks.length ? "Manage" : "Add a webhook"}</span></a>
  <//>`;
}
