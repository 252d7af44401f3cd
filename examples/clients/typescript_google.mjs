// Google's SDK through llmux: a streamed answer. Needs `npm install @google/genai`.

import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({
  apiKey: process.env.LLMUX_TOKEN ?? "any", // a gateway without [tokens] takes any
  httpOptions: { baseUrl: process.env.LLMUX_URL ?? "http://127.0.0.1:8082" },
});
const stream = await client.models.generateContentStream({
  model: process.env.LLMUX_MODEL ?? "demo:echo",
  contents: "Say hello to llmux.",
});
let usage;
for await (const chunk of stream) {
  process.stdout.write(chunk.text ?? "");
  usage = chunk.usageMetadata ?? usage;
}
console.log(`\n${usage.promptTokenCount} tokens in, ${usage.candidatesTokenCount} out`);
