"""OpenAI's SDK through llmux: a streamed answer. Needs `pip install openai`."""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("LLMUX_URL", "http://127.0.0.1:8082") + "/v1",
    api_key=os.environ.get("LLMUX_TOKEN", "any"),  # a gateway without [tokens] takes any
)
stream = client.chat.completions.create(
    model=os.environ.get("LLMUX_MODEL", "demo:echo"),
    messages=[{"role": "user", "content": "Say hello to llmux."}],
    stream=True,
    stream_options={"include_usage": True},
)
for chunk in stream:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
    if chunk.usage:
        print(f"\n{chunk.usage.prompt_tokens} tokens in, {chunk.usage.completion_tokens} out")
