// What was typed and not saved, kept by the browser under the segment's number (or the kind of a new one), and offered
// after a reload. A private window or a full store keeps nothing, and typing goes on.

import { parse, stringify } from "./exact.js";

const KEY = "segd draft ";

export function keepDraft(place, document) {
  try {
    localStorage.setItem(KEY + place, stringify(document));
  } catch {
    // nothing to be done, and nothing depends on it
  }
}

export function readDraft(place) {
  try {
    const kept = localStorage.getItem(KEY + place);
    return kept === null ? null : parse(kept);
  } catch {
    return null;
  }
}

export function dropDraft(place) {
  try {
    localStorage.removeItem(KEY + place);
  } catch {
    // as above
  }
}
