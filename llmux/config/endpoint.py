"""A provider, resolved: what the owner wrote of it over its row in the built-in table. Pure."""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from llmux.config.schema import Cost, Provider, Secret
from llmux.config.tables import DIALECTS, Row, Tables
from llmux.ir.value import Value

Auth = Literal["bearer", "x-api-key", "x-goog-api-key", "none", "client"]

# How the maker of a dialect wants a key, and whose reasoning states a server of it takes back when nobody says whose.
MAKERS_AUTH: Mapping[str, Auth] = {
    "openai_chat": "bearer",
    "openai_responses": "bearer",
    "claude": "x-api-key",
    "gemini": "x-goog-api-key",
    "ollama": "bearer",
}
MAKERS: Mapping[str, str] = {"claude": "anthropic", "gemini": "google", "openai_responses": "openai"}
# What people write at the end of a base_url, in this order, though each request puts it there: the place where an
# answer is asked for, and a version. Ollama has its own API at the root, beside OpenAI's.
ENDINGS: Mapping[str, tuple[str, ...]] = {
    "openai_chat": ("/chat/completions",),
    "openai_responses": ("/responses",),
    "claude": ("/messages", "/v1"),
    "gemini": ("/models",),
    "ollama": ("/api/chat", "/v1"),
}
DEMO = "demo"  # api = "demo": answered inside this process
CLIENTS_KEY = "client"  # api_key = "client": the caller's own key is passed on


class Endpoint(Value, kw_only=True):
    """Where a provider is, and how it lets us in. `row` is the built-in row that it is, by name or by address."""

    name: str
    dialect: str
    base_url: str = ""  # without a slash at the end
    api_key: Secret = Secret()
    auth: Auth = "bearer"
    headers: Mapping[str, str] = {}
    rps: float | None = None  # requests a second
    rpm: float | None = None  # requests a minute
    concurrent: int | None = None  # requests at once
    cost: Cost = ""
    timeout: float | None = None  # s to the first event of an answer; None: request_timeout
    maker: str = ""
    kind: Literal["http", "demo"] = "http"
    row: str = ""
    any_model: bool = False  # may have models that it does not list
    verbatim: bool = True
    enabled: bool = True


def endpoint(name: str, written: Provider, tables: Tables) -> Endpoint:
    """The provider `name` as it is to be asked. What is not written comes from its row, if it has one."""
    base = tables.providers.get(name, Row(api="openai"))
    dialect = DIALECTS[base.api if written.api in ("", DEMO) else written.api]
    demo = written.api == DEMO or (base.kind == "demo" and not written.base_url)
    base_url = _root(written.base_url or base.base_url, dialect)
    row = _row(name, base_url, tables.providers)
    return Endpoint(
        name=name,
        dialect=dialect,
        base_url=base_url,
        api_key=written.api_key,
        auth=_auth(written, base, dialect),
        headers=written.headers,
        rps=written.rps,
        rpm=written.rpm,
        concurrent=written.concurrent,
        timeout=written.timeout,
        cost=written.cost,
        maker=(tables.providers[row].maker or row) if row else MAKERS.get(dialect, name),
        kind="demo" if demo else "http",
        row=row,
        any_model=demo or (bool(row) and tables.providers[row].any_model),
        verbatim=written.verbatim,
        enabled=written.enabled,
    )


def _root(url: str, dialect: str) -> str:
    """`url` without a slash at the end, and without what will be put behind it."""
    url = url.rstrip("/")
    for ending in ENDINGS[dialect]:
        url = url.removesuffix(ending)
    return url


def _auth(written: Provider, base: Row, dialect: str) -> Auth:
    if written.api_key.reveal() == CLIENTS_KEY:
        return "client"
    if not written.api_key.reveal():
        return "none"
    return written.auth or base.auth or MAKERS_AUTH[dialect]


def _row(name: str, base_url: str, known: Mapping[str, Row]) -> str:
    """The row of this address. Without an address, or with a row's name and another address, the row of this name."""
    host = urlsplit(base_url).netloc
    by_address = (row for row, entry in known.items() if host and urlsplit(entry.base_url).netloc == host)
    return next(by_address, name if name in known else "")
