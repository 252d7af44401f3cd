// What the vendors' TypeScript SDKs hear in answers. A line of JSON comes in for each answer, and one goes out.
//
// In:  {"dialect": "claude", "way": "stream" | "whole", "type": its content type, "body": its text}
// Out: {"text": [...], "reasoning": [...], "refusal": "", "calls": [[name, arguments]], "finish": "...", "usage": [...]}
//      as in tests/judges/heard.py; or {"error": "..."} where the SDK does not take the answer.
//
// No network: each SDK is given a fetch that answers with the body, in pieces of a few hundred bytes.

import { createInterface } from "node:readline";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { Ollama } from "ollama";
import OpenAI from "openai";

const PIECE = 700; // bytes: cuts frames, and characters, wherever that falls
let body = Buffer.alloc(0);
let type = "application/json";

function pieces() {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= body.length) return controller.close();
      controller.enqueue(new Uint8Array(body.subarray(at, at + PIECE)));
      at += PIECE;
    },
  });
}

const fetch = async () => new Response(pieces(), { status: 200, headers: { "content-type": type } });
const ASKED = { model: "asked", messages: [{ role: "user", content: "hi" }] };
const anthropic = new Anthropic({ apiKey: "k", authToken: null, baseURL: "http://backend", maxRetries: 0, fetch });
const openai = new OpenAI({ apiKey: "k", baseURL: "http://backend/v1", maxRetries: 0, fetch });
const google = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: "http://backend", fetch } });
const ollama = new Ollama({ host: "http://backend", fetch });

// --- in the words of tests/judges/heard.py ---------------------------------------------------------------------------

function runs(heard, kind) {
  const found = [];
  let before = "";
  for (const [each, text] of heard) {
    if (each === kind && before === kind) found[found.length - 1] += text;
    else if (each === kind) found.push(text);
    before = each;
  }
  return found.filter(Boolean);
}

function finished(word, calls) {
  return word === "end" || word === "tools" ? (calls.length ? "tools" : "end") : word;
}

function known(table, word) {
  if (!(word in table)) throw new Error(`no such finish: ${word}`);
  return table[word];
}

function given(text) {
  try {
    return JSON.parse(text || "{}");
  } catch {
    return text;
  }
}

const run = (text) => (text ? [text] : []);

// --- Claude ----------------------------------------------------------------------------------------------------------

const CLAUDE = {
  end_turn: "end",
  stop_sequence: "end",
  pause_turn: "end",
  compaction: "end",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tools",
  refusal: "refused",
};

function fromMessage({ content, stop_reason, usage }) {
  const heard = content.map((block) => [block.type, block.text ?? block.thinking ?? ""]);
  const calls = content.filter((block) => block.type === "tool_use").map((block) => [block.name, block.input]);
  const read = usage.cache_read_input_tokens ?? 0;
  const written = usage.cache_creation_input_tokens ?? 0;
  const reasoning = usage.output_tokens_details?.thinking_tokens ?? 0;
  return {
    text: runs(heard, "text"),
    reasoning: runs(heard, "thinking"),
    refusal: "",
    calls,
    finish: finished(known(CLAUDE, stop_reason), calls),
    usage: [usage.input_tokens + read + written, usage.output_tokens, read, written, reasoning],
  };
}

// --- OpenAI Chat -----------------------------------------------------------------------------------------------------

const CHAT = {
  stop: "end",
  length: "length",
  tool_calls: "tools",
  function_call: "tools",
  content_filter: "refused",
};

function fromCompletion({ choices: [choice], usage }, reasoning) {
  const { content, refusal, tool_calls = [] } = choice.message;
  const calls = tool_calls.map((call) =>
    call.type === "custom"
      ? [call.custom.name, call.custom.input]
      : [call.function.name, given(call.function.arguments)],
  );
  const { prompt_tokens_details: sent = {}, completion_tokens_details: made = {} } = usage ?? {};
  return {
    text: run(content),
    reasoning: run(reasoning),
    refusal: refusal ?? "",
    calls,
    finish: refusal ? "refused" : finished(known(CHAT, choice.finish_reason), calls),
    usage: usage && [
      usage.prompt_tokens,
      usage.completion_tokens,
      sent.cached_tokens ?? 0,
      sent.cache_write_tokens ?? 0,
      made.reasoning_tokens ?? 0,
    ],
  };
}

async function chatStream() {
  let reasoning = "";
  const stream = openai.chat.completions.stream({ ...ASKED, stream_options: { include_usage: true } });
  stream.on("chunk", (chunk) => {
    reasoning += chunk.choices[0]?.delta.reasoning_content ?? "";
  });
  return fromCompletion(await stream.finalChatCompletion(), reasoning);
}

// --- OpenAI Responses ------------------------------------------------------------------------------------------------

function* saidIn(item) {
  for (const part of item.type === "message" ? item.content : [])
    yield part.type === "refusal" ? ["refusal", part.refusal] : ["text", part.text];
  const thought = item.summary?.length ? item.summary : item.content;
  for (const part of (item.type === "reasoning" && thought) || []) {
    yield ["reasoning", part.text];
    yield ["between", ""];
  }
  yield [item.type, ""];
}

