// Lengths as the language writes them: `90s`, `10m`, `1h30m`, `5d`, `2w`.

const SECONDS = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 };
const WORDS = { w: "week", d: "day", h: "hour", m: "minute", s: "second" };

const parts = (text) => [...text.matchAll(/(\d+)([wdhms])/g)].map(([, count, unit]) => [Number(count), unit]);

/** In milliseconds. */
export function milliseconds(text) {
  return parts(text).reduce((sum, [count, unit]) => sum + count * SECONDS[unit] * 1000, 0);
}

/** `1 hour 30 minutes`, as in the daemon's sentences. */
export function lengthInWords(text) {
  return parts(text)
    .map(([count, unit]) => `${count} ${WORDS[unit]}${count === 1 ? "" : "s"}`)
    .join(" ");
}
