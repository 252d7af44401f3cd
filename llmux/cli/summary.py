"""What `start` and `check` say of a configuration: where it came from, its backends in order, how to reach it."""

from collections.abc import Iterator

import click

from llmux.cli.clients import CLIENTS
from llmux.cli.terminal import heading, table
from llmux.config.load import Loaded
from llmux.config.schema import Config
from llmux.gateway.budget import said
from llmux.routing.assemble import Assembled
from llmux.routing.catalog import AS_CONFIGURED, Backend, Limits, Way

# How the line begins that tells the gateway's URL; `launch` reads it.
LISTENS = "llmux listens on "
COLUMNS = ("", "backend", "dialect", "context", "can", "answers to", "limits")
ROLES = ("role", "backends", "who answers")


def show_origin(loaded: Loaded) -> None:
    """Where the configuration came from, and what should be known of it."""
    if loaded.files:
        click.echo("Configuration: " + ", ".join(map(str, loaded.files)))
    if loaded.found:
        click.echo("Found, since no backend is configured:")
    for line in loaded.found:
        click.echo(f"  {line}")
    for notice in loaded.notices:
        click.echo(f"Note: {notice}")


def show_backends(assembled: Assembled) -> None:
    """The backends, in the order in which they are tried; what they cost, where that is stated; and the roles."""
    catalog = assembled.catalog
    tried = "in the order they are tried" if catalog.way.policy == "first" else _order(catalog.way)
    heading(f"Backends, {tried}")
    rows = [
        _row(number, backend, assembled.limits.get(backend.provider, Limits()))
        for number, backend in enumerate(catalog.backends, 1)
    ]
    if any(backend.cost for backend in catalog.backends):
        costs = [backend.cost or "not said" for backend in catalog.backends]
        table((*COLUMNS, "cost"), [(*row, cost) for row, cost in zip(rows, costs, strict=True)])
    else:
        table(COLUMNS, rows)
    if catalog.roles:
        click.echo()
        heading("Roles")
        ways = {role: _told(catalog.ways.get(role, AS_CONFIGURED)) for role in catalog.roles}
        table(ROLES, [(role, ", ".join(names), ways[role]) for role, names in catalog.roles.items()])


def show_clients(config: Config, url: str) -> None:
    """How to point clients at the gateway."""
    token = "YOUR_TOKEN" if config.tokens or config.api_key_required else "any"
    heading("Point a client at it")
    click.echo(f"  Claude Code   ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN={token} claude")
    click.echo(f"  OpenAI SDKs   OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={token} python app.py")
    click.echo(f"  Google SDKs   GOOGLE_GEMINI_BASE_URL={url} GEMINI_API_KEY={token} python app.py")
    click.echo(f"  Ollama        OLLAMA_HOST={url} python app.py")
    click.echo(f"  or simply     llmux launch {' | '.join(CLIENTS)}")
    if config.admin_key.reveal():
        heading("See what it does")
        click.echo(f"  {url}/ui, with the admin key")


def _row(number: int, backend: Backend, of_provider: Limits) -> tuple[str, ...]:
    profile = backend.profile
    abilities = {"vision": profile.vision, "thinking": profile.thinking, "tools": profile.tools}
    return (
        str(number),
        backend.name if backend.enabled else f"{backend.name} (disabled)",
        backend.dialect,
        f"{profile.context:,}" if profile.context else "any",
        "embeddings" if backend.embeddings else ", ".join(word for word, can in abilities.items() if can) or "text",
        " ".join(backend.match) or "any name",
        ", ".join([*_limits(backend), *(f"{limit} at {backend.provider}" for limit in _pace(of_provider))]) or "none",
    )


def _told(way: Way) -> str:
    """How the backends of a role answer together."""
    join = {"first": "the first answer is given", "all": "all answers are given"}
    how = {
        "fallback": "one after the other",
        "first": "only the first",
        "hedge": "the next one too where the first is silent",
        "parallel": f"all at once, {join.get(way.join, f'{way.join} makes one answer of all')}",
    }
    order = "" if way.policy == "first" or way.execution == "parallel" else f", {_order(way)}"
    return how[way.execution] + order


def _order(way: Way) -> str:
    weights = " : ".join(f"{name} {weight}" for name, weight in way.weights.items())
    return f"by {way.policy}{f', {weights}' if weights else ''}"


def _limits(backend: Backend) -> Iterator[str]:
    for window in backend.windows:
        yield f"{said(window)}{' of the calendar' if window.kind == 'calendar' else ''}"
    yield from _pace(backend.limits)


def _pace(limits: Limits) -> Iterator[str]:
    if limits.rps is not None:
        yield f"{limits.rps:g} a second"
    if limits.rpm is not None:
        yield f"{limits.rpm:g} a minute"
    if limits.concurrent is not None:
        yield f"{limits.concurrent} at once"
