// Signing in: with a token, where the link that segd printed at its start is used up.

import { ApiError, post } from "./base/api.js";
import { html, useState } from "./base/html.js";
import { place, useTitle } from "./base/router.js";
import { Button } from "./parts/basics.js";
import { sentence } from "./parts/states.js";
import { Mark } from "./parts/strip.js";

/** Why a link to sign in did not work, by the code it came back with. */
const LINKS = {
  unauthorized: "This link was used already, or is from an earlier start of segd.",
  bad_origin: "A link to sign in cannot be followed from another site. Copy it into the address bar.",
};

export default function Login() {
  useTitle("Sign in");
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  const refused = LINKS[place.value.query.get("refused")];
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await post("/session", { token: token.trim() });
      window.location.assign(next());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setWrong(sentence(error.message));
      setBusy(false);
    }
  };
  return html`<div class="door">
    <a class="wordmark" href="/login" aria-label="segd"><${Mark} /><span>segd</span></a>
    <form class="card" onSubmit=${save}>
      <h1>Sign in</h1>
      ${refused && html`<p class="notice alone" role="status">${refused}</p>`}
      <p class="second">Open the link that segd printed when it started, or give an API token. <code>segd keys create NAME</code> makes one.</p>
      <input class="hidden" type="text" autocomplete="username" value="segd" tabindex="-1" aria-hidden="true" readonly />
      <label class="field"><span>API token</span>
        <input class="input" type="password" autocomplete="current-password" value=${token} aria-invalid=${Boolean(wrong)} aria-describedby=${wrong ? "wrong" : undefined}
          onInput=${(event) => setToken(event.target.value)} />
        ${wrong && html`<em class="wrong" id="wrong" role="alert">${wrong}</em>`}
      </label>
      <${Button} kind="primary" type="submit" busy=${busy} disabled=${!token.trim()}>Sign in<//>
    </form>
  </div>`;
}

/** A path of ours to go back to, never another site. */
function next() {
  const wanted = place.value.query.get("next") ?? "/";
  return /^\/(?![/\\])/.test(wanted) ? wanted : "/";
}
