// The frame around every view: places, the daemon's state at the foot, and the view of the place we are at.

import { Component, html, useEffect, useRef, useState } from "./base/html.js";
import { clock, rate, zoneInWords } from "./base/format.js";
import { SAVE_KEYS, enable, enabled, shown } from "./base/keys.js";
import { cutOff } from "./base/feed.js";
import { match, place } from "./base/router.js";
import { now, status, trouble, zone } from "./base/status.js";
import { routes } from "./routes.js";
import { Button, Icon } from "./parts/basics.js";
import { Check } from "./parts/fields.js";
import { Dialog, Overlays } from "./parts/overlays.js";
import { Empty, Failed, sentence } from "./parts/states.js";
import { Mark } from "./parts/strip.js";

const PLACES = [
  ["/segments", "Segments", "segments"],
  ["/live", "Live", "live"],
  ["/users", "Users", "users"],
  ["/settings", "Settings", "settings"],
];

export function Shell() {
  const found = match(routes, place.value.path);
  const page = html`<main id="page" tabindex="-1"><div class="page"><${Trouble} /><${View} found=${found} key=${place.value.path} /></div></main>`;
  if (found && found.route.place === null) return html`${page}<${Overlays} />`;
  return html`
    <a class="skip" href="#page">Skip to the page</a>
    <div class="shell">
      <header class="side"><div class="side-inner">
        <a class="wordmark" href="/segments" aria-label="segd"><${Mark} /><span>segd</span></a>
        <nav class="places" aria-label="Places">
          ${PLACES.map(
            ([href, name, icon]) =>
              html`<a href=${href} aria-current=${found?.route.place === href ? "page" : undefined}><${Icon} name=${icon} /><span>${name}</span></a>`,
          )}
        </nav>
        <${Shop} />
        <${Foot} />
      </div></header>
      ${page}
    </div>
    <${Overlays} /><${Shortcuts} />
  `;
}

/** In the demo there is a shop: what one does there is followed as any other site's visitors are. */
function Shop() {
  return status.value?.demo && html`<a class="shop-link" href="/shop" target="_blank"><span>Visit the shop</span><${Icon} name="arrow-out" /></a>`;
}

function Foot() {
  const well = status.value && !trouble.value;
  const word = trouble.value ? (status.value?.unready ? "Not receiving" : "Offline") : status.value ? "Receiving" : "Connecting";
  return html`<div class="foot">
    <div class="spread">
      <span class="row" title=${trouble.value ?? word}><i class=${`dot ${trouble.value ? "bad" : well ? "on" : ""}`} /><span class="wide-only narrow-hidden">${word}</span></span>
      <strong class="wide-only rate">${well ? rate(status.value.eventsPerSecond) : "–"}</strong>
    </div>
    <div class="spread wide-only narrow-hidden">
      <span title=${zoneInWords()}>${zone.value}</span><strong>${clock(now.value)}</strong>
    </div>
  </div>`;
}

/** Over a view without a feed that would say so. */
function Trouble() {
  if (!trouble.value || cutOff.value) return null;
  return html`<div class="notice alone" role="status"><${Icon} name="warning" />${sentence(trouble.value)} What is shown may be old, and comes up to date by itself.</div>`;
}

/** Loads the view's module; what a view throws is shown in its place. */
function View({ found }) {
  const [view, setView] = useState(null);
  const [error, setError] = useState(null);
  const first = useRef(performance.now());
  useEffect(() => {
    if (!found) return;
    found.route.load().then(
      (module) => setView(() => module.default),
      (failure) => {
        console.error(failure);
        setError(failure);
      },
    );
  }, []);
  useEffect(() => {
    // A new view is announced from its top; at the very first load the browser does that.
    if (first.current > 2000) document.getElementById("page")?.focus({ preventScroll: true });
  }, []);
  if (!found) {
    return html`<h1 class="hidden">Nothing is here</h1><${Empty} title="There is no such page" action=${html`<${Button} href="/segments">Segments<//>`}>${place.value.path} is no place of segd.<//>`;
  }
  if (error) return html`<${Failed} what="Could not open this view" error=${error} retry=${() => window.location.reload()} />`;
  return view && html`<${Boundary}><${view} ...${found.params} /><//>`;
}

class Boundary extends Component {
  state = { error: null };

  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return html`<${Failed} what="This view broke" error=${error} retry=${() => this.setState({ error: null })} />`;
  }
}

const KEYS = [
  ["Search", ["/"]],
  ["New segment", ["n"]],
  ["Segments", ["g", "s"]],
  ["Live", ["g", "l"]],
  ["Users", ["g", "u"]],
  ["Settings", ["g", "e"]],
  ["Save, in the editor", [SAVE_KEYS]],
  ["Walk the points of a chart", ["←", "→"]],
  ["This list", ["?"]],
];

function Shortcuts() {
  if (!shown.value) return null;
  const close = () => (shown.value = false);
  return html`<${Dialog} title="Keyboard" onClose=${close} actions=${html`<${Button} data-first="" onClick=${close}>Close<//>`}>
    <dl class="keys-list">
      ${KEYS.map(([what, keys]) => html`<dt>${what}</dt><dd>${keys.map((key) => html` <kbd>${key}</kbd>`)}</dd>`)}
    </dl>
    <p><${Check} label="Single keys are shortcuts" checked=${enabled.value} onChange=${enable} /></p>
  <//>`;
}
