// OpenAI's TypeScript SDK as the client of a gateway. test_typescript.py runs this once for each kind of backend.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const { LLMUX_URL: url, LLMUX_TOKEN: apiKey, LLMUX_NARROW_TOKEN: narrowKey, LLMUX_PROVIDER: provider } = process.env;
const baseURL = `${url}/v1`;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const IMAGE = { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } };
const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

const asked = (content, more = {}) => ({ model: `${provider}:echo`, messages: [{ role: "user", content }], ...more });
const failing = (fault) => asked("one two three four five six", { model: `node_openai.${fault}.${provider}` });
const create = (content, more) => client.chat.completions.create(asked(content, more));

test("chat", async () => {
  const completion = await create("Grüße, 漢字 🎉.");
  assert.equal(completion.choices[0].message.content, "Grüße, 漢字 🎉.");
  assert.equal(completion.choices[0].finish_reason, "stop");
  assert.ok(completion.usage.prompt_tokens > 0 && completion.usage.completion_tokens > 0);
});

test("stream", async () => {
  const stream = await create("one two three", { stream: true, stream_options: { include_usage: true } });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const deltas = chunks.map((chunk) => chunk.choices[0]?.delta.content).filter(Boolean);
  assert.deepEqual(deltas, ["one", " two", " three"]);
  assert.equal(chunks.at(-1).usage.completion_tokens, 3);
});

test("the SDK's stream helper", async () => {
  const deltas = [];
  const stream = client.chat.completions.stream(asked("one two three")).on("content", (delta) => deltas.push(delta));
  const completion = await stream.finalChatCompletion();
  assert.equal(deltas.join(""), "one two three");
  assert.equal(completion.choices[0].message.content, "one two three");
});

test("tools, two at once, in a stream", async () => {
  const said = "Call get_weather with city=Paris and get_weather with city=Rome.";
  const completion = await client.chat.completions.stream(asked(said, { tools: [WEATHER] })).finalChatCompletion();
  const { message, finish_reason } = completion.choices[0];
  assert.equal(finish_reason, "tool_calls");
  const given = message.tool_calls.map((call) => JSON.parse(call.function.arguments));
  assert.deepEqual(given, [{ city: "Paris" }, { city: "Rome" }]);
  const results = message.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "nice" }));
  const calls = message.tool_calls.map(({ id, type, function: { name, arguments: text } }) => ({
    id,
    type,
    function: { name, arguments: text },
  }));
  const last = await client.chat.completions.create({
    ...asked(said, { tools: [WEATHER] }),
    messages: [{ role: "user", content: said }, { role: "assistant", content: null, tool_calls: calls }, ...results],
  });
  assert.equal(last.choices[0].message.content, "get_weather said: nice\nget_weather said: nice");
});

test("the SDK's tool runner", async () => {
  const heard = [];
  const tool = zodFunction({
    name: "get_weather",
    description: "The weather in a city.",
    parameters: z.object({ city: z.string() }),
    function: ({ city }) => {
      heard.push(city);
      return `${city}: 21 degrees`;
    },
  });
  const said = "Call get_weather with city=Paris, then call get_weather with city=Rome.";
  const runner = client.chat.completions.runTools(asked(said, { tools: [tool], stream: true }));
  assert.match(await runner.finalContent(), /Rome: 21 degrees/);
  assert.deepEqual(heard, ["Paris", "Rome"]);
});

test("images", async () => {
  const completion = await create([{ type: "text", text: "Look." }, IMAGE]);
  assert.equal(completion.choices[0].message.content, "Look.\n\nI see 1 image.");
});

test("reasoning", async () => {
  const completion = await create("Think.", { reasoning_effort: "high" });
  assert.match(completion.choices[0].message.reasoning_content, /6 characters/);
  assert.equal(completion.choices[0].message.content, "Think.");
});

test("structured output", async () => {
  const shape = z.object({ city: z.string(), days: z.number().int() });
  const completion = await client.chat.completions.parse(
    asked("A trip to city=Lisbon for days=4.", { response_format: zodResponseFormat(shape, "trip") }),
  );
  assert.deepEqual(completion.choices[0].message.parsed, { city: "Lisbon", days: 4 });
});

test("models", async () => {
  const names = [];
  for await (const each of client.models.list()) names.push(each.id);
  assert.ok(names.includes(`node_openai.cut.${provider}`));
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
    await assert.rejects(client.chat.completions.create(failing(fault)), (error) => {
      assert.ok(error instanceof expected, `${error}`);
      assert.ok(error.error.message);
      if (fault === "fail-429") assert.equal(error.headers.get("retry-after"), "17");
      return true;
    });
  });
}

test("who may not come in, and what is not there", async () => {
  const stranger = new OpenAI({ baseURL, apiKey: "sk-wrong", maxRetries: 0 });
  await assert.rejects(stranger.chat.completions.create(asked("Hi.")), OpenAI.AuthenticationError);
  const narrow = new OpenAI({ baseURL, apiKey: narrowKey, maxRetries: 0 });
  await assert.rejects(narrow.chat.completions.create(asked("Hi.")), OpenAI.PermissionDeniedError);
  await assert.rejects(create("Hi.", { model: "nobody:nothing" }), OpenAI.NotFoundError);
});

for (const fault of ["cut", "error-in-stream"]) {
  test(`an answer that breaks off never looks finished: ${fault}`, async () => {
    const heard = [];
    const stream = await client.chat.completions.create({ ...failing(fault), stream: true });
    await assert.rejects(async () => {
      for await (const chunk of stream) heard.push(chunk.choices[0]?.delta.content ?? "");
    }, OpenAI.APIError);
    assert.equal(heard.join("").trim(), "one two three");
  });
}

test("who leaves early makes room for the next", async () => {
  for (const _ of [1, 2]) {
    const stream = await client.chat.completions.create({ ...failing("single"), stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) break;
    }
    stream.controller.abort();
  }
});

test("embeddings: packed, as the SDK asks unasked, and plain are the same vectors", async () => {
  const input = ["the cat sat on the mat", "grüße"];
  const packed = await client.embeddings.create({ model: "embed", input });
  const plain = await client.embeddings.create({ model: "embed", input, encoding_format: "float" });
  assert.equal(packed.data.length, 2);
  assert.equal(packed.data[0].embedding.length, 64);
  assert.deepEqual(packed.data.map((one) => Array.from(one.embedding)), plain.data.map((one) => one.embedding));
  assert.ok(packed.usage.prompt_tokens > 0);
});
