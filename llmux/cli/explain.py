"""llmux explain: where a request would go and why, from its body alone. It asks no backend."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import click

from llmux.cli import configured
from llmux.cli.terminal import Failure, Misconfigured, heading, table
from llmux.config.load import Loaded
from llmux.store.base import StoreNotOpenedError

HELP = """Show where a request would go, and why, without sending it.

FILE holds the body of a request, as a client sends it; - reads it from stdin. Printed are the backends that would be
tried, the reason for each that would not, the tokens that were counted, the body that the first backend would be sent,
and what the translation would leave out.

\b
  llmux explain request.json
  llmux explain request.json --model claude-opus-4-6
  pbpaste | llmux explain - --json | jq .upstream.body
"""

# How backends answer together -> how that is said.
EXECUTIONS = {
    "fallback": "in this order",
    "first": "in this order, and only the first",
    "hedge": "in this order, the next one too where the first is silent",
    "parallel": "all at once",
}
# Keys that only a Claude Messages body has at its top.
CLAUDE_KEYS = frozenset({"system", "thinking", "stop_sequences", "top_k", "anthropic_version", "context_management"})
# ... and that only an Ollama body has.
OLLAMA_KEYS = frozenset({"options", "keep_alive", "think"})


@click.command(help=HELP)
@configured.option
@click.option(
    "--dialect",
    type=click.Choice(["claude", "gemini", "ollama", "openai_chat", "openai_responses"]),
    help="What FILE speaks; else it is guessed.",
)
@click.option("--model", metavar="NAME", help="Ask for this model instead of the one in FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.argument("file", type=click.File("rb"))
def explain(*, config: Path | None, dialect: str | None, model: str | None, as_json: bool, file: IO[bytes]) -> None:
    """Read the request, and tell."""
    body = _body(file)
    if model:
        body["model"] = model
    loaded = configured.load(config)
    try:
        told = asyncio.run(_explain(loaded, dialect or guess(body), json.dumps(body).encode()))
    except StoreNotOpenedError as error:
        raise Failure(str(error)) from None
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _tell(told)
    if "error" in told:
        raise Failure(told["error"]["message"].removeprefix("llmux: "))


def guess(body: Mapping[str, Any]) -> str:
    """The dialect of a body: what only one of them says decides."""
    if "messages" not in body and "input" in body:
        return "openai_responses"
    if "contents" in body:
        return "gemini"
    tools = body.get("tools")
    first = tools[0] if isinstance(tools, list) and tools else None
    if '"image_url"' in json.dumps(body.get("messages")):  # local servers take Claude's top_k beside OpenAI's parts
        return "openai_chat"
    if CLAUDE_KEYS & body.keys() or (isinstance(first, dict) and "function" not in first and "name" in first):
        return "claude"
    if OLLAMA_KEYS & body.keys():
        return "ollama"
    return "openai_chat"


def _body(file: IO[bytes]) -> dict[str, Any]:
    name = getattr(file, "name", "<stdin>")
    try:
        body = json.loads(file.read())
    except ValueError as error:
        raise Misconfigured(f"{name}: not JSON: {error}. A request's body is expected.") from None
    if not isinstance(body, dict):
        raise Misconfigured(f"{name}: a JSON object is expected, the body of a request.")
    return body


async def _explain(loaded: Loaded, dialect: str, body: bytes) -> Mapping[str, Any]:
    from llmux.cli.inside import inside
    from llmux.dialects.registry import TABLE
    from llmux.errors import GatewayError
    from llmux.responder import Context

    try:
        request = TABLE[dialect].decode_request(body)
    except GatewayError as error:
        raise Misconfigured(f"not a request in the dialect {dialect}: {error.message}") from None
    async with inside(loaded) as house:
        return await house.services.explain(request, Context("explain"))


def _tell(told: Mapping[str, Any]) -> None:
    needs = told["needs"]
    wants = "".join(f", {capability}" for capability in needs["capabilities"])
    click.echo(f"{told['dialect']} request for {told['model']}: about {needs['tokens']} tokens{wants}")
    heading(f"\nTried, {_order(**told['order'])}")
    for number, name in enumerate(told["plan"], 1):
        click.echo(f"  {number}  {name}")
    if not told["plan"]:
        click.echo("  none")
    if told["refused"]:
        heading("\nNot asked")
        table(("backend", "why", ""), [(name, no["why"], no["reason"]) for name, no in told["refused"].items()])
    if "upstream" in told:
        _tell_upstream(told["upstream"])
    _tell_warnings([*told["warnings"], *told.get("upstream", {}).get("warnings", [])])


def _order(execution: str, policy: str, why: str) -> str:
    """In which order, and why in this one."""
    return EXECUTIONS[execution] + ("" if policy == "first" else f", by {policy}: {why}")


def _tell_upstream(upstream: Mapping[str, Any]) -> None:
    heading(f"\nSent to {upstream['backend']}")
    if "error" in upstream:
        click.echo(f"nothing: {upstream['error']['message']}")
        return
    click.echo(f"POST {upstream['path']} in the dialect {upstream['dialect']}, {upstream['lane']}")
    for name, value in upstream["headers"].items():
        click.echo(f"{name}: {value}")
    click.echo(json.dumps(upstream["body"], indent=2, ensure_ascii=False))


def _tell_warnings(warnings: list[str]) -> None:
    if warnings:
        heading("\nWhat the answer would own up to (x-llmux-warnings)")
        click.echo("; ".join(warnings))
