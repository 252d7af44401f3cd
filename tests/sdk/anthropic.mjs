// Anthropic's TypeScript SDK as the client of a gateway. test_typescript.py runs this once for each kind of backend.

import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";

const { LLMUX_URL: baseURL, LLMUX_TOKEN: apiKey, LLMUX_NARROW_TOKEN: narrowKey, LLMUX_PROVIDER: provider } = process.env;
const client = new Anthropic({ baseURL, apiKey, maxRetries: 0 });
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const IMAGE = { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } };
const WEATHER = {
  name: "get_weather",
  description: "The weather in a city.",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

const asked = (content, more = {}) => ({
  model: `${provider}:echo`,
  max_tokens: 1000,
  messages: [{ role: "user", content }],
  ...more,
});
const failing = (fault) => asked("one two three four five six", { model: `node_anthropic.${fault}.${provider}` });
const text = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text).join("");

test("chat", async () => {
  const message = await client.messages.create(asked("Grüße, 漢字 🎉."));
  assert.equal(text(message), "Grüße, 漢字 🎉.");
  assert.equal(message.stop_reason, "end_turn");
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
});

test("stream", async () => {
  const deltas = [];
  const stream = client.messages.stream(asked("one two three")).on("text", (delta) => deltas.push(delta));
  const message = await stream.finalMessage();
  assert.deepEqual(deltas, ["one", " two", " three"]);
  assert.equal(text(message), "one two three");
  assert.equal(message.usage.output_tokens, 3);
});

test("tools, two at once, in a stream", async () => {
  const said = "Call get_weather with city=Paris and get_weather with city=Rome.";
  const first = await client.messages.stream(asked(said, { tools: [WEATHER] })).finalMessage();
  assert.equal(first.stop_reason, "tool_use");
  const uses = first.content.filter((block) => block.type === "tool_use");
  assert.deepEqual(uses.map((use) => use.input), [{ city: "Paris" }, { city: "Rome" }]);
  const results = uses.map((use) => ({ type: "tool_result", tool_use_id: use.id, content: `${use.input.city}: nice` }));
  const last = await client.messages.create({
    ...asked(said, { tools: [WEATHER] }),
    messages: [
      { role: "user", content: said },
      { role: "assistant", content: first.content },
      { role: "user", content: results },
    ],
  });
  assert.match(text(last), /Paris: nice[^]*Rome: nice/);
});

test("the SDK's tool runner", async () => {
  const heard = [];
  const tool = betaZodTool({
    name: "get_weather",
    description: "The weather in a city.",
    inputSchema: z.object({ city: z.string() }),
    run: ({ city }) => {
      heard.push(city);
      return `${city}: 21 degrees`;
    },
  });
  const last = await client.beta.messages.toolRunner(
    asked("Call get_weather with city=Paris, then call get_weather with city=Rome.", { tools: [tool] }),
  );
  assert.deepEqual(heard, ["Paris", "Rome"]);
  assert.match(text(last), /Rome: 21 degrees/);
});

test("images", async () => {
  const message = await client.messages.create(asked([{ type: "text", text: "Look." }, IMAGE]));
  assert.equal(text(message), "Look.\n\nI see 1 image.");
});

test("reasoning", async () => {
  const message = await client.messages
    .stream(asked("Think.", { thinking: { type: "enabled", budget_tokens: 2000 }, max_tokens: 4000 }))
    .finalMessage();
  assert.deepEqual(message.content.map((block) => block.type), ["thinking", "text"]);
  assert.match(message.content[0].thinking, /6 characters/);
});

test("structured output", async () => {
  const format = zodOutputFormat(z.object({ city: z.string(), days: z.number().int() }));
  const message = await client.messages.parse(
    asked("A trip to city=Lisbon for days=4.", { output_config: { format } }),
  );
  assert.deepEqual(message.parsed_output, { city: "Lisbon", days: 4 });
});

test("count_tokens and models", async () => {
  const { model, messages } = asked("one two three");
  const counted = await client.messages.countTokens({ model, messages });
  assert.ok(counted.input_tokens > 0);
  const names = [];
  for await (const each of client.models.list({ limit: 1000 })) names.push(each.id);
  assert.ok(names.includes(`node_anthropic.cut.${provider}`));
});

const ERRORS = {
  "fail-400": Anthropic.BadRequestError,
  "fail-context": Anthropic.BadRequestError,
  "fail-429": Anthropic.RateLimitError,
  "fail-500": Anthropic.InternalServerError,
  "fail-503": Anthropic.InternalServerError,
  "fail-529": Anthropic.InternalServerError,
};
for (const [fault, expected] of Object.entries(ERRORS)) {
  test(fault, async () => {
    await assert.rejects(client.messages.create(failing(fault)), (error) => {
      assert.ok(error instanceof expected, `${error}`);
      assert.equal(error.error.type, "error");
      if (fault === "fail-429") assert.equal(error.headers.get("retry-after"), "17");
      return true;
    });
  });
}

test("who may not come in, and what is not there", async () => {
  const stranger = new Anthropic({ baseURL, apiKey: "sk-wrong", maxRetries: 0 });
  await assert.rejects(stranger.messages.create(asked("Hi.")), Anthropic.AuthenticationError);
  const narrow = new Anthropic({ baseURL, apiKey: narrowKey, maxRetries: 0 });
  await assert.rejects(narrow.messages.create(asked("Hi.")), Anthropic.PermissionDeniedError);
  await assert.rejects(client.messages.create(asked("Hi.", { model: "nobody:nothing" })), Anthropic.NotFoundError);
});

for (const fault of ["cut", "error-in-stream"]) {
  test(`an answer that breaks off never looks finished: ${fault}`, async () => {
    const heard = [];
    const stream = client.messages.stream(failing(fault)).on("text", (delta) => heard.push(delta));
    await assert.rejects(stream.finalMessage(), Anthropic.APIError);
    assert.equal(heard.join("").trim(), "one two three");
  });
}

test("who leaves early makes room for the next", async () => {
  for (const _ of [1, 2]) {
    const stream = await client.messages.create({ ...failing("single"), stream: true });
    for await (const event of stream) {
      if (event.type === "content_block_delta") break;
    }
    stream.controller.abort();
  }
});
