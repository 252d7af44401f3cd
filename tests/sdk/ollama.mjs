// Ollama's TypeScript SDK as the client of a gateway. test_typescript.py runs this once for each kind of backend.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Ollama } from "ollama";

const { LLMUX_URL: host, LLMUX_TOKEN: token, LLMUX_NARROW_TOKEN: narrowToken, LLMUX_PROVIDER: provider } = process.env;
const open = (key) => new Ollama({ host, headers: { authorization: `Bearer ${key}` } });
const client = open(token);
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

const asked = (content, more = {}) => ({ model: `${provider}:echo`, messages: [{ role: "user", content }], ...more });
const failing = (fault) => asked("one two three four five six", { model: `node_ollama.${fault}.${provider}` });
const create = (content, more) => client.chat(asked(content, more));

async function all(stream) {
  const lines = [];
  for await (const line of await stream) lines.push(line);
  return lines;
}

test("chat", async () => {
  const told = await create("Grüße, 漢字 🎉.");
  assert.equal(told.message.content, "Grüße, 漢字 🎉.");
  assert.deepEqual([told.done, told.done_reason], [true, "stop"]);
  assert.ok(told.prompt_eval_count > 0 && told.eval_count > 0);
});

test("stream", async () => {
  const lines = await all(create("one two three", { stream: true }));
  const said = lines.map((line) => line.message.content).filter(Boolean);
  assert.deepEqual(said, ["one", " two", " three"]);
  assert.deepEqual([lines.at(-1).done, lines.at(-1).eval_count], [true, 3]);
});

test("generate", async () => {
  const told = await client.generate({ model: `${provider}:echo`, prompt: "one two" });
  assert.equal(told.response, "one two");
});

test("tools, two at once, in a stream", async () => {
  const said = "Call get_weather with city=Paris and get_weather with city=Rome.";
  const lines = await all(create(said, { tools: [WEATHER], stream: true }));
  const calls = lines.flatMap((line) => line.message.tool_calls ?? []);
  const given = calls.map((call) => call.function.arguments);
  assert.deepEqual(given, [{ city: "Paris" }, { city: "Rome" }]);
  const results = calls.map((call) => ({ role: "tool", tool_name: call.function.name, content: "nice" }));
  const last = await client.chat({
    ...asked(said, { tools: [WEATHER] }),
    messages: [{ role: "user", content: said }, { role: "assistant", content: "", tool_calls: calls }, ...results],
  });
  assert.equal(last.message.content, "get_weather said: nice\nget_weather said: nice");
});

test("images", async () => {
  const messages = [{ role: "user", content: "Look.", images: [PNG] }];
  const told = await client.chat({ ...asked(""), messages });
  assert.equal(told.message.content, "Look.\n\nI see 1 image.");
});

test("reasoning", async () => {
  const told = await create("Think.", { think: true });
  assert.match(told.message.thinking, /6 characters/);
  assert.equal(told.message.content, "Think.");
});

test("structured output", async () => {
  const properties = { city: { type: "string" }, days: { type: "integer" } };
  const format = { type: "object", properties, required: ["city", "days"] };
  const told = await create("A trip to city=Lisbon for days=4.", { format });
  assert.deepEqual(JSON.parse(told.message.content), { city: "Lisbon", days: 4 });
});

const ERRORS = {
  "fail-400": [400],
  "fail-context": [400],
  "fail-429": [429],
  "fail-500": [500, 502, 503],
  "fail-503": [503],
  "fail-529": [503, 529],
};
const refused = (statuses) => (error) => {
  assert.ok(statuses.includes(error.status_code), `${error.status_code}: ${error}`);
  assert.ok(error.message);
  return true;
};
for (const [fault, statuses] of Object.entries(ERRORS)) {
  test(fault, async () => {
    await assert.rejects(client.chat(failing(fault)), refused(statuses));
  });
}

test("who may not come in, and what is not there", async () => {
  await assert.rejects(open("sk-wrong").chat(asked("Hi.")), refused([401]));
  await assert.rejects(open(narrowToken).chat(asked("Hi.")), refused([403]));
  await assert.rejects(create("Hi.", { model: "nobody:nothing" }), refused([404]));
});

for (const fault of ["cut", "error-in-stream"]) {
  test(`an answer that breaks off never looks finished: ${fault}`, async () => {
    const heard = [];
    const stream = await client.chat({ ...failing(fault), stream: true });
    await assert.rejects(async () => {
      for await (const line of stream) heard.push(line);
    });
    assert.equal(heard.map((line) => line.message.content).join("").trim(), "one two three");
    assert.ok(!heard.some((line) => line.done));
  });
}

test("who leaves early makes room for the next", async () => {
  for (const _ of [1, 2]) {
    const stream = await client.chat({ ...failing("single"), stream: true });
    for await (const line of stream) {
      if (line.message.content) break;
    }
    stream.abort();
  }
});
