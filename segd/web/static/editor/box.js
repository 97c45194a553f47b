// The boxes that stand in a sentence: a text, a choice of words, and a text with suggestions (a combobox).
//
// Each has a label of its own for those who cannot see the sentence around it, shows the daemon's sentence about its
// place below itself, and can be focused by that place's path.

import { html, useEffect, useId, useLayoutEffect, useRef, useState } from "../base/html.js";
import { Icon } from "../parts/basics.js";
import { pathOf } from "./document.js";
import { useEditing } from "./state.js";

// The problem to be shown at a place, which is claimed for this box while it is there.
function useProblem(steps) {
  const state = useEditing();
  const path = pathOf(steps);
  useEffect(() => {
    const { claims } = state;
    claims.value = new Set(claims.peek()).add(path);
    return () => {
      const left = new Set(claims.peek());
      left.delete(path);
      claims.value = left;
    };
  }, [state, path]);
  const problem = state.problems.value.find((one) => one.path === path);
  return { path, problem: problem?.message };
}

function useFocus(ref, path) {
  const state = useEditing();
  useLayoutEffect(() => {
    if (state.focusNext !== path) return;
    state.focusNext = null;
    ref.current?.focus();
  });
}

function Frame({ problem, id, className = "", children }) {
  return html`<span class="box ${className} ${problem ? "mistaken" : ""}">
    ${children}
    ${problem && html`<span class="box-wrong" id="${id}-wrong">${problem}</span>`}
  </span>`;
}

const attributes = (id, label, path, problem) => ({
  id,
  "aria-label": label,
  "data-path": path,
  "aria-invalid": problem ? "true" : undefined,
  "aria-describedby": problem ? `${id}-wrong` : undefined,
});

// value: the text shown while nobody types here. onInput: with every text typed.
export function TextBox({ steps, label, value, placeholder = "", onInput, size, inputmode, className }) {
  const { path, problem } = useProblem(steps);
  const id = useId();
  const ref = useRef(null);
  const [typed, setTyped] = useState(null);
  useFocus(ref, path);
  const text = typed ?? value;
  return html`<${Frame} problem=${problem} id=${id} className=${className}>
    <input
      ...${attributes(id, label, path, problem)}
      ref=${ref}
      class="box-text"
      type="text"
      autocomplete="off"
      spellcheck="false"
      inputmode=${inputmode}
      size=${Math.max(1, (text || placeholder).length + (size ?? 0))}
      placeholder=${placeholder}
      value=${text}
      onInput=${(event) => {
        setTyped(event.target.value);
        onInput(event.target.value);
      }}
      onBlur=${() => setTyped(null)}
    />
  <//>`;
}

// options: [[value, words]], or [null, words] for a heading between them.
export function ChoiceBox({ steps, label, value, options, onChange, quiet = false }) {
  const { path, problem } = useProblem(steps);
  const id = useId();
  const button = useRef(null);
  const [open, setOpen] = useState(false);
  const choosable = options.filter(([choice]) => choice !== null);
  const chosen = choosable.findIndex(([choice]) => choice === value);
  const [active, setActive] = useState(0);
  const typedAhead = useRef({ text: "", at: 0 });
  useFocus(button, path);

  const show = () => {
    setActive(Math.max(0, chosen));
    setOpen(true);
  };
  const take = (index) => {
    setOpen(false);
    if (choosable[index] && index !== chosen) onChange(choosable[index][0]);
  };
  const jump = (key) => {
    const now = performance.now();
    const text = now - typedAhead.current.at < 800 ? typedAhead.current.text + key : key;
    typedAhead.current = { text, at: now };
    const found = choosable.findIndex(([, words]) => words.toLowerCase().startsWith(text.toLowerCase()));
    if (found < 0) return;
    if (open) setActive(found);
    else take(found);
  };
  const onKeyDown = (event) => {
    const { key } = event;
    if (event.altKey && !open) return;
    if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      if (!open) show();
      else setActive((index) => (index + (key === "ArrowDown" ? 1 : -1) + choosable.length) % choosable.length);
    } else if (key === "Home" || key === "End") {
      if (!open) return;
      event.preventDefault();
      setActive(key === "Home" ? 0 : choosable.length - 1);
    } else if (key === "Enter" || key === " ") {
      event.preventDefault();
      if (open) take(active);
      else show();
    } else if (key === "Tab") {
      if (open) take(active);
    } else if (key === "Escape") {
      if (!open) return;
      event.preventDefault();
      event.stopPropagation();
      setOpen(false);
    } else if (key.length === 1 && !event.ctrlKey && !event.metaKey) {
      jump(key);
    }
  };

  let index = -1;
  return html`<${Frame} problem=${problem} id=${id} className=${quiet ? "quiet" : ""}>
    <button
      ...${attributes(id, undefined, path, problem)}
      ref=${button}
      type="button"
      class="box-choice"
      role="combobox"
      aria-label="${label}: ${choosable[chosen]?.[1] ?? "nothing chosen"}"
      aria-haspopup="listbox"
      aria-expanded=${open}
      aria-controls=${open ? `${id}-list` : undefined}
      aria-activedescendant=${open ? `${id}-${active}` : undefined}
      onClick=${() => (open ? setOpen(false) : show())}
      onKeyDown=${onKeyDown}
      onBlur=${() => setOpen(false)}
    >
      ${choosable[chosen]?.[1] ?? "choose"}<${Icon} name="chevron-down" class="box-chevron" />
    </button>
    ${open &&
    html`<${List} look="choices" ...${{ id, label }}>
      ${options.map(([choice, words]) => {
        if (choice === null) return html`<li class="suggestions-heading" role="presentation">${words}</li>`;
        index += 1;
        const mine = index;
        return html`<${Option} look=${mine === chosen ? "chosen" : ""} ...${{ id, index: mine, active, setActive }} take=${() => take(mine)}><span>${words}</span><//>`;
      })}
    <//>`}
  <//>`;
}

