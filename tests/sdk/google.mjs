// Google's TypeScript SDK as the client of a gateway. test_typescript.py runs this once for each kind of backend.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, FunctionCallingConfigMode, GoogleGenAI } from "@google/genai";

const { LLMUX_URL: baseUrl, LLMUX_TOKEN: apiKey, LLMUX_NARROW_TOKEN: narrowKey, LLMUX_PROVIDER: provider } = process.env;
const open = (key) => new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl, retryOptions: { attempts: 1 } } });
const client = open(apiKey);
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const parametersJsonSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const WEATHER = {
  functionDeclarations: [{ name: "get_weather", description: "The weather in a city.", parametersJsonSchema }],
};

const asked = (contents, config = {}, model = "echo") => ({ model: `${provider}:${model}`, contents, config });
const failing = (fault) => ({ model: `node_google.${fault}.${provider}`, contents: "one two three four five six" });
const create = (...wish) => client.models.generateContent(asked(...wish));
const given = (answer) => (answer.functionCalls ?? []).map((call) => [call.name, call.args]);

async function all(stream) {
  const chunks = [];
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
}

test("chat", async () => {
  const answer = await create("Grüße, 漢字 🎉.", { systemInstruction: "Be nice." });
  assert.equal(answer.text, "Grüße, 漢字 🎉.");
  assert.equal(answer.candidates[0].finishReason, "STOP");
  assert.ok(answer.usageMetadata.promptTokenCount > 0 && answer.usageMetadata.candidatesTokenCount > 0);
});

test("a chat with its history", async () => {
  const chat = client.chats.create({ model: `${provider}:echo` });
  assert.equal((await chat.sendMessage({ message: "One." })).text, "One.");
  const chunks = await all(chat.sendMessageStream({ message: "Two." }));
  assert.equal(chunks.map((chunk) => chunk.text ?? "").join(""), "Two.");
});

test("stream", async () => {
  const chunks = await all(client.models.generateContentStream(asked("one two three")));
  assert.deepEqual(chunks.map((chunk) => chunk.text).filter(Boolean), ["one", " two", " three"]);
  assert.equal(chunks.at(-1).candidates[0].finishReason, "STOP");
  assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, 3);
});

test("tools, two at once, in a stream", async () => {
  const said = { role: "user", parts: [{ text: "Call get_weather with city=Paris and get_weather with city=Rome." }] };
  const chunks = await all(client.models.generateContentStream(asked([said], { tools: [WEATHER] })));
  assert.deepEqual(chunks.flatMap(given), [
    ["get_weather", { city: "Paris" }],
    ["get_weather", { city: "Rome" }],
  ]);
  const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
  const calls = parts.filter((part) => part.functionCall);
  const results = calls.map(({ functionCall: { id, name } }) => ({
    functionResponse: { id, name, response: { output: "nice" } },
  }));
  const history = [said, { role: "model", parts: calls }, { role: "user", parts: results }];
  const last = await create(history, { tools: [WEATHER] });
  assert.match(last.text, /^get_weather said: .*nice[^]*get_weather said: .*nice/);
});

test("a tool that must be called", { skip: provider === "demo_ollama" && "its wire has no word for it" }, async () => {
  const toolConfig = { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } };
  const answer = await create("Hello.", { tools: [WEATHER], toolConfig });
  assert.equal(given(answer).length, 1);
});

test("images", async () => {
  const answer = await create(["Look.", { inlineData: { mimeType: "image/png", data: PNG } }]);
  assert.equal(answer.text, "Look.\n\nI see 1 image.");
});

test("reasoning", async () => {
  const answer = await create("Think.", { thinkingConfig: { includeThoughts: true, thinkingBudget: 2000 } });
  const thoughts = answer.candidates[0].content.parts.filter((part) => part.thought);
  assert.match(thoughts.map((part) => part.text).join(""), /6 characters/);
  assert.equal(answer.text, "Think.");
});

test("structured output", async () => {
  const properties = { city: { type: "string" }, days: { type: "integer" } };
  const responseJsonSchema = { type: "object", properties, required: ["city", "days"] };
  const wish = { responseMimeType: "application/json", responseJsonSchema };
  const answer = await create("A trip to city=Lisbon for days=4.", wish);
  assert.deepEqual(JSON.parse(answer.text), { city: "Lisbon", days: 4 });
});

test("count tokens", async () => {
  const counted = await client.models.countTokens({ model: `${provider}:echo`, contents: "one two three" });
  assert.ok(counted.totalTokens > 0);
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
  assert.ok(error instanceof ApiError, `${error}`);
  assert.ok(statuses.includes(error.status), `${error.status}`);
  return true;
};
for (const [fault, statuses] of Object.entries(ERRORS)) {
  test(fault, async () => {
    await assert.rejects(client.models.generateContent(failing(fault)), refused(statuses));
  });
}

test("who may not come in, and what is not there", async () => {
  await assert.rejects(open("sk-wrong").models.generateContent(asked("Hi.")), refused([400, 401]));
  await assert.rejects(open(narrowKey).models.generateContent(asked("Hi.")), refused([403]));
  const nobody = { model: "nobody:nothing", contents: "Hi." };
  await assert.rejects(client.models.generateContent(nobody), refused([404]));
});

for (const fault of ["cut", "error-in-stream"]) {
  test(`an answer that breaks off never looks finished: ${fault}`, async () => {
    const heard = [];
    const stream = await client.models.generateContentStream(failing(fault));
    await assert.rejects(async () => {
      for await (const chunk of stream) heard.push(chunk);
    });
    assert.equal(heard.map((chunk) => chunk.text ?? "").join("").trim(), "one two three");
    assert.ok(!heard.some((chunk) => chunk.candidates?.[0]?.finishReason));
  });
}

test("who leaves early makes room for the next", async () => {
  for (const _ of [1, 2]) {
    const leaving = new AbortController();
    const wish = { ...failing("single"), config: { abortSignal: leaving.signal } };
    for await (const chunk of await client.models.generateContentStream(wish)) {
      if (chunk.text) break;
    }
    leaving.abort();
  }
});
