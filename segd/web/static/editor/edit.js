// The editor: a new segment of one of the nine kinds, or one that is there; the sentence at the left, the answer beside it.

import { ApiError, get, post, put } from "../base/api.js";
import { batch, html, useCallback, useEffect, useLayoutEffect, useMemo, useState } from "../base/html.js";
import { SAVE_KEYS, useSaveKey } from "../base/keys.js";
import { go, place, useGuard, useTitle } from "../base/router.js";
import { Button, Crumbs, Icon, KindBadge } from "../parts/basics.js";
import { Check, Choice } from "../parts/fields.js";
import { confirm, toast } from "../parts/overlays.js";
import { Failed, Loading, sentence } from "../parts/states.js";
import { Answer } from "./answer.js";
import { check, checkName, startAnswering, startChecking } from "./asking.js";
import { BLANK, Conditions, newGroup } from "./conditions.js";
import { same } from "./document.js";
import { dropDraft, keepDraft, readDraft } from "./draft.js";
import { parse, stringify } from "./exact.js";
import { JsonView } from "./json.js";
import { kindById, kindOf, likelyNames } from "./kinds.js";
import { More, moreInWords } from "./more.js";
import { Picture } from "./picture.js";
import { SaveDialog } from "./save.js";
import { Seen } from "./seen.js";
import { isShowable } from "./showable.js";
import { Editing, EditorState, useEditing } from "./state.js";
import { Trigger } from "./triggers.js";

const FILTER = "Filter this stream on past behaviour and user properties";
const exactly = { parse, write: stringify };

/** type: of a new segment, or "json". id: of one that is there. */
export default function Edit({ type, id }) {
  const seen = useMemo(() => new Seen(), []);
  const opened = useOpened({ type, id, seen });
  useTitle(opened.segment ? `Edit ${opened.segment.name}` : "New segment");
  if (opened.error) return html`<${Failed} what="Could not open the segment" error=${opened.error} retry=${opened.retry} />`;
  if (!opened.document) return html`<div class="card"><${Loading} rows=${5} height=${64} label="Opening the editor" /></div>`;
  return html`<${Editor} key=${opened.place} ...${opened} seen=${seen} startsAsJson=${type === "json" || place.peek().query.has("json")} />`;
}

/** What is to be edited, once it is known: {place, document, segment}; or {error, retry}. place: of its draft. */
function useOpened({ type, id, seen }) {
  const [opened, setOpened] = useState({});
  const [tries, setTries] = useState(0);
  const { query } = place.peek();
  const from = id ?? query.get("from");
  const within = query.get("segment"); // that the new one is about
  const [named, setNamed] = useState(within ? null : "");
  useEffect(() => {
    if (!from) return undefined;
    const abort = new AbortController();
    get(`/segments/${encodeURIComponent(from)}`, { signal: abort.signal, parse }).then(
      (segment) =>
        setOpened(
          id
            ? { place: `segment ${segment.id}`, document: segment.definition, segment }
            : { place: `copy of ${segment.id}`, document: { ...segment.definition, name: `${segment.name} (copy)` } },
        ),
      (error) => {
        if (!(error instanceof ApiError)) throw error;
        setOpened({ error, retry: () => setTries(tries + 1) });
      },
    );
    return () => abort.abort();
  }, [from, tries]);
  useEffect(() => {
    if (within) get(`/segments/${encodeURIComponent(within)}`).then((segment) => setNamed(segment.name), () => setNamed(""));
  }, []);
  if (from || opened.document) return opened;
  // A new one waits for the names really seen, to begin with them. Reading them here draws us anew when they come.
  const names = likelyNames(seen.events(), seen.traits());
  if (!seen.settled || named === null) return {};
  return { place: `new ${type}`, document: beginning(type, names, named) };
}

