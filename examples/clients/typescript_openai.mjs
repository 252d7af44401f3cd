// OpenAI's SDK through llmux: a streamed answer. Needs `npm install openai`.

import OpenAI from "openai";

const client = new OpenAI({
  baseURL: (process.env.LLMUX_URL ?? "http://127.0.0.1:8082") + "/v1",
  apiKey: process.env.LLMUX_TOKEN ?? "any", // a gateway without [tokens] takes any
});
const stream = await client.chat.completions.create({
  model: process.env.LLMUX_MODEL ?? "demo:echo",
  messages: [{ role: "user", content: "Say hello to llmux." }],
  stream: true,
  stream_options: { include_usage: true },
});
for await (const { choices, usage } of stream) {
  for (const { delta } of choices) process.stdout.write(delta.content ?? "");
  if (usage) console.log(`\n${usage.prompt_tokens} tokens in, ${usage.completion_tokens} out`);
}
