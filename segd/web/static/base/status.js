// What the daemon says of itself, asked every few seconds: zone, rate, and whether it takes events. And its clock.

import { ApiError, get } from "./api.js";
import { computed, signal } from "./html.js";
import { place } from "./router.js";

const ASK_SECONDS = 3;
const PATIENCE_MILLISECONDS = 1000;

/** Of GET /api/status; null until the first answer. */
export const status = signal(null);
/** Why the daemon cannot be reached or takes no events, in a sentence; null when all is well. */
export const trouble = signal(null);
/** How far the daemon's clock is ahead of this machine's, in milliseconds. */
let ahead = 0;

/** The daemon's now, in milliseconds, changing once a second. */
export const now = signal(Date.now());
/** Whether this browser may also change and delete. */
export const manages = computed(() => status.value?.scope === "manage");
export const zone = computed(() => status.value?.zone ?? "UTC");

async function askStatus() {
  if (place.value.path === "/login") return; // who is not in yet would be refused
  try {
    const found = await get("/status");
    ahead = Date.parse(found.now) - Date.now();
    status.value = found;
    trouble.value = found.unready ?? null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status !== 401) trouble.value = error.message;
  }
}

/** Begin to ask. Returns once the zone is known, or it takes too long. */
export async function startStatus() {
  setInterval(() => document.visibilityState === "visible" && askStatus(), ASK_SECONDS * 1000);
  const tick = () => {
    now.value = Date.now() + ahead;
    setTimeout(tick, 1000 - (now.value % 1000));
  };
  tick();
  await Promise.race([askStatus(), new Promise((resolve) => setTimeout(resolve, PATIENCE_MILLISECONDS))]);
}
