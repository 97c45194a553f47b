// Saving asks for the name.

import { ApiError, get } from "../base/api.js";
import { ago } from "../base/format.js";
import { html, useId, useRef, useState } from "../base/html.js";
import { Button } from "../parts/basics.js";
import { Dialog } from "../parts/overlays.js";
import { sentence } from "../parts/states.js";

const LONGEST = 200;

/**
 * refuses(name): why it cannot be called so, or null. store(name, over): saves in place of `over` and leaves; both throw
 * ApiError. segment: the one that is changed. meansMore: more than its name.
 */
export function SaveDialog({ name: given, segment, meansMore, refuses, store, onClose }) {
  const [name, setName] = useState(given);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState(null);
  const [newer, setNewer] = useState(null); // what somebody else has made of the segment meanwhile
  const input = useRef(null);
  const id = useId();
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    if (!name.trim()) {
      setWrong("Give it a name.");
      input.current.focus();
      return;
    }
    setBusy(true);
    try {
      const kept = name === given ? given : name.trim();
      const refused = await refuses(kept);
      if (refused) throw new ApiError(409, "name_taken", refused);
      await store(kept, newer ?? segment);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 412) {
        setNewer(await get(`/segments/${segment.id}`).catch(() => newer));
        setBusy(false);
        return;
      }
      const [detail] = error.details ?? [];
      setWrong(sentence(detail ? (detail.path.endsWith("name") ? detail.message : `${detail.path}: ${detail.message}`) : error.message));
      setBusy(false);
      input.current?.focus();
    }
  };
  const note = !segment ? "" : meansMore ? `It becomes version ${(newer ?? segment).version + 1}, which counts from now on.` : "Only the name changes; what was counted stays.";
  return html`<${Dialog}
    title=${segment ? "Save changes" : "Save segment"}
    holds=${name !== given}
    onClose=${onClose}
    actions=${html`<${Button} onClick=${onClose}>Back<//><${Button} kind="primary" busy=${busy} form=${id} type="submit">${newer ? "Save all the same" : "Save segment"}<//>`}
  >
    ${newer &&
    html`<div class="notice alone" role="alert">
      <span>Somebody changed it ${ago(newer.changedAt)}, after you opened it. Saving all the same puts yours in place of: “${newer.words}” <a href=${`/segments/${segment.id}`} target="_blank">See the newer version</a></span>
    </div>`}
    <form id=${id} class="stack save-form" onSubmit=${submit}>
      <div class="field">
        <label for="${id}-name">Name</label>
        <input
          ref=${input}
          id="${id}-name"
          class="input"
          data-first=""
          maxlength=${LONGEST}
          autocomplete="off"
          value=${name}
          aria-invalid=${wrong ? "true" : undefined}
          aria-describedby="${id}-advice ${id}-wrong"
          onInput=${(event) => {
            setName(event.target.value);
            setWrong(null);
          }}
        />
        <span class="wrong" id="${id}-wrong" role="status">${wrong ?? ""}</span>
      </div>
      <p class="small" id="${id}-advice">Convey the core meaning, keep it brief: “Added to cart, no purchase in 10 min”. ${note}</p>
    </form>
  <//>`;
}
