// A segment's report: live ones and past ones are different pages.

import { html, useEffect, useState } from "./base/html.js";
import { useData } from "./base/api.js";
import { useTitle } from "./base/title.js";
import { Crumbs } from "./parts/basics.js";
import { Loaded } from "./parts/states.js";
import { LiveReport } from "./live-report.js";

const AGAIN_SECONDS = 30;

export default function Report({ id }) {
  const found = useData(`/segments/${encodeURIComponent(id)}/report`, { every: AGAIN_SECONDS });
  const segment = found.data?.segment;
  useTitle(segment?.name ?? "Segment");
  if (!segment) {
    return html`<${Crumbs} path=${[["Segments", "/segments"], ["…"]]} />
      <section class="card"><${Loaded} of=${found} what="Could not read the report" rows=${6} height=${72} /></section>`;
  }
  if (segment.kind === "past") return html`<${Past} report=${found.data} reload=${found.reload} />`;
  return html`<${LiveReport} report=${found.data} at=${found.at} reload=${found.reload} />`;
}

function Past(props) {
  const [view, setView] = useState(null);
  useEffect(() => {
    import("./past-report.js").then((module) => setView(() => module.default));
  }, []);
  return view && html`<${view} ...${props} />`;
}
