// Four charts of the same hour or day, each with its numbers as a table.
import { byId, list, make, money, say, short, span, time, whole } from "/ui/dom.js";

const RANGES = {
  minutes: { span: 60, keep: 60, words: "last hour", each: "a minute" },
  quarters: { span: 900, keep: 96, words: "last day", each: "15 minutes" },
};

// `of` reads a bucket; `text` writes a value. A bucket in which nothing was measured is a gap, or a zero.
const sum = (field) => (buckets) => buckets.reduce((total, bucket) => total + (bucket?.[field] ?? 0), 0);
const CHARTS = [
  {
    title: "Requests", bars: true, text: whole,
    lines: [{ name: "requests", of: "requests", color: "--one" }, { name: "errors", of: "errors", color: "--bad" }],
    headline: (b) => [whole(sum("requests")(b)), plural(sum("errors")(b), "error")],
  },
  {
    title: "Tokens", text: short,
    lines: [{ name: "in", of: "input", color: "--one" }, { name: "out", of: "output", color: "--two" }],
    headline: (b) => [short(sum("input")(b) + sum("output")(b)), `${short(sum("input")(b))} in, ${short(sum("output")(b))} out`],
  },
  {
    title: "Money", bars: true, text: money,
    lines: [{ name: "cost", of: "usd", color: "--two" }],
    headline: (b) => [money(sum("usd")(b)), "where the price is known"],
  },
  {
    title: "Time to first token", text: span, gaps: true,
    lines: [{ name: "p50", of: "p50_s", color: "--one" }, { name: "p95", of: "p95_s", color: "--three" }],
    headline: (b) => {
      const last = b.findLast((bucket) => bucket?.p50_s !== undefined && bucket?.p50_s !== null);
      return [last ? span(last.p50_s) : "–", last ? `p50, ${span(last.p95_s)} p95, latest` : "none yet"];
    },
  },
];

const plural = (number, word) => `${whole(number)} ${word}${number === 1 ? "" : "s"}`;

let range = "minutes";
let shown = [];

export function build() {
  shown = CHARTS.map((chart) => {
    const place = make("div", { class: "plot", role: "img" });
    const figure = make("strong"), words = make("span", { class: "muted" }), at = make("p", { class: "at", "aria-hidden": "true" });
    const body = make("tbody");
    const head = make("tr", {}, make("th", { scope: "col" }, "Time"), ...chart.lines.map((line) => make("th", { scope: "col", class: "n" }, line.name)));
    const table = make("div", { class: "wide numbers", tabindex: "0", role: "group", "aria-label": `${chart.title}, numbers` }, make("table", {}, make("thead", {}, head), body));
    const details = make("details", {}, make("summary", {}, "Numbers", make("span", { class: "unseen" }, ` of ${chart.title}`)), table);
    const keys = make("span", { class: "keys", "aria-hidden": "true" }, ...chart.lines.map((line) => make("span", { class: line.color.slice(2) }, line.name)));
    const card = make("div", { class: "card chart" }, make("div", { class: "head" }, make("h3", {}, chart.title), keys), make("p", { class: "figure" }, figure, " ", words), place, at, details);
    byId("charts").append(card);
    const one = { chart, place, figure, words, at, body, details, plot: null, data: null };
    details.addEventListener("toggle", () => details.open && numbers(one));
    new ResizeObserver(() => one.plot?.setSize(size(place))).observe(place);
    return one;
  });
}

const size = (place) => ({ width: Math.max(place.clientWidth, 120), height: 104 });
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function choose(name) {
  range = name;
}

/** Colours live in the style sheet: a plot is made anew when they change. */
export function repaint() {
  for (const one of shown) {
    one.plot?.destroy();
    one.plot = null;
  }
}

export function render(state) {
  const { span: step, keep, words } = RANGES[range];
  const last = Math.floor(state.now / step) * step;
  const starts = Array.from({ length: keep }, (_, index) => last - (keep - 1 - index) * step);
  const buckets = starts.map((start) => state[range]?.[start]);
  for (const one of shown) {
    const { chart } = one;
    const nothing = chart.gaps ? null : 0;
    one.data = [starts, ...chart.lines.map((line) => buckets.map((bucket) => bucket?.[line.of] ?? nothing))];
    const [figure, more] = chart.headline(buckets);
    say(one.figure, figure);
    say(one.words, more);
    const label = `${chart.title}, ${words}: ${figure}, ${more}`;
    if (one.place.getAttribute("aria-label") !== label) one.place.setAttribute("aria-label", label);
    if (one.plot) one.plot.setData(one.data);
    else one.plot = plot(one);
    if (one.details.open) numbers(one);
  }
}

function plot(one) {
  const { chart, place } = one;
  const axis = { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const bars = uPlot.paths.bars({ size: [0.7, 12] });
  return new uPlot({
    ...size(place),
    padding: [10, 14, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis, size: 20, space: 60, values: (_, marks) => marks.map((mark) => time(mark, false)) },
      { ...axis, size: 46, space: 26, values: (_, marks) => marks.map((mark) => chart.text(mark)) },
    ],
    series: [{}, ...chart.lines.map((line) => ({
      stroke: color(line.color), width: chart.bars ? 0 : 1.5, spanGaps: true,
      fill: chart.bars ? color(line.color) : undefined, paths: chart.bars ? bars : undefined,
      points: { show: Boolean(chart.gaps), size: 4, fill: color(line.color) },
    }))],
    hooks: { setCursor: [(plotted) => say(one.at, under(one, plotted.cursor.idx))] },
  }, one.data, place);
}

/** What is under the pointer, in words. */
function under({ chart, data }, index) {
  if (index === null || index === undefined) return "";
  const values = chart.lines.map((line, place) => `${line.name} ${value(chart, data[place + 1][index])}`);
  return `${time(data[0][index], false)}  ${values.join(", ")}`;
}

const value = (chart, number) => (number === null ? "–" : chart.text(number));

/** The newest first, and only times at which something was. */
function numbers({ chart, data, body }) {
  const rows = data[0].map((start, index) => [start, ...data.slice(1).map((column) => column[index])]).filter((row) => row.slice(1).some(Boolean)).reverse();
  list(body, rows, (row) => row[0],
    (row) => make("tr", {}, make("th", { scope: "row" }, time(row[0], false)), ...row.slice(1).map(() => make("td", { class: "n" }))),
    (element, row) => row.slice(1).forEach((number, index) => say(element.children[index + 1], value(chart, number))));
}
