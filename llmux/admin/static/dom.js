// Elements and words. Text from outside becomes text only: nothing here, or elsewhere on the page, makes markup of it.

export const byId = (id) => document.getElementById(id);

/** An element with attributes; `className` and others as properties. Children are elements or text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set a text, if it is another: what does not change is not painted, and not read out, again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show `items` in `parent`, an element each, kept by key: focus and what is open stay where they are. */
export function list(parent, items, keyOf, create, update) {
  parent.kept ??= new Map();
  const kept = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const element = parent.kept.get(key) ?? create(item);
    update(element, item);
    kept.set(key, element);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const [key, element] of parent.kept) if (!kept.has(key)) element.remove();
  parent.kept = kept;
}

export const whole = (number) => Math.round(number).toLocaleString("en-US");

export function short(number) {
  if (number < 10_000) return whole(number);
  const [by, unit] = number < 1_000_000 ? [1000, "k"] : [1_000_000, "M"];
  return `${(number / by).toPrecision(3).replace(/\.?0+$/, "")} ${unit}`;
}

export function money(usd) {
  if (usd === null || usd === undefined) return "–";
  if (usd === 0) return "$0";
  return usd < 0.01 ? `$${Number(usd.toPrecision(2)).toFixed(6).replace(/0+$/, "")}` : `$${usd.toFixed(2)}`;
}

export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${Number.isInteger(seconds) ? seconds : seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

const two = (number) => String(number).padStart(2, "0");

export function time(unix, seconds = true) {
  const at = new Date(unix * 1000);
  return `${two(at.getHours())}:${two(at.getMinutes())}${seconds ? `:${two(at.getSeconds())}` : ""}`;
}
