// The start of the dashboard.

import { html, render } from "./base/html.js";
import { startStatus } from "./base/status.js";
import "./base/keys.js";
import { Shell } from "./shell.js";

await startStatus(); // so that no time is drawn in a wrong zone first
render(html`<${Shell} />`, document.getElementById("app"));