function calledBy(item) {
  const name = item.namespace && item.namespace !== item.name ? `${item.namespace}__${item.name}` : item.name;
  if (item.type === "function_call") return [[name, given(item.arguments)]];
  if (item.type === "custom_tool_call") return [[name, item.input]];
  return item.type === "apply_patch_call" ? [["apply_patch", { operation: item.operation }]] : [];
}

function fromResponse({ status, incomplete_details: why, output, usage }) {
  const heard = output.flatMap((item) => [...saidIn(item)]);
  const calls = output.flatMap((item) => calledBy(item));
  const refusal = runs(heard, "refusal").join("");
  const word = known(
    { completed: "end", max_output_tokens: "length", content_filter: "refused" },
    status === "incomplete" ? why.reason : status,
  );
  return {
    text: runs(heard, "text"),
    reasoning: runs(heard, "reasoning"),
    refusal,
    calls,
    finish: refusal ? "refused" : finished(word, calls),
    usage: [
      usage.input_tokens,
      usage.output_tokens,
      usage.input_tokens_details.cached_tokens,
      usage.input_tokens_details.cache_write_tokens ?? 0,
      usage.output_tokens_details.reasoning_tokens,
    ],
  };
}

// --- Gemini ----------------------------------------------------------------------------------------------------------

const FILTERS = new Set([
  "SAFETY",
  "RECITATION",
  "LANGUAGE",
  "BLOCKLIST",
  "PROHIBITED_CONTENT",
  "SPII",
  "IMAGE_SAFETY",
  "IMAGE_PROHIBITED_CONTENT",
  "IMAGE_RECITATION",
  "MODEL_ARMOR",
]);

function fromChunks(chunks) {
  const candidates = chunks.flatMap((chunk) => (chunk.candidates ?? []).filter((each) => !each.index));
  const parts = candidates.flatMap((candidate) => candidate.content?.parts ?? []);
  const heard = parts.map((part) => [part.text === undefined ? "other" : part.thought ? "reasoning" : "text", part.text]);
  const calls = parts.flatMap(({ functionCall: call }) => (call ? [[call.name, call.args ?? {}]] : []));
  const word = candidates.map((candidate) => candidate.finishReason).findLast(Boolean);
  const blocked = chunks.some((chunk) => chunk.promptFeedback?.blockReason);
  if (!word && !blocked) throw new Error("no finish");
  const usage = chunks.map((chunk) => chunk.usageMetadata).findLast(Boolean);
  const reasoning = usage?.thoughtsTokenCount ?? 0;
  return {
    text: runs(heard, "text"),
    reasoning: runs(heard, "reasoning"),
    refusal: "",
    calls,
    finish: finished(blocked || FILTERS.has(word) ? "refused" : word === "MAX_TOKENS" ? "length" : "end", calls),
    usage: usage && [
      (usage.promptTokenCount ?? 0) + (usage.toolUsePromptTokenCount ?? 0),
      (usage.candidatesTokenCount ?? 0) + reasoning,
      usage.cachedContentTokenCount ?? 0,
      0,
      reasoning,
    ],
  };
}

// --- Ollama ----------------------------------------------------------------------------------------------------------

function fromLines(lines) {
  const last = lines.at(-1);
  if (!last.done) throw new Error("no end");
  const calls = lines
    .flatMap(({ message }) => message.tool_calls ?? [])
    .map((call) => [call.function.name, call.function.arguments]);
  return {
    text: run(lines.map(({ message }) => message.content ?? "").join("")),
    reasoning: run(lines.map(({ message }) => message.thinking ?? "").join("")),
    refusal: "",
    calls,
    finish: finished(last.done_reason === "length" ? "length" : "end", calls),
    usage: last.eval_count === undefined ? null : [last.prompt_eval_count ?? 0, last.eval_count, 0, 0, 0],
  };
}

// --- all of them -----------------------------------------------------------------------------------------------------

async function all(stream) {
  const found = [];
  for await (const each of await stream) found.push(each);
  return found;
}

const GEMINI = { model: "asked", contents: "hi" };
const RESPONSES = { model: "asked", input: "hi" };
const JUDGES = {
  claude: {
    whole: async () => fromMessage(await anthropic.messages.create({ ...ASKED, max_tokens: 1 })),
    stream: async () => fromMessage(await anthropic.messages.stream({ ...ASKED, max_tokens: 1 }).finalMessage()),
  },
  openai_chat: {
    whole: async () => {
      const completion = await openai.chat.completions.create(ASKED);
      return fromCompletion(completion, completion.choices[0].message.reasoning_content);
    },
    stream: chatStream,
  },
  openai_responses: {
    whole: async () => fromResponse(await openai.responses.create(RESPONSES)),
    stream: async () => fromResponse(await openai.responses.stream(RESPONSES).finalResponse()),
  },
  gemini: {
    whole: async () => fromChunks([await google.models.generateContent(GEMINI)]),
    stream: async () => fromChunks(await all(google.models.generateContentStream(GEMINI))),
  },
  ollama: {
    whole: async () => fromLines([await ollama.chat(ASKED)]),
    stream: async () => fromLines(await all(ollama.chat({ ...ASKED, stream: true }))),
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  body = Buffer.from(asked.body);
  type = asked.type;
  let heard;
  try {
    heard = await JUDGES[asked.dialect][asked.way]();
  } catch (error) {
    heard = { error: `${error}` };
  }
  process.stdout.write(`${JSON.stringify(heard)}\n`);
}
