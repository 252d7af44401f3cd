// Requests as they come, each with the way it took and why.
import { byId, list, make, money, say, span, time, whole } from "/ui/dom.js";

const FIRST = 10; // rows that are shown unless all are wanted
const open = new Set();
let all = false;
let held = null; // the rows as they were when the list was held
let latest = null;

export function build() {
  const again = () => latest && render(latest);
  byId("filter").addEventListener("input", again);
  byId("failed").addEventListener("change", again);
  byId("more").addEventListener("click", () => { all = !all; say(byId("more"), all ? "Show fewer" : "Show all"); again(); });
  byId("hold").addEventListener("click", () => {
    held = held ? null : structuredClone(latest?.requests ?? {});
    byId("hold").setAttribute("aria-pressed", String(Boolean(held)));
    again();
  });
}

export function render(state) {
  latest = state;
  const rows = Object.values(held ?? state.requests).filter(wanted).sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
  byId("no-requests").hidden = rows.length > 0;
  byId("more").hidden = rows.length <= FIRST;
  const lines = (all ? rows : rows.slice(0, FIRST)).flatMap((row) => (open.has(row.id) ? [row, { ...row, more: true }] : [row]));
  list(byId("requests"), lines, (row) => `${row.id}${row.more ? " more" : ""}`, (row) => (row.more ? createMore(row) : create(row)), (element, row) => (row.more ? updateMore : update)(element, row));
}

const number = (value) => (value === null || value === undefined ? "–" : whole(value));

function wanted(row) {
  const words = byId("filter").value.trim().toLowerCase();
  if (byId("failed").checked && !row.error && row.status < 400 && !row.failures.length) return false;
  return !words || [row.id, row.model, row.client, row.backend, row.error, ...row.plan].some((text) => text.toLowerCase().includes(words));
}

function create(row) {
  const button = make("button", { type: "button", class: "why", "aria-expanded": "false", "aria-label": `${time(row.at)}: why this route` }, time(row.at));
  button.addEventListener("click", () => {
    if (!open.delete(row.id)) open.add(row.id);
    render(latest);
  });
  const cells = ["", "clip", "route", "", "n", "n", "n", "n", "n"].map((name) => make("td", name ? { class: name } : {}));
  return make("tr", {}, make("th", { scope: "row" }, button), ...cells);
}

function update(element, row) {
  const [head, client, model, route, status, input, output, first, took, cost] = element.children;
  head.firstChild.setAttribute("aria-expanded", String(open.has(row.id)));
  say(client, row.status ? row.client || "–" : "…");
  say(model, row.model || row.path);
  model.title = row.model;
  const steps = way(row);
  list(route, steps.map((step, place) => ({ ...step, place })), (step) => step.place, () => make("span"), (chip, step) => {
    chip.className = `chip ${step.kind}`;
    say(chip, step.text);
  });
  status.className = row.status === 0 ? "muted" : row.status >= 400 || row.error ? "bad" : "ok";
  say(status, row.status === 0 ? "under way" : row.error ? `${row.status} ${row.error}` : String(row.status));
  const texts = [number(row.input_tokens), number(row.output_tokens), span(row.first_event_s), span(row.duration_s), money(row.usd)];
  [input, output, first, took, cost].forEach((cell, place) => say(cell, texts[place]));
}

/** The backends that were asked, in order: those that failed, then the one that answered or is asked now. */
function way(row) {
  const steps = row.failures.map((failure) => ({ kind: "failed", text: `${failure.backend} ✕` }));
  const said = row.backend && !(row.status >= 400) ? { kind: "won", text: row.backend } : null;
  if (said && row.error && row.failures.some((failure) => failure.backend === row.backend)) return steps;
  if (said) return [...steps, said];
  if (row.status === 0 && row.plan.length) return [...steps, { kind: "asked", text: `${row.plan[Math.min(steps.length, row.plan.length - 1)]} …` }];
  return steps.length ? steps : [{ kind: "nobody", text: "nobody" }];
}

function createMore(row) {
  return make("tr", { class: "more" }, make("td", { colspan: "10" }, make("dl", { class: "facts" })));
}

function updateMore(element, row) {
  const facts = [
    ["Request", [row.id, row.client && `from ${row.client}`, row.dialect && `${row.dialect} at ${row.path}`, row.stream ? "streamed" : "whole", row.worker && `worker ${row.worker}`].filter(Boolean).join(", ")],
    ["Plan", row.plan.length ? row.plan.join(", then ") : "no backend could take it"],
    ...Object.entries(row.refused).map(([name, reason]) => [`Not ${name}`, reason]),
    ...row.failures.map((failure) => [`${failure.backend} failed`, `${failure.error} after ${span(failure.after_s)}: ${failure.message}${failure.cooldown_s > 0 ? ` It rests for ${span(failure.cooldown_s)}.` : ""}`]),
    ["Spent", row.input_tokens === undefined || row.input_tokens === null ? "not told" : `${number(row.input_tokens)} tokens in, ${number(row.output_tokens)} out, ${money(row.usd)}`],
    ["First token", row.first_event_s === undefined || row.first_event_s === null ? "none" : `after ${span(row.first_event_s)}`],
    ["Answered by", row.backend && row.status < 400 ? `${row.backend}, attempt ${row.attempts}` : row.status === 0 ? "not yet" : "nobody"],
  ];
  const dl = element.querySelector("dl");
  list(dl, facts.map(([name, text], place) => ({ name, text, place })), (fact) => fact.place, () => make("div", {}, make("dt"), make("dd")), (pair, fact) => {
    say(pair.children[0], fact.name);
    say(pair.children[1], fact.text);
  });
}
