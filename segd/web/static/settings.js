// Write keys, API tokens, webhooks, how it looks, and what runs here.

import { ApiError, del, post, stay, useData } from "./base/api.js";
import { html, useEffect, useState } from "./base/html.js";
import { ago, exact, zoneInWords } from "./base/format.js";
import { enable, enabled } from "./base/keys.js";
import { place, useTitle } from "./base/router.js";
import { useSegments } from "./base/segments.js";
import { manages, status } from "./base/status.js";
import { choose, theme } from "./base/theme.js";
import { Badge, Button, Time } from "./parts/basics.js";
import { Card } from "./parts/card.js";
import { Check, Choice, CopyLine } from "./parts/fields.js";
import { Dialog, Menu, confirm, toast, tried } from "./parts/overlays.js";
import { Loaded, sentence } from "./parts/states.js";

const THEMES = [
  { value: "", label: "As the system" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

export default function Settings() {
  useTitle("Settings");
  return html`
    <div class="page-head"><div class="title"><h1>Settings</h1></div></div>
    <div class="pair">
      <${Look} />
      <${About} />
    </div>
    <${Keys} />
    ${manages.value
      ? html`<${Tokens} /><${Webhooks} />`
      : status.value && html`<${Card} title="API tokens and webhooks"><p class="second">The token that you signed in with may only read. Sign in with one that may also change to see them.</p><//>`}
  `;
}

function Look() {
  return html`<${Card} title="Look and keyboard">
    <div class="stack">
      <${Choice} label="Theme" options=${THEMES} value=${theme.value} onChange=${choose} />
      <${Check} label="Single keys are shortcuts (? shows them)" checked=${enabled.value} onChange=${enable} />
    </div>
  <//>`;
}

function About() {
  const about = status.value;
  const facts = [
    ["Version", about?.version],
    ["Zone", zoneInWords()],
    ["Events taken", exact(about?.events)],
    ["Users known", exact(about?.users)],
  ];
  const leave = async () => {
    await tried("Could not sign out", () => del("/session"));
    window.location.assign("/login");
  };
  return html`<${Card} title="This segd" actions=${html`<${Button} small onClick=${leave}>Sign out<//>`}>
    <dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd class="numbers">${value ?? "–"}</dd>`)}</dl>
  <//>`;
}

function Keys() {
  const found = useData("/keys");
  return html`<${Card} title="Write keys" note="public: apps and sites carry them to send events" actions=${html`<${Button} small icon="code" href="/live/connect">Snippets<//>`}>
    <${Loaded} of=${found} what="Could not read the write keys" rows=${1} height=${44}>
      ${({ writeKeys }) => html`<div class="stack tight">${writeKeys.map((key) => html`<${CopyLine} text=${key} label="Copy the write key" />`)}</div>`}
    <//>
  <//>`;
}

/** Rows whose last cell is what can be done with them. */
function Table({ heads, children }) {
  return html`<div class="scroll-x"><table class="table">
    <thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}<th scope="col"><span class="hidden">Actions</span></th></tr></thead>
    <tbody>${children}</tbody>
  </table></div>`;
}

/** What is shown this once. */
function Secret({ title, text, label, close, children }) {
  return html`<${Dialog} title=${title} holds onClose=${close} actions=${html`<${Button} kind="primary" onClick=${close}>Done<//>`}>
    <p>${children}</p>
    <div class="dialog-line"><${CopyLine} text=${text} label=${label} /></div>
  <//>`;
}

// API tokens

function Tokens() {
  const found = useData("/tokens");
  const [making, setMaking] = useState(false);
  const revoke = async (token) => {
    const yes = await confirm({
      title: `Revoke “${token.name}”?`,
      body: "Programs that use it are refused from now on, and browsers that signed in with it are signed out.",
      verb: "Revoke token",
    });
    if (yes && (await tried("Could not revoke the token", () => del(`/tokens/${token.id}`)))) found.reload();
  };
  return html`<${Card} title="API tokens" note="for programs" bare actions=${html`<${Button} small icon="plus" disabled=${found.data === null} onClick=${() => setMaking(true)}>Token<//>`}>
    <${Loaded} of=${found} what="Could not read the tokens" rows=${2} height=${44}>
      ${({ tokens }) =>
        tokens.length
          ? html`<${Table} heads=${["Name", "May", "Made", "Last used"]}>
              ${tokens.map(
                (token) => html`<tr>
                  <td class="strong">${token.name}</td>
                  <td class="second">${token.scope === "manage" ? "read and change" : "read"}</td>
                  <td class="second numbers nowrap"><${Time} at=${token.createdAt} /></td>
                  <td class="second numbers nowrap">${token.lastUsedAt ? ago(token.lastUsedAt) : "never"}</td>
                  <td class="right"><${Button} small kind="quiet" onClick=${() => revoke(token)}>Revoke<//></td>
                </tr>`,
              )}
            <//>`
          : html`<p class="card-body second">None. While there is none, everything on this machine may use the API; from the first one on, programs need one, and browsers sign in.</p>`}
    <//>
    ${making && html`<${NewToken} first=${found.data?.tokens.length === 0} close=${() => setMaking(false)} made=${found.reload} />`}
  <//>`;
}

const SCOPES = [
  { value: "read", label: "Read" },
  { value: "manage", label: "Read and change" },
];

/** The first token shuts the door for who came in without one: this browser signs in with it at once. */
async function make(wanted, first) {
  const made = await post("/tokens", wanted);
  if (first) await post("/session", { token: made.secret });
  return made;
}

/** first: there is no token yet. */
function NewToken({ first: none, close, made }) {
  const [first] = useState(none);
  const [name, setName] = useState("");
  const [scope, setScope] = useState(first ? "manage" : "read");
  const [secret, setSecret] = useState(null);
  const [wrong, setWrong] = useState("");
  const save = async (event) => {
    event.preventDefault();
    if (!name.trim()) return setWrong("Give it a name, like “Reporting job”.");
    try {
      const found = await stay(() => make({ name: name.trim(), scope }, first));
      setSecret(found.secret);
      return made();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return setWrong(sentence(error.message));
    }
  };
  if (secret) {
    return html`<${Secret} title=${`Token “${name.trim()}”`} text=${secret} label="Copy the token" close=${close}>
      Copy it now: it is shown this once. Send it as <code>Authorization: Bearer …</code>${first && " From now on everybody needs one; this browser is signed in with it."}
    <//>`;
  }
  return html`<${Dialog} title="New token" holds=${name !== ""} onClose=${close} actions=${html`<${Button} onClick=${close}>Cancel<//><${Button} kind="primary" onClick=${save}>Make token<//>`}>
    <form class="stack" onSubmit=${save}>
      <label class="field"><span>What it is for</span><input class="input" data-first="" value=${name} maxlength="200" aria-invalid=${Boolean(wrong)} onInput=${(event) => setName(event.target.value)} />${wrong && html`<em class="wrong">${wrong}</em>`}</label>
      <div class="field"><span>It may</span><${Choice} label="It may" options=${SCOPES} value=${scope} onChange=${setScope} /></div>
    </form>
  <//>`;
}

// Webhooks

function Webhooks() {
  const found = useData("/webhooks", { every: 10 });
  const chosen = place.value.query.get("segment");
  const [making, setMaking] = useState(false);
  const [opened, setOpened] = useState(false);
  useEffect(() => {
    if (!chosen || opened || !found.data) return;
    setOpened(true);
    document.getElementById("webhooks")?.scrollIntoView({ block: "start" });
    if (!found.data.webhooks.some((hook) => String(hook.segmentId) === chosen)) setMaking(true);
  }, [found.data]);
  const test = async (hook) => {
    const answer = await tried("Could not test the webhook", () => post(`/webhooks/${hook.id}/test`, {}));
    if (answer) toast(sentence(answer.message), { error: !answer.delivered });
    found.reload();
  };
  const again = async (hook) => {
    if (await tried("Could not switch the webhook on", () => post(`/webhooks/${hook.id}/redeliver`, { after: hook.cursor }))) found.reload();
  };
  const drop = async (hook) => {
    const yes = await confirm({ title: "Delete this webhook?", body: `Nothing of “${hook.segment}” is posted to ${hook.url} any more.`, verb: "Delete webhook" });
    if (yes && (await tried("Could not delete the webhook", () => del(`/webhooks/${hook.id}`)))) found.reload();
  };
  return html`<div id="webhooks"><${Card} title="Webhooks" note="a segment's log, posted and signed" bare actions=${html`<${Button} small icon="plus" onClick=${() => setMaking(true)}>Webhook<//>`}>
    <${Loaded} of=${found} what="Could not read the webhooks" rows=${2} height=${52}>
      ${({ webhooks }) =>
        webhooks.length
          ? html`<${Table} heads=${["Segment", "Posted to", "Last delivered", "Status"]}>
              ${webhooks.map(
                (hook) => html`<tr>
                  <td class="strong"><a class="plain" href=${`/segments/${hook.segmentId}`}>${hook.segment}</a></td>
                  <td><code class="second break">${hook.url}</code></td>
                  <td class="second numbers nowrap">${hook.deliveredAt ? ago(hook.deliveredAt) : "nothing yet"}</td>
                  <td>${hook.status === "off" ? html`<${Badge} tone="bad">Off<//>` : hook.failingSince ? html`<${Badge} tone="warn">Failing<//>` : html`<span class="third">Running</span>`}
                    ${(hook.reason || hook.failingSince) && html`<div class="label">${hook.reason ?? `since ${ago(hook.failingSince)}`}</div>`}</td>
                  <td class="right"><${Menu} small label=${`More for the webhook of ${hook.segment}`} items=${[
                    { label: "Send a test", icon: "arrow-out", run: () => test(hook) },
                    hook.status === "off" && { label: "Switch on", icon: "play", run: () => again(hook) },
                    { label: "Delete", icon: "delete", danger: true, run: () => drop(hook) },
                  ]} /></td>
                </tr>`,
              )}
            <//>`
          : html`<p class="card-body second">None. A webhook gets each entry of a segment's log at least once, in order, signed with its secret.</p>`}
    <//>
    ${making && html`<${NewWebhook} chosen=${chosen} close=${() => setMaking(false)} made=${found.reload} />`}
  <//></div>`;
}

function NewWebhook({ chosen, close, made }) {
  const segments = useSegments();
  const live = (segments.data ?? []).filter((segment) => segment.kind === "live");
  const [segment, setSegment] = useState(chosen ?? "");
  const [url, setUrl] = useState("");
  const [wrong, setWrong] = useState("");
  const [secret, setSecret] = useState(null);
  const save = async (event) => {
    event.preventDefault();
    try {
      const found = await post("/webhooks", { segment: Number(segment || live[0]?.id), url: url.trim() });
      setSecret(found.secret);
      made();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setWrong(sentence(error.details[0]?.message ?? error.message));
    }
  };
  if (secret) {
    return html`<${Secret} title="The webhook is on" text=${secret} label="Copy the secret" close=${close}>
      Each delivery is signed with this secret. Copy it now: it is shown this once.
    <//>`;
  }
  return html`<${Dialog} title="New webhook" holds=${url !== ""} onClose=${close} actions=${html`<${Button} onClick=${close}>Cancel<//><${Button} kind="primary" disabled=${!live.length} onClick=${save}>Add webhook<//>`}>
    <form class="stack" onSubmit=${save}>
      <label class="field"><span>Segment</span><select class="select" value=${segment || live[0]?.id} onChange=${(event) => setSegment(event.target.value)}>
        ${live.map((one) => html`<option value=${one.id}>${one.name}</option>`)}
      </select></label>
      <label class="field"><span>Address to post to</span><input class="input" data-first="" type="url" value=${url} aria-invalid=${Boolean(wrong)} onInput=${(event) => setUrl(event.target.value)} />
        <span class="label">For example https://example.com/hook</span>${wrong && html`<em class="wrong">${wrong}</em>`}</label>
    </form>
  <//>`;
}
