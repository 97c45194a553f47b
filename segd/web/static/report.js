// A segment's report: live ones and past ones are different pages.

import { html, useEffect, useState } from "./base/html.js";
import { useData } from "./base/api.js";
import { useTitle } from "./base/router.js";
import { Button, Crumbs } from "./parts/basics.js";
import { Empty, Loaded, Old, sentence } from "./parts/states.js";
import { LiveReport } from "./live-report.js";

const AGAIN_SECONDS = 30;

export default function Report({ id }) {
  const found = useData(`/segments/${encodeURIComponent(id)}/report`, { every: AGAIN_SECONDS });
  const segment = found.data?.segment;
  useTitle(segment?.name ?? "Segment");
  if (!segment || found.error?.code === "broken" || found.error?.status === 404) {
    return html`<h1 class="hidden">Segment</h1><${Crumbs} path=${[["Segments", "/segments"], [segment?.name ?? "…"]]} />
      <section class="card"><${Nothing} found=${found} id=${id} /></section>`;
  }
  if (found.error && found.error.status !== 0) return html`<${Old} error=${found.error} alone /><${Drawn} found=${found} />`;
  return html`<${Drawn} found=${found} />`;
}

function Nothing({ found, id }) {
  const { error } = found;
  if (error?.code === "broken") {
    return html`<${Empty} title="This segment runs no more" action=${html`<${Button} icon="edit" href=${`/segments/${id}/edit`}>Edit<//>`}>${sentence(error.message)}<//>`;
  }
  if (error?.status === 404) {
    return html`<${Empty} title="There is no such segment" action=${html`<${Button} href="/segments">All segments<//>`}>None has the number or name “${id}”. It may have been deleted.<//>`;
  }
  return html`<${Loaded} of=${found} what="Could not read the report" rows=${6} height=${72} />`;
}

function Drawn({ found }) {
  if (found.data.segment.kind === "past") return html`<${Past} report=${found.data} reload=${found.reload} set=${found.set} />`;
  return html`<${LiveReport} report=${found.data} reload=${found.reload} />`;
}

function Past(props) {
  const [view, setView] = useState(null);
  useEffect(() => {
    import("./past-report.js").then((module) => setView(() => module.default));
  }, []);
  return view && html`<${view} ...${props} />`;
}
