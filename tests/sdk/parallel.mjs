// Every vendor's TypeScript SDK as the client of a role whose backends are all asked: each takes what llmux adds.

import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { Ollama } from "ollama";
import OpenAI from "openai";

const { LLMUX_URL: url, LLMUX_TOKEN: apiKey } = process.env;
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: url, apiKey, maxRetries: 0 });
const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } });
const ollama = new Ollama({ host: url, headers: { authorization: `Bearer ${apiKey}` } });
const model = "panel";
const messages = [{ role: "user", content: "One two three." }];

const ASK = {
  openai: async () => {
    const told = await openai.chat.completions.create({ model, messages });
    assert.equal(told.llmux.answers.length, 3);
    return told.choices[0].message.content;
  },
  responses: async () => (await openai.responses.create({ model, input: "One two three." })).output_text,
  anthropic: async () => (await anthropic.messages.create({ model, max_tokens: 99, messages })).content[0].text,
  google: async () => (await google.models.generateContent({ model, contents: "One two three." })).text,
  ollama: async () => (await ollama.chat({ model, messages })).message.content,
};

for (const [name, ask] of Object.entries(ASK)) {
  test(name, async () => assert.equal(await ask(), "One two three."));
}