function beginning(type, names, segment) {
  const kind = kindById(type) ?? kindById("past-action");
  const document = kind.start(names);
  if (!segment) return document;
  const inSegment = { type: "in_segment", segment };
  return kind.kind === "live" ? { ...document, filter: newGroup(inSegment) } : { ...document, where: { ...document.where, of: [inSegment, ...document.where.of] } };
}

function Editor({ place: draftPlace, document: opened, segment, seen, startsAsJson }) {
  const [state] = useState(() => new EditorState(opened, segment?.id ?? null));
  const [asJson, setAsJson] = useState(startsAsJson);
  const [draft, setDraft] = useState(() => {
    const kept = readDraft(draftPlace);
    return kept && !same(kept, opened) ? kept : null;
  });
  const [saving, setSaving] = useState(false);
  const [answering] = useState(() => startAnswering(state));
  const document = state.document.value;
  const showable = isShowable(document);
  const kind = kindOf(document);

  useEffect(() => {
    const stop = startChecking(state);
    return () => {
      stop();
      answering.stop();
    };
  }, []);
  // At once, not after the next frame: a reload may come before it.
  useLayoutEffect(() => {
    if (draft) return; // not over what is still on offer
    if (state.changed.value) keepDraft(draftPlace, document);
    else dropDraft(draftPlace);
  }, [document, draft]);
  const unsaved = useCallback(() => state.changed.peek(), []);
  const ask = useCallback(async () => {
    const leaves = await confirm({
      title: "Leave without saving?",
      body: "What you changed here goes. The segment stays as it was saved last.",
      keep: "Stay",
      verb: "Leave",
    });
    if (leaves) dropDraft(draftPlace);
    return leaves;
  }, []);
  useGuard(unsaved, ask);

  const save = useCallback(async () => {
    const unreadable = state.unreadable.peek();
    if (unreadable !== null) return toast(`Not saved: the JSON cannot be read. ${unreadable}`, { error: true });
    batch(() => {
      state.holding.value = null;
      state.insisting.value = true;
    });
    try {
      await check(state);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return toast(`Not saved: ${sentence(error.message)}`, { error: true });
    }
    const [first] = state.problems.peek();
    if (!first) return setSaving(true);
    focusProblem(state.problems.peek());
    return toast(first.path ? "Not saved: something is missing or wrong." : `Not saved: ${first.message}`, { error: true });
  }, []);
  useSaveKey(save);

  /** over: the segment as it was seen last. Throws ApiError where the daemon refused. */
  const store = async (name, over) => {
    const definition = { ...state.finished.peek().document, name };
    const stored = segment ? await put(`/segments/${segment.id}`, { definition }, { ...exactly, over }) : await post("/segments", { definition }, exactly);
    state.saved.value = state.document.peek();
    dropDraft(draftPlace);
    setSaving(false);
    toast(stored.kind === "live" ? "Saved and watching." : "Saved.");
    go(`/segments/${stored.id}`);
  };

  return html`<${Editing.Provider} value=${state}>
    <${Crumbs}
      path=${segment
        ? [["Segments", "/segments"], [segment.name, `/segments/${segment.id}`], ["Edit"]]
        : [["Segments", "/segments"], ["New segment", "/segments/new"], [kind?.title ?? "JSON"]]}
    />
    <div class="page-head has-path editor-head">
      <div class="title">
        <h1>${segment?.name ?? kind?.title ?? "New segment"}</h1>
        ${kind && html`<${KindBadge} kind=${kind.kind} />`}
      </div>
      <div class="actions">
        <${Choice}
          label="How to edit"
          options=${[{ value: "sentence", label: "Sentence" }, { value: "json", label: "JSON" }]}
          value=${asJson ? "json" : "sentence"}
          onChange=${(value) => setAsJson(value === "json")}
        />
        <${Button} kind="quiet" href=${segment ? `/segments/${segment.id}` : "/segments"}>Cancel<//>
        <${Button} kind="primary" onClick=${save}>Save segment <kbd aria-hidden="true">${SAVE_KEYS}</kbd><//>
      </div>
    </div>
    ${draft &&
    html`<div class="notice alone" role="status">
      <${Icon} name="edit" /><span class="grow">You typed something here before that was not saved.</span>
      <${Button} small onClick=${() => { setDraft(null); dropDraft(draftPlace); }}>Discard it<//>
      <${Button} small onClick=${() => { state.replace(draft); setDraft(null); }}>Bring it back<//>
    </div>`}
    <div class="pair with-answer editor">
      <div class="card editor-card">
        ${asJson ? html`<${JsonView} />` : showable ? html`<${Sentence} seen=${seen} />` : html`<${NoSentence} show=${() => setAsJson(true)} />`}
        <${Rest} all=${asJson || !showable} />
      </div>
      <${Answer} answering=${answering} kind=${document?.kind === "past" ? "past" : "live"} leftOut=${state.finished.value.leftOut} seen=${seen} />
    </div>
    ${saving && html`<${SaveDialog} name=${document.name ?? ""} segment=${segment} meansMore=${changesMeaning(document, segment)} refuses=${(name) => checkName(state, name)} store=${store} onClose=${() => setSaving(false)} />`}
  <//>`;
}

