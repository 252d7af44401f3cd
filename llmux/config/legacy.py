"""The shapes that the family's other tools wrote -> the one schema. Pure: documents and variables in, documents out.

What has no place here yet is reported, never passed over in silence.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from llmux.config.problem import Path, Report

Table = Mapping[str, Any]

# Their key -> ours. A key that is not here is ours already, or unknown and reported as such.
SERVER_KEYS: Mapping[str, str] = {"timeout": "request_timeout", "bind": "host", "max_body_size_mb": "max_body_mb"}
PROVIDER_KEYS: Mapping[str, str] = {
    "type": "api",
    "provider_type": "api",
    "dialect": "api",
    "url": "base_url",
    "endpoint": "base_url",
    "api_base": "base_url",
    "key": "api_key",
    "max_concurrent": "concurrent",
}
MODEL_KEYS: Mapping[str, str] = {
    "context_window": "context",
    "max_context": "context",
    "max_tokens": "max_output",
    "max_output_tokens": "max_output",
    "supports_vision": "vision",
    "supports_thinking": "thinking",
    "supports_tools": "tools",
}
APIS: Mapping[str, str] = {
    "anthropic": "claude",
    "openai_chat": "openai",
    "openai-compatible": "openai",
    "openai_compatible": "openai",
}
COMMANDS_LATER = "a local command cannot be a backend yet; remove it, or name a provider with a base_url"
# Their environment variables -> our keys; those that say more than that are in `spoken`.
VARIABLES: Mapping[str, Path] = {
    "PORT": ("port",),
    "ADMIN_KEY": ("admin_key",),
    "CACHE_MAX_SIZE": ("cache", "max_entries"),
}
# Those that say how answers are kept. That they are is for [cache] to say: nobody's answers are kept unasked.
OF_THE_CACHE = ("CACHE_TTL", "CACHE_MAX_SIZE")
NO_CACHE = "{} has no effect: no answers are kept; [cache] enabled = true, or LLMUX_CACHE_ENABLED=true, keeps them"
YES = ("true", "1", "yes")


def translate(document: Table, report: Report) -> Table:
    """`document` in our schema. One that is in it already comes back as it is."""
    for old, translator in SHAPES.items():
        if old in document:
            rest = {key: value for key, value in document.items() if key != old}
            document = translator(document[old], rest, report)
    return document


def spoken(env: Mapping[str, str]) -> Mapping[str, tuple[Path, str]]:
    """What the other tools' environment variables say: variable -> our key, and its value as text in our unit."""
    said = {name: (path, env[name]) for name, path in VARIABLES.items() if env.get(name)}
    if env.get("REQUEST_TIMEOUT"):
        said["REQUEST_TIMEOUT"] = (("request_timeout",), _seconds(env["REQUEST_TIMEOUT"]))
    if ttl := env.get("CACHE_TTL"):
        off = ttl.strip("0.") == ""
        said["CACHE_TTL"] = (("cache", "enabled"), "false") if off else (("cache", "ttl"), _seconds(ttl))
    if env.get("API_KEY_REQUIRED", "").lower() in YES:
        said["API_KEY_REQUIRED"] = (("api_key_required",), "true")
        if env.get("API_KEY"):  # else keys are made at run time
            said["API_KEY"] = (("tokens", "api_key"), env["API_KEY"])
    return said


def notices(env: Mapping[str, str], *, cache: bool) -> tuple[str, ...]:
    """A sentence for each of their variables that has no effect. `cache`: answers are kept."""
    return () if cache else tuple(NO_CACHE.format(name) for name in OF_THE_CACHE if env.get(name))


def ollama_address(host: str) -> str:
    """Ollama's address, from OLLAMA_HOST as Ollama reads it: `host`, `host:port`, or a URL.

    A server that listens everywhere is asked here.
    """
    parts = urlsplit(host if "://" in host else f"http://{host}")
    name = "127.0.0.1" if parts.hostname in (None, "0.0.0.0", "::") else parts.hostname  # noqa: S104  # not bound to
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}:{parts.port or 11434}"


def _server(server: Any, rest: Table, report: Report) -> Table:
    if not isinstance(server, dict):
        report(("server",), "expected a table")
        return rest
    return {**_renamed(server, SERVER_KEYS), **rest}


def _providers(entries: Any, rest: Table, report: Report) -> Table:
    """`[[providers]]` with `[[providers.models]]`: a provider each, and a backend for each of its models."""
    providers: dict[str, Any] = dict(rest.get("provider", {}))
    backends: list[Any] = list(rest.get("backend", []))
    for index, entry in _tables(entries, "providers", report):
        name, models = entry.get("name"), entry.get("models", [])
        if not isinstance(name, str):
            report(("providers", index, "name"), "missing")
            continue
        provider = _renamed(
            {key: value for key, value in entry.items() if key not in ("name", "models")}, PROVIDER_KEYS
        )
        api = provider.get("api")
        providers[name] = {**provider, "api": APIS.get(api, api)} if isinstance(api, str) else provider
        backends += [_backend(name, model) for model in models] if isinstance(models, list) else []
    return {**rest, "provider": providers, "backend": backends}


def _backends(entries: Any, rest: Table, report: Report) -> Table:
    """`[backends.NAME]`: a provider of that name, and its backend."""
    providers: dict[str, Any] = dict(rest.get("provider", {}))
    backends: list[Any] = list(rest.get("backend", []))
    if not isinstance(entries, dict):
        report(("backends",), "expected [backends.NAME] tables")
        return rest
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            report(("backends", name), "expected a table")
        elif "command" in entry or "args" in entry:
            report(("backends", name, "command"), COMMANDS_LATER)
        else:
            providers[name] = {key: value for key, value in _renamed(entry, PROVIDER_KEYS).items() if key != "model"}
            backends.append(_backend(name, entry.get("model", "*")))
    return {**rest, "provider": providers, "backend": backends}


SHAPES: Mapping[str, Callable[[Any, Table, Report], Table]] = {
    "server": _server,
    "providers": _providers,
    "backends": _backends,
}


def _backend(provider: str, model: Any) -> Any:
    """A model of theirs, a name or a table, as a backend of ours."""
    if not isinstance(model, dict):
        return {"model": f"{provider}:{model}"}
    name = model.get("model") or model.get("name") or model.get("id") or ""
    rest = {key: value for key, value in model.items() if key not in ("model", "name", "id")}
    return {"model": f"{provider}:{name}", **_renamed(rest, MODEL_KEYS)}


def _renamed(table: Table, names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in table.items()}


def _tables(entries: Any, key: str, report: Report) -> list[tuple[int, Table]]:
    if not isinstance(entries, list):
        report((key,), f"expected [[{key}]] tables")
        return []
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            report((key, index), "expected a table")
    return [(index, entry) for index, entry in enumerate(entries) if isinstance(entry, dict)]


def _seconds(milliseconds: str) -> str:
    """In our unit; what is no number stays as it is, and is reported where it is read."""
    try:
        return str(float(milliseconds) / 1000)
    except ValueError:
        return milliseconds
