// Numbers, lengths and instants in words: numbers in the reader's locale, instants in the account's zone.

import { now, zone } from "./status.js";

const EN_DASH = "–";
const whole = new Intl.NumberFormat();
const millions = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const oneDecimal = new Intl.NumberFormat(undefined, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const noDecimal = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const decimals = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const LOCALE = navigator.language;

/** Exact up to 999,999, then `1.2 M`; a dash where it is not known. */
export function number(value) {
  if (value === null || value === undefined) return EN_DASH;
  return Math.abs(value) > 999_999 ? millions.format(value).replace(/(\d)([A-Z])/, "$1 $2") : whole.format(value);
}

/** All its digits. */
export function exact(value) {
  return value === null || value === undefined ? EN_DASH : whole.format(value);
}

/** A share between 0 and 1. rough: without a decimal, as beside bars. */
export function share(value, { rough = false } = {}) {
  if (value === null || value === undefined || !Number.isFinite(value)) return EN_DASH;
  return (rough ? noDecimal : oneDecimal).format(value);
}

/** As amounts are written: whole, or with two decimals. */
export function decimal(value) {
  return Number.isInteger(value) ? whole.format(value) : cents.format(value);
}

export function rate(perSecond) {
  return perSecond === null || perSecond === undefined ? EN_DASH : `${decimals.format(perSecond)} events/s`;
}

/** `640 ms`, `1.2 s`. */
export function length(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return EN_DASH;
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${decimals.format(milliseconds / 1000)} s`;
}

export function plural(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}

// Instants

const formats = {};

/** By a format that is made once. Without a zone in the options, in the account's. */
export function formatted(at, options, locale = LOCALE) {
  const key = `${locale} ${zone.value} ${JSON.stringify(options)}`;
  formats[key] ??= new Intl.DateTimeFormat(locale, { timeZone: zone.value, ...options });
  return formats[key].format(new Date(at));
}

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const FORMS = {
  seconds: { ...CLOCK, second: "2-digit" },
  minutes: CLOCK,
  weekday: { weekday: "short" },
  dayOfMonth: { day: "numeric" },
  month: { month: "short" },
  year: { year: "numeric" },
  full: { dateStyle: "medium", timeStyle: "long", hourCycle: "h23" },
  numbers: { year: "numeric", month: "2-digit", day: "2-digit" },
};

/** The calendar day in the account's zone, as `2026-11-22`. */
export const dayOf = (at) => formatted(at, FORMS.numbers, "en-CA");

/** `14:31:58` */
export const clock = (at) => formatted(at, FORMS.seconds);
/** `14:31` */
export const minutes = (at) => formatted(at, FORMS.minutes);
/** `18 Nov`, and with another year `18 Nov 2025` */
export function day(at) {
  const text = `${dayOfMonth(at)} ${month(at)}`;
  return year(at) === year(now.peek()) ? text : `${text} ${year(at)}`;
}
const weekday = (at) => formatted(at, FORMS.weekday);
const month = (at) => formatted(at, FORMS.month);
const dayOfMonth = (at) => formatted(at, FORMS.dayOfMonth);
const year = (at) => formatted(at, FORMS.year);
/** `12 Nov 2026, 10:04` */
export const dayAndTime = (at) => `${dayOfMonth(at)} ${month(at)} ${year(at)}, ${minutes(at)}`;
/** With the zone's offset, for titles. */
export const full = (at) => formatted(at, FORMS.full);

/** `Europe/Berlin (CET)` */
export function zoneInWords() {
  const name = new Intl.DateTimeFormat("en-GB", { timeZone: zone.value, timeZoneName: "short" })
    .formatToParts(new Date(now.peek()))
    .find((part) => part.type === "timeZoneName")?.value;
  return !name || name === zone.value ? zone.value : `${zone.value} (${name})`;
}

/** A calendar day, as `2026-11-22`, at its noon in UTC: to format days that are no instants. */
const noon = (isoDay) => new Date(`${isoDay}T12:00:00Z`);
const ofDay = (isoDay, name) => formatted(noon(isoDay), { ...FORMS[name], timeZone: "UTC" });
/** `Tue 17 Nov` of `2026-11-17` */
export const dayInWords = (isoDay) => `${weekdayTick(isoDay)} ${ofDay(isoDay, "month")}`;
/** `17`, or with its month `17 Nov` */
export const dayTick = (isoDay, withMonth) =>
  ofDay(isoDay, "dayOfMonth") + (withMonth ? ` ${ofDay(isoDay, "month")}` : "");
/** `Tue 17` */
export const weekdayTick = (isoDay) => `${ofDay(isoDay, "weekday")} ${ofDay(isoDay, "dayOfMonth")}`;
export const nextDay = (isoDay, days = 1) => new Date(noon(isoDay).getTime() + days * 86_400_000).toISOString().slice(0, 10);

/** `41 s ago`, today `14:31:58`, this week `Thu 22:00`, else `18 Nov 09:12`. Reads `now`: it ages by itself. */
export function ago(at) {
  const then = Date.parse(at);
  const seconds = Math.round((now.value - then) / 1000);
  if (seconds < 0) return clock(then);
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return when(then);
}

/** How long until an instant that is to come: `in 41 s`, `in 18 h`, else `on 18 Nov 09:12`. Reads `now`. */
export function until(at) {
  const seconds = Math.max(0, Math.ceil((Date.parse(at) - now.value) / 1000));
  if (seconds < 60) return `in ${seconds} s`;
  if (seconds < 3600) return `in ${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `in ${Math.floor(seconds / 3600)} h`;
  return `on ${day(Date.parse(at))} ${minutes(Date.parse(at))}`;
}

/** As `ago`, without counting: what stands in a feed. */
export function when(at) {
  const then = typeof at === "string" ? Date.parse(at) : at;
  const today = dayOf(now.peek());
  const itsDay = dayOf(then);
  if (itsDay === today) return clock(then);
  if (itsDay < today && itsDay > nextDay(today, -7)) return `${weekday(then)} ${minutes(then)}`;
  return `${day(then)} ${minutes(then)}`;
}

/** As `when`, today without its seconds: `14:31`. */
export const brief = (at) => (dayOf(at) === dayOf(now.peek()) ? minutes(Date.parse(at)) : when(at));

/** The latest of instants as the API writes them, some of which may be missing; null where all are. */
export const latest = (...instants) => instants.filter(Boolean).sort().at(-1) ?? null;
