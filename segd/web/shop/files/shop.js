// The cart, and what segd is told of a visit, by the library that any site would use.

const { writeKey, page, product } = document.body.dataset;
const analytics = AnalyticsNext.AnalyticsBrowser.load({ writeKey, cdnURL: location.origin });
const PARCEL_MILLISECONDS = 90_000;

const find = (id) => document.getElementById(id);
const say = (sentence) => (find("said").textContent = sentence);

// How many of each product, by id.
const cart = new Map(JSON.parse(localStorage.getItem("cart") ?? "[]"));

function keep() {
  localStorage.setItem("cart", JSON.stringify([...cart]));
  show();
}

function show() {
  find("count").textContent = [...cart.values()].reduce((sum, times) => sum + times, 0);
  if (!find("lines")) return;
  for (const line of lines()) {
    const times = cart.get(line.product.product_id) ?? 0;
    line.element.hidden = times === 0;
    line.element.querySelector(".times").textContent = times > 1 ? `× ${times}` : "";
  }
  find("total").textContent = `$${total().toFixed(2)}`;
  find("lines").hidden = find("buying").hidden = cart.size === 0;
  find("empty").hidden = cart.size > 0 || find("said").textContent !== "";
}

function lines() {
  return [...document.querySelectorAll("#lines [data-product]")].map((element) => ({ element, product: JSON.parse(element.dataset.product) }));
}

function total() {
  return lines().reduce((sum, { product }) => sum + product.price * (cart.get(product.product_id) ?? 0), 0);
}

async function introduce() {
  const user = await analytics.user();
  const id = user.id();
  find("who").textContent = id ?? `visitor ${user.anonymousId().slice(0, 8)}`;
  find("who").href = id ? `/users/${encodeURIComponent(id)}` : `/users/${encodeURIComponent(user.anonymousId())}?anonymous=true`;
}

function add() {
  const put = JSON.parse(product);
  cart.set(put.product_id, (cart.get(put.product_id) ?? 0) + 1);
  keep();
  analytics.track("Added To Cart", put);
  say("It is in the cart. If you buy nothing for 30 seconds, you qualify.");
}

function buy() {
  const bought = { order_id: crypto.randomUUID(), price: total(), delivery_at: new Date(Date.now() + PARCEL_MILLISECONDS).toISOString() };
  analytics.track("Order Completed", bought);
  say("Thank you. Your parcel arrives in a minute and a half.");
  cart.clear();
  keep();
}

function clear() {
  cart.clear();
  keep();
}

async function signIn(event) {
  event.preventDefault();
  const email = find("email").value.trim();
  await analytics.identify(email, { email });
  find("sign-in").reset();
  await introduce();
}

async function beNew() {
  await analytics.reset();
  clear();
  await introduce();
}

find("add")?.addEventListener("click", add);
find("buy")?.addEventListener("click", buy);
find("clear")?.addEventListener("click", clear);
find("sign-in").addEventListener("submit", signIn);
find("new").addEventListener("click", beNew);

show();
analytics.page(page);
if (product) analytics.track("Product Viewed", JSON.parse(product));
introduce();
