// Lengths in two boxes: a number and its unit. One of several units, `1h30m`, stays text in one box.

export const UNITS = [
  ["s", "second"],
  ["m", "minute"],
  ["h", "hour"],
  ["d", "day"],
  ["w", "week"],
];

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

export const unitWord = (unit, number) => {
  const [, word] = UNITS.find(([letter]) => letter === unit);
  return number === "1" ? word : `${word}s`;
};
