// Snippets to copy, filled with this daemon's address and write key, and the first event as it arrives.

import { html, useState } from "./base/html.js";
import { useData } from "./base/api.js";
import { clock } from "./base/format.js";
import { useFeed } from "./base/feed.js";
import { useTitle } from "./base/router.js";
import { Crumbs, Icon } from "./parts/basics.js";
import { Card } from "./parts/card.js";
import { Choice, CopyButton, CopyLine } from "./parts/fields.js";
import { FeedNotice, Loaded } from "./parts/states.js";

const SDKS = [
  {
    value: "curl",
    label: "curl",
    code: (host, key) => `curl ${host}/v1/track -u "${key}:" -H "content-type: application/json" -d '{
  "userId": "ann", "event": "Add To Cart", "properties": {"price": 129}
}'`,
  },
  {
    value: "python",
    label: "Python",
    install: "pip install segment-analytics-python",
    code: (host, key) => `import segment.analytics as analytics

analytics.write_key = "${key}"
analytics.host = "${host}"

analytics.track("ann", "Add To Cart", {"price": 129})
analytics.flush()`,
  },
  {
    value: "node",
    label: "Node",
    install: "npm install @segment/analytics-node",
    code: (host, key) => `import { Analytics } from "@segment/analytics-node"

const analytics = new Analytics({
  writeKey: "${key}",
  host: "${host}",
})
analytics.track({ userId: "ann", event: "Add To Cart", properties: { price: 129 } })
await analytics.closeAndFlush()`,
  },
  {
    value: "browser",
    label: "Browser",
    install: "npm install @segment/analytics-next",
    code: (host, key) => `import { AnalyticsBrowser } from "@segment/analytics-next"

const analytics = AnalyticsBrowser.load({
  writeKey: "${key}",
  cdnURL: "${host}",
})
analytics.page()
analytics.track("Add To Cart", { price: 129 })`,
  },
];

export default function Connect() {
  useTitle("Connect an SDK");
  const keys = useData("/keys");
  const [first, setFirst] = useState(null);
  const take = (frame) => frame.type === "events" && setFirst((old) => old ?? frame.entries[0] ?? null);
  const state = useFeed("/live", take);
  return html`
    <${Crumbs} path=${[["Live", "/live"], ["Connect an SDK"]]} />
    <div class="page-head has-path"><div class="title"><h1>Connect an SDK</h1></div></div>
    <p class="second">segd speaks the tracking API of Segment: any of its SDKs works once its host is this one.</p>
    <${Card} title="Send a first event" bare notice=${html`<${FeedNotice} state=${state} />`}>
      <${Loaded} of=${keys} what="Could not read the write key" rows=${3} height=${60}>
        ${({ writeKeys }) => html`<${Snippets} writeKey=${writeKeys[0]} first=${first} />`}
      <//>
    <//>
  `;
}

function Snippets({ writeKey, first }) {
  const [chosen, setChosen] = useState("curl");
  const sdk = SDKS.find((one) => one.value === chosen);
  const { origin } = window.location;
  const code = sdk.code(origin, writeKey);
  return html`<div class="card-body">
    <div class="spread snippet-head">
      <${Choice} label="SDK" options=${SDKS} value=${chosen} onChange=${setChosen} />
      <${CopyButton} text=${code} small=${false} />
    </div>
    <p class="install ${sdk.install ? "mono" : ""}">${sdk.install ?? "Nothing to install."}</p>
    <pre class="snippet" tabindex="0" aria-label=${`${sdk.label} snippet`}>${colored(code)}</pre>
    <div class=${`waiting${first ? " arrived" : ""}`} role="status">
      ${first
        ? html`<${Icon} name="check" /><span>First event: ${first.name}, ${clock(Date.parse(first.receivedAt))}</span>`
        : html`<i class="dot" /><span>Waiting for the first event</span>`}
    </div>
    <div class="pair connect-facts">
      <div class="field"><span>Address</span><${CopyLine} text=${origin} label="Copy the address" /></div>
      <div class="field"><span>Write key</span><${CopyLine} text=${writeKey} label="Copy the write key" /></div>
    </div>
  </div>`;
}

/** Texts in teal, the words of the languages grey. */
function colored(code) {
  return code.split(/("[^"\n]*"|\b(?:import|from|as|const|new|await)\b)/).map((part, i) => {
    if (i % 2 === 0) return part;
    return html`<span class=${part.startsWith('"') ? "text" : "word"}>${part}</span>`;
  });
}
