// The definition as JSON: to be read, copied, changed and pasted.

import { html, useEffect, useRef, useState } from "../base/html.js";
import { CopyButton } from "../parts/fields.js";
import { same } from "./document.js";
import { parse, stringify } from "./exact.js";
import { useEditing } from "./state.js";

export function JsonView() {
  const state = useEditing();
  const document = state.document.value;
  const [text, setText] = useState(() => stringify(document, "  "));
  const typed = useRef(document);
  const wrong = state.unreadable.value;
  const setWrong = (reason) => (state.unreadable.value = reason);
  useEffect(() => () => setWrong(null), []); // the sentence shows the document
  useEffect(() => {
    if (same(typed.current, document)) return; // ours
    typed.current = document;
    setText(stringify(document, "  "));
    setWrong(null);
  }, [document]);
  const change = (given) => {
    setText(given);
    try {
      typed.current = parse(given);
      setWrong(null);
      state.replace(typed.current);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      setWrong(error.message);
    }
  };
  return html`<div class="json-view">
    <textarea
      class="json-text mono"
      aria-label="Definition as JSON"
      aria-invalid=${wrong !== null}
      aria-describedby="json-wrong"
      spellcheck="false"
      rows=${Math.max(14, text.split("\n").length + 1)}
      value=${text}
      onInput=${(event) => change(event.target.value)}
    />
    <div class="spread">
      <span class="bad-text small" id="json-wrong" role="status">${wrong}</span>
      <${CopyButton} text=${text} label="Copy JSON" />
    </div>
  </div>`;
}
