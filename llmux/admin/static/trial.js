// A request, tried: its answer as it arrives with the route it took; or what would become of it.
import { byId, list, make, say, span, whole } from "/ui/dom.js";
import { events } from "/ui/stream.js";

let call = null; // how llmux is asked: (path, options) -> Response
let announce = () => {};
let stopping = null;

export function build(asked, told) {
  [call, announce] = [asked, told];
  byId("trial").addEventListener("submit", (event) => { event.preventDefault(); run(send); });
  byId("explain").addEventListener("click", () => byId("trial").reportValidity() && run(explain));
  byId("stop").addEventListener("click", () => stopping?.abort());
}

export async function models() {
  const response = await call("/admin/models");
  if (!response.ok) return;
  const names = (await response.json()).models;
  list(byId("models"), names, (name) => name, (name) => make("option", { value: name }), () => {});
  if (!byId("model").value && names.length) byId("model").value = names[0];
}

const body = (stream) => JSON.stringify({
  model: byId("model").value, stream, ...(stream ? { stream_options: { include_usage: true } } : {}),
  messages: [{ role: "user", content: byId("prompt").value }],
});

async function run(what) {
  stopping?.abort();
  const mine = (stopping = new AbortController());
  byId("answer").replaceChildren();
  byId("answer").setAttribute("aria-busy", "true");
  byId("stop").disabled = false;
  facts([]);
  try {
    await what(mine.signal);
  } catch (error) {
    if (error.name !== "AbortError") fail(`The gateway cannot be reached: ${error.message}`);
    else if (stopping === mine) announce("Stopped.");
  } finally {
    if (stopping === mine) {
      byId("answer").setAttribute("aria-busy", "false");
      byId("stop").disabled = true;
    }
  }
}

const post = (path, stream, signal) => call(path, { method: "POST", body: body(stream), headers: { "content-type": "application/json" }, signal });

async function send(signal) {
  const began = performance.now(), stream = byId("stream").checked;
  const response = await post("/admin/try", stream, signal);
  const route = headers(response);
  facts(route);
  if (!response.ok) return fail(message(await response.text()));
  const text = make("p", { class: "said" });
  byId("answer").append(text);
  const heard = { first: null, usage: null, error: "" };
  const hear = (document) => {
    const choice = document.choices?.[0], delta = choice?.delta ?? choice?.message ?? {};
    if (document.error) heard.error = message(JSON.stringify(document));
    if (document.usage) heard.usage = document.usage;
    const added = delta.content ?? delta.reasoning_content ?? "";
    if (added && heard.first === null) heard.first = (performance.now() - began) / 1000;
    text.append(added);
  };
  if (stream) for await (const [, data] of events(response.body)) data !== "[DONE]" && data && hear(JSON.parse(data));
  else hear(await response.json());
  const tokens = heard.usage ? `${whole(heard.usage.prompt_tokens)} in, ${whole(heard.usage.completion_tokens)} out` : "not told";
  facts([...route, ["First token", span(heard.first)], ["Took", span((performance.now() - began) / 1000)], ["Tokens", tokens]]);
  if (heard.error) fail(heard.error);
  else announce("The answer is complete.");
}

function headers(response) {
  const names = [["Backend", "x-llmux-backend"], ["Its model", "x-llmux-model"], ["Attempts", "x-llmux-attempts"], ["Cache", "x-llmux-cache"], ["Warnings", "x-llmux-warnings"], ["Request", "x-request-id"]];
  const told = names.map(([name, header]) => [name, response.headers.get(header)]).filter(([, value]) => value);
  return [["Status", String(response.status)], ...told];
}

async function explain(signal) {
  const response = await post("/admin/explain", byId("stream").checked, signal);
  if (!response.ok) return fail(message(await response.text()));
  const told = await response.json(), { needs, upstream } = told;
  facts([["Plan", told.plan.join(", then ") || "nobody"], ["Tokens", `${whole(needs.tokens)} in, ${whole(needs.output_tokens)} out asked for`],
    ...(needs.capabilities.length ? [["Needs", needs.capabilities.join(", ")]] : []), ...(told.warnings.length ? [["Warnings", told.warnings.join(", ")]] : []),
    ...(upstream ? [["First asked", `${upstream.backend} for ${upstream.model}, ${upstream.lane ?? "not at all"}`]] : [])]);
  const refused = Object.entries(told.refused);
  if (refused.length) {
    const rows = refused.map(([name, { why, reason }]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, why), make("td", {}, reason)));
    const head = ["Not asked", "Why", "Reason"].map((name) => make("th", { scope: "col" }, name));
    byId("answer").append(make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
  }
  const error = told.error ?? upstream?.error;
  if (error) fail(`${error.status}: ${error.message}`);
  if (upstream?.body) byId("answer").append(make("h4", {}, `Sent to ${upstream.path}`), make("pre", {}, JSON.stringify(upstream.body, null, 2)));
  announce("The request is explained.");
}

function facts(rows) {
  list(byId("route"), rows, (row) => row[0], ([name]) => make("div", {}, make("dt", {}, name), make("dd")), (pair, [, text]) => say(pair.lastChild, text));
}

function fail(text) {
  byId("answer").append(make("p", { class: "bad" }, text));
  announce(text);
}

/** What an error says, in llmux's own form or in OpenAI's. */
function message(text) {
  try {
    const { error } = JSON.parse(text);
    return error.message ?? error;
  } catch {
    return text || "The answer was empty.";
  }
}
