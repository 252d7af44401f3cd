#!/bin/sh
# llmux by hand, in both dialects. Each request prints its answer; -N shows a stream as it comes.
set -eu

url=${LLMUX_URL:-http://127.0.0.1:8082}
token=${LLMUX_TOKEN:-any} # a gateway without [tokens] takes any
model=${LLMUX_MODEL:-demo:echo}

ask() {
  printf '\n# %s\n' "$1"
  shift
  curl --silent --show-error --fail-with-body "$@"
}

ask "Is it there?" "$url/health"

ask "Which models?" "$url/v1/models" -H "authorization: Bearer $token"

ask "OpenAI Chat" "$url/v1/chat/completions" -H "authorization: Bearer $token" -H "content-type: application/json" \
  -d "{\"model\": \"$model\", \"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}]}"

ask "Claude Messages, streamed" -N "$url/v1/messages" -H "x-api-key: $token" -H "anthropic-version: 2023-06-01" \
  -H "content-type: application/json" \
  -d "{\"model\": \"$model\", \"max_tokens\": 100, \"stream\": true, \"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}]}"

ask "How many tokens would it be?" "$url/v1/messages/count_tokens" -H "x-api-key: $token" \
  -H "anthropic-version: 2023-06-01" -H "content-type: application/json" \
  -d "{\"model\": \"$model\", \"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}]}"
