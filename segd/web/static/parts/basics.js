// The smallest parts: icons, buttons, badges, a title's path, times and numbers.

import { html } from "../base/html.js";
import { ago, exact, full, number, when } from "../base/format.js";

/** From the sprite in index.html. */
export function Icon({ name, size = 16, class: more = "" }) {
  return html`<svg class=${`icon ${more}`} width=${size} height=${size} aria-hidden="true"><use href=${`#i-${name}`} /></svg>`;
}

/**
 * kind: primary, plain (default), quiet, danger. With `href` a link that looks so. busy: says what is done instead.
 * label: for a button with an icon alone.
 */
export function Button({ kind = "plain", small, icon, label, busy, href, children, class: more = "", ...rest }) {
  const look = `button ${kind}${small ? " small" : ""}${children ? "" : " square"} ${more}`;
  const inner = html`${busy ? html`<i class="busy-mark" />` : icon && html`<${Icon} name=${icon} />`}${children && html`<span>${children}</span>`}`;
  if (href !== undefined) return html`<a class=${look} href=${href} aria-label=${label} title=${label} ...${rest}>${inner}</a>`;
  return html`<button type="button" class=${look} aria-label=${label} title=${label} disabled=${busy || rest.disabled} ...${rest}>${inner}</button>`;
}

/** A button that looks like a word. */
export function TextButton({ icon, children, href, ...rest }) {
  const inner = html`${icon && html`<${Icon} name=${icon} />`}<span>${children}</span>`;
  return href === undefined
    ? html`<button type="button" class="text-button" ...${rest}>${inner}</button>`
    : html`<a class="text-button" href=${href} ...${rest}>${inner}</a>`;
}

/** tone: "", live, past, warn, bad */
export function Badge({ tone = "", children, ...rest }) {
  return html`<span class=${`badge ${tone}`} ...${rest}>${children}</span>`;
}

/** @param {{kind: "live" | "past"}} props */
export function KindBadge({ kind }) {
  return html`<span class=${`badge ${kind}`}><i />${kind === "live" ? "Live" : "Past"}</span>`;
}

/** The way here. path: [[name, href], …], the last without href. */
export function Crumbs({ path }) {
  return html`<nav class="crumbs" aria-label="Path">
    ${path.map(
      ([name, href], i) => html`${i > 0 && html`<${Icon} name="chevron-right" size=${12} />`}
        ${href ? html`<a class="ellipsis" href=${href}>${name}</a>` : html`<span class="ellipsis" aria-current="page">${name}</span>`}`,
    )}
  </nav>`;
}

/** An instant; aging: counts "41 s ago". */
export function Time({ at, aging = false, class: look }) {
  if (!at) return html`<span class=${look}>–</span>`;
  return html`<time class=${look} datetime=${new Date(at).toISOString()} title=${full(at)}>${aging ? ago(at) : when(at)}</time>`;
}

/** A number, with all its digits on hover where they are not shown. */
export function Count({ value, class: look = "numbers" }) {
  return html`<span class=${look} title=${value > 999_999 ? exact(value) : undefined}>${number(value)}</span>`;
}

/** How a user is called: e-mail or name among the traits, else the id as it came. @param {{userId?, id?, traits?}} user */
export function userName(user) {
  return user.traits?.email || user.traits?.name || (user.userId ?? user.id);
}

/** A line of a list: a user, what is said of them, and more at the right. */
export function UserLine({ user, about, children }) {
  return html`<li class="user-line">
    <a class="grow" href=${userHref(user)}><span class="strong ellipsis">${userName(user)}</span><span class="label ellipsis">${about}</span></a>
    ${children}
  </li>`;
}

/** Where a user's page is. @param {{userId?: string, id?: string, anonymous?: boolean}} user */
export function userHref(user) {
  const id = encodeURIComponent(user.userId ?? user.id);
  return `/users/${id}${user.anonymous ? "?anonymous=true" : ""}`;
}
