"""OpenAI's SDK through llmux, in its newer API: an answer, and one that goes on from it. Needs `pip install openai`."""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("LLMUX_URL", "http://127.0.0.1:8082") + "/v1",
    api_key=os.environ.get("LLMUX_TOKEN", "any"),  # a gateway without [tokens] takes any
)
model = os.environ.get("LLMUX_MODEL", "demo:echo")
with client.responses.stream(model=model, input="Say hello to llmux.") as stream:
    for event in stream:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
    first = stream.get_final_response()
again = client.responses.create(model=model, previous_response_id=first.id, input="And once more.")
print(f"\n{again.output_text}\n{again.usage.input_tokens} tokens in, {again.usage.output_tokens} out")
