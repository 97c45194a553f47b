// A thousand mixed calls by @segment/analytics-node, unmodified but for the host: `node calls.mjs PACKAGE HOST KEY`.
// PACKAGE is the directory that it was installed into. Says what could not be delivered.

import { createRequire } from "node:module";

const [, , directory, host, writeKey] = process.argv;
const { Analytics } = createRequire(`${directory}/`)("@segment/analytics-node");
const analytics = new Analytics({ writeKey, host, flushInterval: 50, maxRetries: 20 });
const failed = [];
analytics.on("error", (error) => failed.push(error));

for (let number = 0; number < 100; number += 1) {
  const userId = `user ${number}`;
  const anonymousId = `device ${number}`;
  analytics.track({ userId, event: "Cart", properties: { item: number } });
  analytics.track({ userId, event: "Charged", properties: { amount: number } });
  analytics.track({ anonymousId, event: "Viewed" });
  analytics.identify({ userId, traits: { plan: "pro" } });
  analytics.identify({ anonymousId, traits: { language: "de" } });
  analytics.page({ userId, category: "shop", name: "Home", properties: { url: "https://shop.example/" } });
  analytics.page({ anonymousId, name: "Landing" });
  analytics.screen({ anonymousId, name: "Cart" });
  analytics.group({ userId, groupId: `group ${number % 3}` });
  analytics.alias({ previousId: anonymousId, userId });
}
await analytics.closeAndFlush({ timeout: 0 }); // none: else it drops what it has after 75 s, and says so too late
if (failed.length) {
  console.error(`${failed.length} failed:`, failed[0]);
  process.exitCode = 1;
}
