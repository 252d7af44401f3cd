// Ollama's client through llmux: a streamed answer. Needs `npm install ollama`.

import { Ollama } from "ollama";

const client = new Ollama({
  host: process.env.LLMUX_URL ?? "http://127.0.0.1:8082",
  headers: { authorization: `Bearer ${process.env.LLMUX_TOKEN ?? "any"}` }, // without [tokens] any will do
});
const stream = await client.chat({
  model: process.env.LLMUX_MODEL ?? "demo:echo",
  messages: [{ role: "user", content: "Say hello to llmux." }],
  stream: true,
});
let last;
for await (last of stream) process.stdout.write(last.message.content);
console.log(`\n${last.prompt_eval_count} tokens in, ${last.eval_count} out`);
