// Whether a document has the shape that the sentence is drawn of. What it says may still be wrong: that the daemon tells.

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isTextOr = (value) => value === undefined || typeof value === "string";
const isListOf = (value, holds) => value === undefined || (Array.isArray(value) && value.every(holds));
const isTest = (value) => isObject(value) && isTextOr(value.property) && typeof value.op === "string";
const isSelector = (value) => isObject(value) && isTextOr(value.event) && isListOf(value.where, isTest);
const isSelectors = (value) => (Array.isArray(value) ? value.length > 0 && value.every(isSelector) : isSelector(value));
const isTexts = (value) => isListOf(value, (entry) => typeof entry === "string");
const isFigure = (value) => value === undefined || (isObject(value) && typeof value.op === "string" && isTextOr(value.property));

const isWhen = (value) => {
  if (value === undefined) return true;
  if (!isObject(value) || !isTextOr(value.last) || !isTextOr(value.from) || !isTextOr(value.to)) return false;
  const ways = ["last" in value, "from" in value || "to" in value, "days_ago" in value].filter(Boolean);
  return ways.length === 1 && (value.days_ago === undefined || (Array.isArray(value.days_ago) && value.days_ago.length === 2));
};

function isCondition(value) {
  if (!isObject(value)) return false;
  switch (value.type) {
    case "all":
    case "any":
      return Array.isArray(value.of) && value.of.length > 0 && value.of.every(isCondition);
    case "not":
      return isCondition(value.of);
    case "did":
    case "did_not":
      return isSelector(value) && isWhen(value.when) && isFigure(value.count) && isFigure(value.measure);
    case "profile":
      return isTest(value);
    case "in_segment":
      return isTextOr(value.segment) && isWhen(value.when);
    default:
      return value.type === "reachable" && typeof value.channel === "string";
  }
}

function isTrigger(on) {
  if (!isObject(on)) return false;
  switch (on.type) {
    case "action":
      return isSelectors(on.did);
    case "inaction":
      return isSelectors(on.did) && isSelectors(on.did_not) && isTextOr(on.within) && isTexts(on.same);
    case "date":
      return (
        isListOf(on.where, isTest) &&
        ["event", "property", "profile", "offset", "at", "zone"].every((name) => isTextOr(on[name])) &&
        isTexts(on.key) &&
        (on.unless === undefined || isSelectors(on.unless))
      );
    default:
      return ["page_visit", "referrer", "page_count"].includes(on.type) && isListOf(on.where, isTest) && isTextOr(on.per) && isTextOr(on.idle);
  }
}

export function isShowable(document) {
  if (!isObject(document) || !isTextOr(document.name) || !isTextOr(document.zone)) return false;
  if (document.kind === "past") return isCondition(document.where);
  return document.kind === "live" && isTrigger(document.on) && isTextOr(document.again) && (document.filter === undefined || isCondition(document.filter));
}
