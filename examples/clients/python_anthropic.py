"""Anthropic's SDK through llmux: a streamed answer. Needs `pip install anthropic`."""

import os

from anthropic import Anthropic

client = Anthropic(
    base_url=os.environ.get("LLMUX_URL", "http://127.0.0.1:8082"),
    api_key=os.environ.get("LLMUX_TOKEN", "any"),  # a gateway without [tokens] takes any
)
with client.messages.stream(
    model=os.environ.get("LLMUX_MODEL", "demo:echo"),
    max_tokens=1000,
    messages=[{"role": "user", "content": "Say hello to llmux."}],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
    usage = stream.get_final_message().usage
print(f"\n{usage.input_tokens} tokens in, {usage.output_tokens} out")
