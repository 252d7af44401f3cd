// Anthropic's SDK through llmux: a streamed answer. Needs `npm install @anthropic-ai/sdk`.

import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({
  baseURL: process.env.LLMUX_URL ?? "http://127.0.0.1:8082",
  apiKey: process.env.LLMUX_TOKEN ?? "any", // a gateway without [tokens] takes any
});
const stream = client.messages.stream({
  model: process.env.LLMUX_MODEL ?? "demo:echo",
  max_tokens: 1000,
  messages: [{ role: "user", content: "Say hello to llmux." }],
});
stream.on("text", (text) => process.stdout.write(text));
const { usage } = await stream.finalMessage();
console.log(`\n${usage.input_tokens} tokens in, ${usage.output_tokens} out`);
