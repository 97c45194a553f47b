// What stands above the page: dialogs, questions, toasts, menus. `Overlays` is drawn once, by the shell.

import { ApiError } from "../base/api.js";
import { html, signal, useCallback, useEffect, useLayoutEffect, useRef, useState } from "../base/html.js";
import { useReloadGuard } from "../base/router.js";
import { Button, Icon } from "./basics.js";

/**
 * A modal dialog; Escape and a click beside it close it. holds: something that would be lost, so that a click beside it
 * does not, and a reload asks.
 */
export function Dialog({ title, children, onClose, actions, holds = false }) {
  const dialog = useRef(null);
  useReloadGuard(useCallback(() => holds, [holds]));
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element.showModal();
    element.querySelector("[data-first]")?.focus();
    return () => {
      element.close();
      before?.focus?.();
    };
  }, []);
  return html`<dialog
    class="dialog" ref=${dialog} aria-label=${title}
    onCancel=${(event) => { event.preventDefault(); onClose(); }}
    onPointerDown=${(event) => !holds && event.target === dialog.current && outside(event, dialog.current) && onClose()}
  >
    <h2>${title}</h2>${children}<div class="actions">${actions}</div>
  </dialog>`;
}

function outside(event, element) {
  const box = element.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

// Questions

const question = signal(null);

/**
 * Ask before what cannot be undone: focus starts on what keeps things as they are.
 * @param {{title: string, body: any, keep?: string, verb: string, danger?: boolean}} asked
 * @returns {Promise<boolean>} whether to do it
 */
export function confirm(asked) {
  question.value?.answer(false);
  return new Promise((resolve) => {
    question.value = {
      ...asked,
      answer(yes) {
        question.value = null;
        resolve(yes);
      },
    };
  });
}

function Question() {
  const asked = question.value;
  if (!asked) return null;
  return html`<${Dialog}
    title=${asked.title} onClose=${() => asked.answer(false)}
    actions=${html`<${Button} data-first="" onClick=${() => asked.answer(false)}>${asked.keep ?? "Keep it"}<//>
      <${Button} kind=${asked.danger === false ? "primary" : "danger"} onClick=${() => asked.answer(true)}>${asked.verb}<//>`}
  ><p>${asked.body}</p><//>`;
}

// Toasts

const TOAST_MILLISECONDS = 6000;
const said = signal(null);

/** One line at the foot, for a while; an error stays until closed. action: {label, run}. */
export function toast(text, { error = false, action } = {}) {
  said.value = { text, error, action, key: {} };
}

/** What `run` answers, or null with a toast that says what failed. */
export async function tried(what, run) {
  try {
    return (await run()) ?? true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(`${what}: ${error.message}`, { error: true });
    return null;
  }
}

function Toast() {
  const message = said.value;
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (!message || message.error || held) return undefined;
    const timer = setTimeout(() => (said.value = null), TOAST_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [message, held]);
  const close = () => (said.value = null);
  return html`<div
    class="toasts" role="status"
    onPointerEnter=${() => setHeld(true)} onPointerLeave=${() => setHeld(false)} onFocusIn=${() => setHeld(true)} onFocusOut=${() => setHeld(false)}
  >
    ${message &&
    html`<div class="toast">
      <span class=${message.error ? "row bad-text" : "row"}><${Icon} name=${message.error ? "warning" : "check"} /><span class="strong">${message.text}</span></span>
      ${message.action && html`<${Button} kind="quiet" small onClick=${() => { close(); message.action.run(); }}>${message.action.label}<//>`}
      ${message.error && html`<${Button} kind="quiet" small icon="close" label="Close" onClick=${close} />`}
    </div>`}
  </div>`;
}

export function Overlays() {
  return html`<${Question} /><${Toast} />`;
}

// Menus

/** The ⋯ button and what it opens. items: [{label, icon, run | href, danger, download}]; falsy ones are left out. */
export function Menu({ label, items, small = false, class: look = "always" }) {
  const [open, setOpen] = useState(false);
  const box = useRef(null);
  const list = useRef(null);
  const close = (back) => {
    setOpen(false);
    if (back) box.current.querySelector("button").focus();
  };
  useLayoutEffect(() => {
    if (!open) return undefined;
    const anchor = box.current.getBoundingClientRect();
    const menu = list.current;
    menu.showPopover(); // above everything, whatever contains the button
    menu.style.left = `${Math.max(8, anchor.right - menu.offsetWidth)}px`;
    const below = anchor.bottom + 4;
    menu.style.top = `${below + menu.offsetHeight > window.innerHeight - 8 ? anchor.top - 4 - menu.offsetHeight : below}px`;
    menu.querySelector("[role=menuitem]").focus();
    const away = (event) => box.current.contains(event.target) || close(false);
    const scroll = () => close(false);
    document.addEventListener("pointerdown", away);
    window.addEventListener("scroll", scroll, true);
    return () => {
      document.removeEventListener("pointerdown", away);
      window.removeEventListener("scroll", scroll, true);
    };
  }, [open]);
  const press = (event) => {
    const all = [...list.current.querySelectorAll("[role=menuitem]")];
    const at = all.indexOf(document.activeElement);
    const move = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (move !== undefined) all.at(move % all.length).focus();
    else if (event.key === "Escape") close(true);
    else if (event.key === "Tab") return close(false);
    else return undefined;
    event.preventDefault();
    return undefined;
  };
  return html`<span ref=${box} class=${look}>
    <${Button} small=${small} kind=${small ? "quiet" : "plain"} icon="more" label=${label} aria-haspopup="menu" aria-expanded=${open} onClick=${() => setOpen(!open)} />
    ${open &&
    html`<div class="menu" popover="manual" role="menu" aria-label=${label} ref=${list} onKeyDown=${press}>
      ${items.filter(Boolean).map((item) => {
        const inner = html`${item.icon && html`<${Icon} name=${item.icon} />`}<span>${item.label}</span>`;
        const look = item.danger ? "danger" : "";
        return item.href
          ? html`<a role="menuitem" tabindex="-1" class=${look} href=${item.href} download=${item.download} onClick=${() => close(true)}>${inner}</a>`
          : html`<button type="button" role="menuitem" tabindex="-1" class=${look} onClick=${() => { close(true); item.run(); }}>${inner}</button>`;
      })}
    </div>`}
  </span>`;
}
