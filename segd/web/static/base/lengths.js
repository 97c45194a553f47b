// Lengths as the language writes them: `90s`, `10m`, `1h30m`, `5d`, `2w`.

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const WORDS = { s: "second", m: "minute", h: "hour", d: "day", w: "week" };
export const UNITS = Object.keys(WORDS);

export const unitWord = (unit, count) => WORDS[unit] + (Number(count) === 1 ? "" : "s");

const parts = (text) => [...text.matchAll(/(\d+)([wdhms])/g)].map(([, count, unit]) => [Number(count), unit]);

/** In milliseconds. */
export function milliseconds(text) {
  return parts(text).reduce((sum, [count, unit]) => sum + count * SECONDS[unit] * 1000, 0);
}

/** `1 hour 30 minutes`, as in the daemon's sentences. */
export function lengthInWords(text) {
  return parts(text)
    .map(([count, unit]) => `${count} ${unitWord(unit, count)}`)
    .join(" ");
}

/** {number, unit}, or null where it is not one number and one unit. A lone unit is a length without its number. */
export function splitLength(text) {
  const match = /^-?(\d{0,12})([wdhms])$/.exec(text ?? "");
  return match && { number: match[1] && String(Number(match[1])), unit: match[2] };
}

/** number: as typed. What would be no length is kept as it is, to be mended. */
export function joinLength(number, unit) {
  const typed = number.trim();
  return /[a-z]$/i.test(typed) ? typed : typed + unit;
}
