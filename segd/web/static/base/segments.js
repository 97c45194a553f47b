// All segments, and what can be done with one: the same in the list and in reports.

import { ApiError, del, get, post, useData, withQuery } from "./api.js";
import { plural } from "./format.js";
import { go } from "./router.js";
import { confirm, toast, tried } from "../parts/overlays.js";

const PER_PAGE = 500; // the most that the API gives at once

/** Segments as they were found last, by number, with their JSON. */
let before = new Map();

/** The same object for what has not changed, so that it need not be drawn anew. */
function kept(segments) {
  const now = new Map(segments.map((segment) => [segment.id, { segment, json: JSON.stringify(segment) }]));
  for (const [id, one] of now) if (before.get(id)?.json === one.json) one.segment = before.get(id).segment;
  before = now;
  return segments.map((segment) => now.get(segment.id).segment);
}

async function all(signal) {
  const page = (number) => get(withQuery("/segments", { perPage: PER_PAGE, page: number }), { signal });
  const { segments, total } = await page(1);
  for (let number = 2; segments.length < total; number += 1) {
    const more = (await page(number)).segments;
    if (!more.length) break;
    segments.push(...more);
  }
  return kept(segments);
}

/** Of useData: a list of all segments, by name. */
export const useSegments = (options) => useData(all, options);

/** Change between running and paused. */
async function switchOn(segment, on) {
  const verb = on ? "resume" : "pause";
  await tried(`Could not ${verb} “${segment.name}”`, async () => {
    await post(`/segments/${segment.id}/${verb}`);
    toast(on ? `“${segment.name}” is running.` : `“${segment.name}” is paused. What comes due now is dropped.`);
  });
}

/** Ask, then delete. Returns whether it is gone. */
async function remove(segment) {
  const hooks = await get("/webhooks").then(
    (found) => found.webhooks.filter((hook) => hook.segmentId === segment.id).length,
    () => 0,
  );
  const goes = segment.kind === "live" ? await what(segment) : "Its daily counts go with it.";
  const yes = await confirm({
    title: `Delete “${segment.name}”?`,
    body: `${goes} ${hooks ? `${plural(hooks, "webhook")} stop${hooks === 1 ? "s" : ""}. ` : ""}Users and events stay.`,
    verb: "Delete segment",
  });
  if (!yes || !(await tried(`Could not delete “${segment.name}”`, () => del(`/segments/${segment.id}`)))) return false;
  toast(`“${segment.name}” is deleted.`);
  return true;
}

/** What goes with a live segment, in numbers where they are known. */
async function what({ id }) {
  const total = await get(`/segments/${id}/members?perPage=1`).then((found) => found.total, () => 0);
  return total ? `The qualifications of ${plural(total, "user")} and their log go with it.` : "Its qualifications and their log go with it.";
}

/** What a menu offers for a segment; `turn`, pause or resume, for a live one alone. gone: called once it is deleted. */
export function actionsOn(segment, changed, gone = changed) {
  const paused = segment.status === "paused";
  const toggle = async () => {
    await switchOn(segment, paused);
    changed();
  };
  return {
    edit: { label: "Edit", icon: "edit", href: `/segments/${segment.id}/edit` },
    turn: segment.kind === "live" && { label: paused ? "Resume" : "Pause", icon: paused ? "play" : "pause", run: toggle },
    copy: { label: "Duplicate", icon: "copy", run: () => go(`/segments/new/${segment.type}?from=${segment.id}`) },
    drop: { label: "Delete", icon: "delete", danger: true, run: async () => (await remove(segment)) && gone() },
  };
}

/** All members in a file. */
export async function downloadMembers(segment) {
  await tried("Could not fetch the members", async () => {
    const response = await fetch(`/api/segments/${segment.id}/members`, { headers: { accept: "text/csv" } });
    if (!response.ok) throw new ApiError(response.status, "internal", `segd answered ${response.status}`);
    const address = URL.createObjectURL(await response.blob());
    const link = document.createElement("a");
    link.href = address;
    link.download = `${segment.name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "members"}.csv`;
    link.click();
    URL.revokeObjectURL(address);
  });
}
