// Whom a segment's users can be reached by: count and share of each channel, and of whom.

import { html } from "../base/html.js";
import { exact, number, share } from "../base/format.js";
import { Card } from "./card.js";

const NAMES = { email: "E-mail", push: "Push", web_push: "Web push", sms: "SMS", whatsapp: "WhatsApp" };
const ORDER = Object.keys(NAMES);

/** reachability: of a report. tone: live or past. of: whose share it is, in words, where the label is not it. */
export function Reachability({ reachability, tone, of }) {
  const { of: all, reached } = reachability;
  const channels = [...reachability.channels].sort((a, b) => ORDER.indexOf(a.channel) - ORDER.indexOf(b.channel));
  return html`<${Card}
    label="Reachability" bare
    foot=${reached ? html`By at least one channel <b class="numbers">${exact(reached)}</b>, ${share(reached / all, { rough: true })}.` : "No channel reaches any of them yet."}
  >
    <header class="card-head tall"><div><h2>Reachability</h2>
      <div class="small third">of <span class="numbers">${number(all)}</span> ${of ?? reachability.label}</div>
    </div></header>
    <div class="card-body"><dl class="bars">
      ${channels.map(
        (channel) => html`<div>
          <dt>${NAMES[channel.channel]}</dt>
          <dd class="track"><svg width="100%" height="8" aria-hidden="true"><rect width=${`${Math.min(1, channel.share) * 100}%`} height="8" fill=${`var(--${tone}-fill)`} /></svg></dd>
          <dd class="count">${number(channel.count)}</dd>
          <dd class="share">${share(all ? channel.share : null, { rough: true })}</dd>
        </div>`,
      )}
    </dl></div>
  <//>`;
}