/** Whether saving makes a new version: only a new name does not. */
const changesMeaning = (document, segment) => segment && !same({ ...document, name: "" }, { ...segment.definition, name: "" });

function focusProblem(problems) {
  for (const { path } of problems) {
    const box = document.querySelector(`[data-path="${CSS.escape(path)}"]`);
    if (box) return box.focus();
  }
  return undefined;
}

function Sentence({ seen }) {
  const state = useEditing();
  const document = state.document.value;
  const isLive = document.kind === "live";
  return html`<div class="sentence">
      ${isLive
        ? html`<${Trigger} seen=${seen} />`
        : html`<${Conditions} root=${["where"]} seen=${seen} lead="Users of whom" single="Users of whom this holds" />`}
    </div>
    <div class="sentence-picture"><${Picture} document=${document} /></div>
    ${isLive && html`<${Filter} seen=${seen} />`} <${Details} seen=${seen} />`;
}

function Filter({ seen }) {
  const state = useEditing();
  const checked = state.at(["filter"]) !== undefined;
  const change = (wanted) => state.put(["filter"], wanted ? newGroup(BLANK) : undefined, wanted ? ["filter", "of", 0, "event"] : null);
  return html`<div class="sentence-part filter">
    <${Check} label=${FILTER} checked=${checked} onChange=${change} />
    ${checked && html`<div class="sentence small"><${Conditions} root=${["filter"]} seen=${seen} lead="and at that moment" single="and at that moment" /></div>`}
  </div>`;
}

function Details({ seen }) {
  const state = useEditing();
  const [open, setOpen] = useState(false);
  return html`<div class="sentence-part more">
    <button type="button" class="more-button" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <${Icon} name=${open ? "chevron-down" : "chevron-right"} /><strong>More</strong><span class="small third">${!open && moreInWords(state.document.value)}</span>
    </button>
    ${open && html`<div class="sentence small"><${More} seen=${seen} /></div>`}
  </div>`;
}

function NoSentence({ show }) {
  return html`<div class="state">
    <h3>No sentence to show</h3>
    <p>What stands in the JSON is no definition yet. Mend it there, or go back to where it was one.</p>
    <${Button} onClick=${show}>Show the JSON<//>
  </div>`;
}

/** Mistakes that no box shows. all: no box is there. */
function Rest({ all }) {
  const state = useEditing();
  const rest = state.problems.value.filter(({ path }) => all || !state.claims.value.has(path));
  if (!rest.length) return null;
  return html`<ul class="problems" aria-label="Mistakes">
    ${rest.map(({ path, message }) => html`<li><${Icon} name="warning" /><span>${path && html`<code>${path}</code> `}${sentence(message)}</span></li>`)}
  </ul>`;
}
