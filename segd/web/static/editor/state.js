// What the parts of an open editor share: the definition, how to change it, and what the daemon said about it.

import { batch, computed, createContext, signal, useContext } from "../base/html.js";
import { at, drop, pathOf, put, same } from "./document.js";
import { finished } from "./unfinished.js";

export const Editing = createContext(null);

export const useEditing = () => useContext(Editing);

// segment: the number of the one that is edited; null for a new one. saved: what the document was when opened or saved last.
export class EditorState {
  constructor(document, segment = null) {
    this.segment = segment;
    this.document = signal(document);
    this.saved = signal(document);
    this.holding = signal(null); // the path of a box whose word is being chosen: not yet to be answered
    this.unreadable = signal(null); // why the JSON that stands in its box is none; the document is what stood there before
    this.found = signal([]); // the daemon's problems with the document: [{path, message}]
    this.checked = signal(null); // the document that they are of
    this.insisting = signal(false); // once saving was tried, what is blank is a mistake as well
    this.focusNext = null; // the path of the box to focus when it is there
    this.claims = signal(new Set()); // paths of the boxes that show their own mistakes
    this.finished = computed(() => finished(this.document.value, this.holding.value));
    this.changed = computed(() => this.unreadable.value !== null || !same(this.document.value, this.saved.value));
    this.mistakes = computed(() => {
      const { blanks, passed } = this.finished.value;
      return this.found.value.filter(({ path }) => !blanks.has(path) && !passed.has(path) && path !== "name");
    });
    this.problems = computed(() => {
      const blanks = this.insisting.value ? [...this.finished.value.blanks] : [];
      return [...this.mistakes.value, ...blanks.map(([path, message]) => ({ path, message }))];
    });
  }

  at(steps) {
    return at(this.document.value, steps);
  }

  replace(document, focus = null) {
    batch(() => {
      this.focusNext = focus && pathOf(focus);
      this.document.value = document;
    });
  }

  put(steps, value, focus = null) {
    this.replace(put(this.document.value, steps, value), focus);
  }

  drop(steps, focus = null) {
    this.replace(drop(this.document.value, steps), focus);
  }
}
