"""What can be served when nobody says what: keys in the environment, model servers on this machine, else the demo.

The only I/O is `models_at`, one short look at a loopback address; who calls may bring another.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from llmux.config.schema import Backend, Provider, Secret
from llmux.config.tables import Row, Tables
from llmux.ir.value import Value

CONNECT_S = 0.1  # a server on this machine accepts at once or is not there
LIST_S = 0.5  # one that is loading a model may take a moment to list what it has

# Where a server lists its models -> their names; None when nobody answers there.
Look = Callable[[str], Sequence[str] | None]
# What a server speaks -> where below its address it lists its models.
LISTINGS: Mapping[str, str] = {
    "openai": "/models",
    "responses": "/models",
    "claude": "/v1/models",
    "gemini": "/models",
    "ollama": "/api/tags",
}


class Discovery(Value):
    """What was found. `models` are those that a server lists, by provider; `lines` tell it all without a key."""

    providers: dict[str, Provider]
    models: Mapping[str, Sequence[str]]
    lines: tuple[str, ...]


class _Listed(msgspec.Struct):
    id: str


class _Tag(msgspec.Struct):
    name: str


class _Listing(msgspec.Struct):
    """OpenAI's list and Claude's, or Ollama's: one of the two."""

    data: list[_Listed] | None = None
    models: list[_Tag] | None = None


def discover(tables: Tables, env: Mapping[str, str], look: Look, written: Mapping[str, Provider]) -> Discovery:
    """Providers that have a key in `env` or answer on this machine, in the order of the table; the demo if none does.

    `written` holds what is already known of a provider, such as another address of Ollama.
    """
    providers: dict[str, Provider] = {}
    listed: dict[str, Sequence[str]] = {}
    lines: list[str] = []
    for name, row in tables.providers.items():
        if variable := next((key for key in row.keys if env.get(key)), None):
            providers[name] = Provider(api_key=Secret(env[variable]))
            lines.append(f"{name}: {variable} is set")
        elif row.local:
            there = written.get(name, Provider())
            address = there.base_url or row.base_url
            models = look(address + LISTINGS[row.api])
            if models is not None:
                providers[name], listed[name] = there, models
                lines.append(f"{name}: answers at {urlsplit(address).netloc}, {len(models)} models")
    if not providers:
        providers["demo"] = Provider()
        lines.append("demo: no key and no model server was found; the built-in demo models answer")
    return Discovery(providers, listed, tuple(lines))


def backends(
    providers: Iterable[str], rows: Mapping[str, Row], listed: Mapping[str, Sequence[str]] | None = None
) -> list[Backend]:
    """Backends for providers that have none: first each takes the names that it serves, then each takes any other."""
    passing_on, taking_all = list[Backend](), list[Backend]()
    for name in providers:
        models = (listed or {}).get(name, ())
        row = rows.get(name, Row(api="openai"))
        serves, default = (*row.serves, *models), row.default or next(iter(models), "")
        if serves and default:
            passing_on.append(Backend(model=f"{name}:*", model_match=list(serves)))
            taking_all.append(Backend(model=f"{name}:{default}"))
        else:
            taking_all.append(Backend(model=f"{name}:*"))
    return passing_on + taking_all


def models_at(listing: str) -> Sequence[str] | None:
    """The models that a server lists at the address `listing`, or None when nobody answers in time."""
    from http.client import HTTPConnection, HTTPException  # slow to import, and seldom needed

    parts = urlsplit(listing)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=CONNECT_S)
    try:
        connection.connect()
        connection.sock.settimeout(LIST_S)
        connection.request("GET", parts.path)
        told = msgspec.json.decode(connection.getresponse().read(), type=_Listing)
    except (OSError, HTTPException, msgspec.MsgspecError):
        return None
    finally:
        connection.close()
    if told.data is None and told.models is None:
        return None
    names = [*(model.id for model in told.data or ()), *(model.name for model in told.models or ())]
    return [name for name in names if "embed" not in name]
