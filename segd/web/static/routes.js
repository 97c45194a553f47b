// Every view: its path, the place it belongs to, and the module that draws it (its default export, given the params).

export const routes = [
  { path: "/", load: () => import("./segments.js"), place: "/segments" },
  { path: "/segments", load: () => import("./segments.js"), place: "/segments" },
  { path: "/segments/new", load: () => import("./editor/choose.js"), place: "/segments" },
  { path: "/segments/new/:type", load: () => import("./editor/edit.js"), place: "/segments" },
  { path: "/segments/:id", load: () => import("./report.js"), place: "/segments" },
  { path: "/segments/:id/edit", load: () => import("./editor/edit.js"), place: "/segments" },
  { path: "/live", load: () => import("./live.js"), place: "/live" },
  { path: "/live/connect", load: () => import("./connect.js"), place: "/live" },
  { path: "/users", load: () => import("./users.js"), place: "/users" },
  { path: "/users/:id", load: () => import("./users.js"), place: "/users" },
  { path: "/settings", load: () => import("./settings.js"), place: "/settings" },
  { path: "/login", load: () => import("./login.js"), place: null },
];
