// A websocket that comes back by itself.

import { signal, useEffect, useRef } from "./html.js";

/** @typedef {{connected: boolean, since: number | null, retryAt: number | null, back: boolean}} FeedState
 *  since: when it broke, in milliseconds; null if it has not. back: connected again a moment ago. */

/** How many feeds of this view are cut off, which they say themselves. */
export const cutOff = signal(0);

const WAITS = [1, 2, 4, 8, 10]; // seconds
const BACK_SECONDS = 4;

/**
 * @param {string} path below /api
 * @param {(frame: any) => void} take each JSON frame
 * @param {() => void} [returned] called when it is connected again after a break
 */
function openFeed(path, take, returned) {
  const state = signal({ connected: false, since: null, retryAt: null, back: false });
  let socket = null;
  let timer = null;
  let failed = 0;
  let closed = false;

  function connect() {
    const scheme = window.location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${window.location.host}/api${path}`);
    socket.onmessage = (event) => {
      if (!state.value.connected) welcome();
      take(JSON.parse(event.data));
    };
    socket.onclose = () => {
      if (closed) return;
      const wait = WAITS[Math.min(failed, WAITS.length - 1)] * 1000;
      failed += 1;
      state.value = { connected: false, since: state.value.since ?? Date.now(), retryAt: Date.now() + wait, back: false };
      timer = setTimeout(connect, wait);
    };
  }

  function welcome() {
    const again = state.value.since !== null;
    failed = 0;
    state.value = { connected: true, since: null, retryAt: null, back: again };
    if (!again) return;
    returned?.();
    timer = setTimeout(() => (state.value = { ...state.value, back: false }), BACK_SECONDS * 1000);
  }

  connect();
  return {
    state,
    close() {
      closed = true;
      clearTimeout(timer);
      socket.onmessage = null;
      // One that is not open yet is closed once it is: browsers complain of the other on the console.
      if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
      else socket.close();
    },
  };
}

/** A feed for as long as the view is shown; null opens none. @returns {import("../vendor/signals.js").Signal<FeedState>} */
export function useFeed(path, take, returned) {
  const latest = useRef(null);
  latest.current = { take, returned };
  const state = useRef(null);
  state.current ??= signal({ connected: false, since: null, retryAt: null, back: false });
  useEffect(() => {
    if (path === null) return undefined;
    const feed = openFeed(path, (frame) => latest.current.take(frame), () => latest.current.returned?.());
    let counted = 0;
    const count = (broken) => {
      cutOff.value += broken - counted;
      counted = broken;
    };
    const stop = feed.state.subscribe((value) => {
      state.current.value = value;
      count(value.since === null ? 0 : 1);
    });
    return () => {
      stop();
      count(0);
      feed.close();
    };
  }, [path]);
  return state.current;
}
