"""Google's SDK through llmux: a streamed answer. Needs `pip install google-genai`."""

import os

from google import genai

client = genai.Client(
    api_key=os.environ.get("LLMUX_TOKEN", "any"),  # a gateway without [tokens] takes any
    http_options={"base_url": os.environ.get("LLMUX_URL", "http://127.0.0.1:8082")},
)
usage = None
for chunk in client.models.generate_content_stream(
    model=os.environ.get("LLMUX_MODEL", "demo:echo"), contents="Say hello to llmux."
):
    print(chunk.text or "", end="", flush=True)
    usage = chunk.usage_metadata or usage
print(f"\n{usage.prompt_token_count} tokens in, {usage.candidates_token_count} out")