/**
 * suggestions: [{text, note, words?}], the likeliest first; words: what is shown instead of the text. typedNote: (text) →
 * what is said of a text that is none of them, or undefined where nothing but a suggestion will do.
 */
export function SuggestBox({ steps, label, value, placeholder, suggestions, onInput, typedNote, onOpen, className }) {
  const state = useEditing();
  const { path, problem } = useProblem(steps);
  const id = useId();
  const ref = useRef(null);
  const [typed, setTyped] = useState(null);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  useFocus(ref, path);

  const text = typed ?? value;
  const rows = matching(suggestions, typed === null ? "" : typed, typedNote);
  const shown = open && rows.length > 0;

  const hold = (holds) => {
    if ((state.holding.peek() === path) !== holds) state.holding.value = holds ? path : null;
  };
  useEffect(() => () => hold(false), [path]);

  const show = () => {
    onOpen?.();
    setActive(-1);
    setOpen(true);
  };
  const close = () => {
    setOpen(false);
    setActive(-1);
    hold(false);
  };
  const type = (given) => {
    const found = matching(suggestions, given, typedNote);
    setTyped(given);
    setOpen(true);
    onOpen?.();
    setActive(given && found.length ? 0 : -1);
    hold(Boolean(given) && found.some((row) => !row.typed && row.text !== given) && !found.some((row) => row.text === given && !row.typed));
    onInput(given);
  };
  const take = (row) => {
    setTyped(null);
    close();
    onInput(row.text, row);
  };
  const onKeyDown = (event) => {
    const { key } = event;
    if ((key === "ArrowDown" || key === "ArrowUp") && !event.altKey) {
      event.preventDefault();
      if (!shown) return show();
      const step = key === "ArrowDown" ? 1 : -1;
      return setActive((index) => (index < 0 && step < 0 ? rows.length - 1 : (index + step + rows.length) % rows.length));
    }
    if ((key === "Enter" || key === "Tab") && shown && active >= 0) {
      if (key === "Enter") event.preventDefault();
      return take(rows[active]);
    }
    if (key === "Escape" && shown) {
      event.preventDefault();
      event.stopPropagation();
      return close();
    }
    return undefined;
  };

  return html`<${Frame} problem=${problem} id=${id} className=${className}>
    <input
      ...${attributes(id, label, path, problem)}
      ref=${ref}
      class="box-text suggesting"
      type="text"
      role="combobox"
      autocomplete="off"
      spellcheck="false"
      aria-autocomplete="list"
      aria-expanded=${shown}
      aria-controls=${shown ? `${id}-list` : undefined}
      aria-activedescendant=${shown && active >= 0 ? `${id}-${active}` : undefined}
      size=${Math.max(1, (text || placeholder).length)}
      placeholder=${placeholder}
      value=${text}
      onInput=${(event) => type(event.target.value)}
      onFocus=${(event) => event.target.select()}
      onClick=${() => !open && show()}
      onKeyDown=${onKeyDown}
      onBlur=${() => {
        setTyped(null);
        close();
      }}
    />
    <${Icon} name="chevron-down" class="box-chevron" />
    ${shown &&
    html`<${List} ...${{ id, label }}>
      ${rows.map(
        (row, index) => html`<${Option} key=${row.typed ? "typed" : row.text} ...${{ id, index, active, setActive }} take=${() => take(row)}>
          ${row.typed ? html`<span>Use “${row.text}” as typed</span>` : html`<span class="strong">${marked(row.words ?? row.text, typed)}</span>`}
          <span class="note">${row.note}</span>
        <//>`,
      )}
    <//>`}
  <//>`;
}

function List({ id, label, look = "", children }) {
  return html`<ul class="suggestions ${look}" role="listbox" id="${id}-list" aria-label=${label}>${children}</ul>`;
}

function Option({ id, index, active, setActive, take, look, children }) {
  const row = useRef(null);
  const isActive = index === active;
  useEffect(() => {
    if (isActive) row.current.scrollIntoView({ block: "nearest" });
  }, [isActive]);
  return html`<li
    ref=${row}
    role="option"
    id="${id}-${index}"
    class=${look}
    aria-selected=${isActive}
    onPointerMove=${() => setActive(index)}
    onMouseDown=${(event) => event.preventDefault()}
    onClick=${take}
  >${children}</li>`;
}

const MOST_SHOWN = 60;

function matching(suggestions, typed, typedNote) {
  const wanted = typed.trim().toLowerCase();
  const rank = (row) => (row.words ?? row.text).toLowerCase().indexOf(wanted);
  const rows = (wanted ? suggestions.filter((row) => rank(row) >= 0).sort((a, b) => Math.min(rank(a), 1) - Math.min(rank(b), 1)) : suggestions).slice(0, MOST_SHOWN);
  const asTyped = wanted && typedNote && !suggestions.some((row) => row.text === typed.trim());
  return asTyped ? [...rows, { text: typed.trim(), typed: true, note: typedNote(typed.trim()) }] : rows;
}

function marked(text, typed) {
  const wanted = (typed ?? "").trim();
  const start = wanted ? text.toLowerCase().indexOf(wanted.toLowerCase()) : -1;
  if (start < 0) return text;
  const end = start + wanted.length;
  return html`${text.slice(0, start)}<mark>${text.slice(start, end)}</mark>${text.slice(end)}`;
}
