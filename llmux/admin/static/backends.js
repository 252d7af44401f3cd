// Backends with their windows and rests; clients; news.
import { byId, list, make, money, say, short, span, time, whole } from "/ui/dom.js";

const SPANS = { 0: "in all", 60: "minute", 3600: "hour", 18000: "5 hours", 86400: "day", 2592000: "month" };
const amount = (unit, number) => (unit === "usd" ? money(number) : short(number));

export function backends(state) {
  const rows = Object.values(state.backends).sort((a, b) => a.place - b.place);
  list(byId("backends"), rows, (row) => row.backend, create, update);
}

function create(row) {
  return make("tr", {}, make("th", { scope: "row" }, row.backend), make("td", {}, make("span", { class: "pill" })),
    make("td", { class: "n" }), make("td", { class: "windows" }), make("td", { class: "note" }));
}

function update(element, row) {
  const [, state, flying, windows, note] = element.children;
  state.firstChild.className = `pill ${row.state}`;
  say(state.firstChild, row.state);
  say(flying, whole(row.in_flight));
  if (!windows.kept?.size) windows.replaceChildren();
  list(windows, (row.windows ?? []).map((use, place) => ({ ...use, place })), (use) => use.place, createWindow, updateWindow);
  if (!windows.kept.size) say(windows, "no limit");
  list(note, notes(row), (line) => line[0], (line) => make("p", { class: line[0] }), (p, line) => say(p, line[1]));
}

function notes(row) {
  const lines = [];
  if (row.rests_for > 0) lines.push(["bad", `${row.cause}: rests ${span(Math.ceil(row.rests_for))} more${row.failures > 1 ? `, failed ${row.failures} times` : ""}`]);
  if (row.models?.length) lines.push(["models", `does not know ${row.models.join(", ")}`]);
  if (row.left_out?.length) lines.push(["left-out", `does not take ${row.left_out.join(", ")}`]);
  return lines;
}

function createWindow() {
  return make("div", { class: "window", role: "meter", "aria-valuemin": "0" }, make("span", { class: "bar" }, make("i")), make("span"));
}

function updateWindow(element, use) {
  const unit = use.unit ?? "requests";
  const share = use.limit > 0 ? Math.min(use.used / use.limit, 1) : 1;
  const opens = use.opens_in > 0 ? `, opens in ${span(use.opens_in)}` : "";
  const per = use.seconds === 0 ? "in all" : `/ ${SPANS[use.seconds] ?? span(use.seconds)}`;
  const words = `${amount(unit, use.used)} of ${amount(unit, use.limit)}${unit === "tokens" ? " tokens" : ""} ${per}${opens}`;
  say(element.lastChild, words);
  element.firstChild.firstChild.style.width = `${share * 100}%`;
  element.classList.toggle("full", share >= 1 || use.opens_in > 0);
  element.classList.toggle("much", share >= 0.8);
  for (const [name, value] of Object.entries({ "aria-label": `Window of ${unit}`, "aria-valuenow": String(Math.min(use.used, use.limit)), "aria-valuemax": String(use.limit), "aria-valuetext": words })) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
}

export function clients(state) {
  const rows = Object.entries(state.clients).sort(([, a], [, b]) => b.requests - a.requests).slice(0, 12);
  byId("no-clients").hidden = rows.length > 0;
  list(byId("clients"), rows, (row) => row[0],
    ([name]) => make("tr", {}, make("th", { scope: "row" }, name || "(not let in)"), ...Array.from({ length: 4 }, () => make("td", { class: "n" }))),
    (element, [, tally]) => {
      const cells = [whole(tally.requests), whole(tally.errors), `${short(tally.input)} › ${short(tally.output)}`, money(tally.usd)];
      cells.forEach((text, place) => say(element.children[place + 1], text));
      element.children[2].classList.toggle("bad", tally.errors > 0);
    });
}

export function news(state) {
  const rows = Object.entries(state.news).sort(([, a], [, b]) => b.at - a.at || b.id - a.id).slice(0, 12);
  byId("no-news").hidden = rows.length > 0;
  list(byId("news"), rows, (row) => row[0],
    ([, line]) => make("li", { class: line.kind }, make("time", {}, time(line.at)), " ", make("b", {}, line.subject), " ", make("span", {}, line.text)),
    () => {});
}
