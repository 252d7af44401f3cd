"""Ollama's client through llmux: a streamed answer. Needs `pip install ollama`."""

import os

import ollama

client = ollama.Client(
    host=os.environ.get("LLMUX_URL", "http://127.0.0.1:8082"),
    headers={"authorization": f"Bearer {os.environ.get('LLMUX_TOKEN', 'any')}"},  # without [tokens] any will do
)
last = None
for last in client.chat(
    model=os.environ.get("LLMUX_MODEL", "demo:echo"),
    messages=[{"role": "user", "content": "Say hello to llmux."}],
    stream=True,
):
    print(last.message.content or "", end="", flush=True)
print(f"\n{last.prompt_eval_count} tokens in, {last.eval_count} out")
