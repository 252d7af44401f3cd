// OpenAI's TypeScript SDK as a client of the Responses API. test_typescript.py runs this once for each kind of backend.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const { LLMUX_URL: url, LLMUX_TOKEN: apiKey, LLMUX_NARROW_TOKEN: narrowKey, LLMUX_PROVIDER: provider } = process.env;
const baseURL = `${url}/v1`;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const WEATHER = {
  type: "function",
  name: "get_weather",
  description: "The weather in a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  strict: false,
};

const asked = (input, more = {}) => ({ model: `${provider}:echo`, input, ...more });
const failing = (fault) => asked("one two three four five six", { model: `node_responses.${fault}.${provider}` });
const create = (input, more) => client.responses.create(asked(input, more));

test("chat", async () => {
  const response = await create("Grüße, 漢字 🎉.", { instructions: "Be nice." });
  assert.equal(response.output_text, "Grüße, 漢字 🎉.");
  assert.equal(response.status, "completed");
  assert.ok(response.usage.input_tokens > 0 && response.usage.output_tokens > 0);
});

test("stream", async () => {
  const events = [];
  for await (const event of await create("one two three", { stream: true })) events.push(event);
  const deltas = events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta);
  assert.deepEqual(deltas, ["one", " two", " three"]);
  assert.deepEqual([events[0].type, events.at(-1).type], ["response.created", "response.completed"]);
  assert.equal(events.at(-1).response.usage.output_tokens, 3);
});

test("tools, two at once, in a stream", async () => {
  const said = { role: "user", content: "Call get_weather with city=Paris and get_weather with city=Rome." };
  const first = await client.responses.stream(asked([said], { tools: [WEATHER] })).finalResponse();
  const calls = first.output.filter((item) => item.type === "function_call");
  const given = calls.map((call) => JSON.parse(call.arguments));
  assert.deepEqual(given, [{ city: "Paris" }, { city: "Rome" }]);
  const results = calls.map((call) => ({ type: "function_call_output", call_id: call.call_id, output: "nice" }));
  const back = calls.map(({ type, call_id, name, arguments: text }) => ({ type, call_id, name, arguments: text }));
  const last = await create([said, ...back, ...results], { tools: [WEATHER] });
  assert.equal(last.output_text, "get_weather said: nice\nget_weather said: nice");
});

test("images", async () => {
  const image = { type: "input_image", detail: "auto", image_url: `data:image/png;base64,${PNG}` };
  const response = await create([{ role: "user", content: [{ type: "input_text", text: "Look." }, image] }]);
  assert.equal(response.output_text, "Look.\n\nI see 1 image.");
});

test("reasoning", async () => {
  const response = await create("Think.", { reasoning: { effort: "high", summary: "auto" } });
  const thought = response.output.find((item) => item.type === "reasoning");
  assert.match(thought.summary.map((part) => part.text).join(""), /6 characters/);
  assert.equal(response.output_text, "Think.");
});

test("structured output", async () => {
  const shape = z.object({ city: z.string(), days: z.number().int() });
  const wish = asked("A trip to city=Lisbon for days=4.", { text: { format: zodTextFormat(shape, "trip") } });
  const response = await client.responses.parse(wish);
  assert.deepEqual(response.output_parsed, { city: "Lisbon", days: 4 });
});

const ERRORS = {
  "fail-400": OpenAI.BadRequestError,
  "fail-context": OpenAI.BadRequestError,
  "fail-429": OpenAI.RateLimitError,
  "fail-500": OpenAI.InternalServerError,
  "fail-503": OpenAI.InternalServerError,
  "fail-529": OpenAI.InternalServerError,
};
for (const [fault, expected] of Object.entries(ERRORS)) {
  test(fault, async () => {
    await assert.rejects(client.responses.create(failing(fault)), (error) => {
      assert.ok(error instanceof expected, `${error}`);
      assert.ok(error.error.message);
      if (fault === "fail-429") assert.equal(error.headers.get("retry-after"), "17");
      return true;
    });
  });
}

test("who may not come in, and what is not there", async () => {
  const stranger = new OpenAI({ baseURL, apiKey: "sk-wrong", maxRetries: 0 });
  await assert.rejects(stranger.responses.create(asked("Hi.")), OpenAI.AuthenticationError);
  const narrow = new OpenAI({ baseURL, apiKey: narrowKey, maxRetries: 0 });
  await assert.rejects(narrow.responses.create(asked("Hi.")), OpenAI.PermissionDeniedError);
  await assert.rejects(create("Hi.", { model: "nobody:nothing" }), OpenAI.NotFoundError);
});

for (const fault of ["cut", "error-in-stream"]) {
  test(`an answer that breaks off never looks finished: ${fault}`, async () => {
    const events = [];
    for await (const event of await client.responses.create({ ...failing(fault), stream: true })) events.push(event);
    const deltas = events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta);
    assert.equal(deltas.join("").trim(), "one two three");
    assert.equal(events.at(-1).type, "response.failed");
    assert.ok(events.at(-1).response.error.message);
  });
}

test("who leaves early makes room for the next", async () => {
  for (const _ of [1, 2]) {
    const stream = await client.responses.create({ ...failing("single"), stream: true });
    for await (const event of stream) {
      if (event.type === "response.output_text.delta") break;
    }
    stream.controller.abort();
  }
});
