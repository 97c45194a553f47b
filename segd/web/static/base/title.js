import { useEffect } from "./html.js";

/** The view's title in the browser's tab. */
export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} · segd` : "segd";
  }, [title]);
}
