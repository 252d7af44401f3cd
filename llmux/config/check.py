"""What no single key can tell: whether the parts of a configuration fit each other. Pure; it is told which files exist.

Types, unknown keys and ranges are `strict.py`'s business.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import parse_qs, urlsplit

import msgspec

from llmux.config.problem import Path, hint
from llmux.config.schema import Config, Provider, Role
from llmux.config.strict import complaint
from llmux.config.tables import DIALECTS, Row
from llmux.ir.capability import Profile

Found = tuple[Path, str]  # a problem: where, and what

APIS = (*DIALECTS, "demo")
STORES = ("memory:", "sqlite:")
# The schemes of a Redis, and the options that its URL may have; the form of each, for people.
REDIS: Mapping[str, frozenset[str]] = {
    "redis": frozenset(),
    "rediss": frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}),
    "unix": frozenset({"db"}),
}
REDIS_FORMS = (
    'expected "redis://[user:password@]host[:port][/db]", "rediss://..." with TLS, or "unix://[user:password@]/path"; '
    "what is special in a password is written %XX"
)
JOINS = ("first", "all")  # how answers become one without a model's help
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
HEADER_VALUE = re.compile(r"[^\r\n\x00]*")
OPEN_TO_ALL = (
    "{host} is not loopback, and whoever reaches it could use your keys: add [tokens], or api_key_required = true and "
    "an admin_key to make keys with, or say allow_anonymous = true"
)


def check(config: Config, rows: Mapping[str, Row], exists: Callable[[str], bool]) -> Iterator[Found]:
    """Every problem of `config`. `rows` are the providers known by name; `exists` says whether a file can be read."""
    for name, provider in config.provider.items():
        if not name or ":" in name:
            yield ("provider", name), "a provider's name is not empty and holds no colon"
        yield from ((("provider", name, *at), said) for at, said in _provider(provider, rows.get(name)))
    yield from _backends(config, rows)
    yield from _roles(config)
    yield from _tokens(config)
    yield from _server(config, exists)
    yield from _observers(config)
    yield from _lists(config)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _provider(provider: Provider, row: Row | None) -> Iterator[Found]:
    if provider.api not in ("", *APIS):
        yield ("api",), f"unknown dialect; {hint(provider.api, APIS)}"
    for key, value in provider.headers.items():
        if not _is_header(key, value):
            yield ("headers", key), "not a header that can be sent"
    if provider.base_url:
        if not _is_url(provider.base_url):
            yield ("base_url",), 'expected an address such as "https://api.example.com/v1"'
    elif provider.api != "demo":
        yield from _at_its_row(provider, row)


def _at_its_row(provider: Provider, row: Row | None) -> Iterator[Found]:
    """A provider that is where its row says."""
    if row is None:
        yield ("base_url",), "missing: llmux knows no provider of this name"
    elif provider.enabled and row.keys and not provider.api_key.reveal():
        yield ("api_key",), f"missing: set it here, or in the environment as {' or '.join(row.keys)}"


def _backends(config: Config, rows: Mapping[str, Row]) -> Iterator[Found]:
    names = Counter(backend.name or backend.model for backend in config.backend)
    seen = set[str]()
    for index, backend in enumerate(config.backend):
        provider, colon, model = backend.model.partition(":")
        known = (*config.provider, *rows)
        if not colon or not provider or not model:
            yield ("backend", index, "model"), 'expected "provider:model", such as "openai:gpt-4o" or "openai:*"'
        elif provider not in known:
            yield ("backend", index, "model"), f'names no provider: there is no "{provider}"; {hint(provider, known)}'
        yield from ((("backend", index, "profile", *at), said) for at, said in _profile(backend.profile))
        name = backend.name or backend.model
        if names[name] > 1 and name in seen:
            yield ("backend", index, "name"), f'a second backend is called "{name}": give one of them a name of its own'
        seen.add(name)


def _profile(written: Mapping[str, object]) -> Iterator[Found]:
    """What is wrong with the fields of a model's profile."""
    fields = {field.name: field for field in msgspec.structs.fields(Profile)}
    for key, value in written.items():
        if key not in fields:
            yield (key,), f"a model's profile has no such field; {hint(key, fields)}"
            continue
        try:
            msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError as error:
            yield (key,), complaint(error, fields[key].type)


def _roles(config: Config) -> Iterator[Found]:
    known = {name for backend in config.backend for name in (backend.name or backend.model, backend.model)}
    for name, role in config.role.items():
        if name in known:
            yield ("role", name), "a backend has this name too: a model's name must mean one of them"
        if not role.backends:
            yield ("role", name, "backends"), "names no backend"
        for index, backend in enumerate(role.backends):
            if backend not in known:
                yield ("role", name, "backends", index), f'there is no backend "{backend}"; {hint(backend, known)}'
        yield from ((("role", name, *at), said) for at, said in (*_shares(role, config), *_join(role, config)))


def _shares(role: Role, config: Config) -> Iterator[Found]:
    if role.execution == "weighted" and role.policy not in {"", "weighted", "weighted_round_robin"}:
        yield ("policy",), 'execution = "weighted" goes by weight: take one of the two away'
    for member in role.weights:
        if member not in role.backends:
            yield ("weights", member), f"is not among the backends of this role; {hint(member, role.backends)}"
    own = {key: each.weight for each in reversed(config.backend) for key in (each.model, each.name) if key}
    shares = [role.weights.get(member, own.get(member, 1)) for member in role.backends]
    if role.execution == "weighted" and shares and not any(shares):
        yield ("weights",), "every backend of the role has a weight of 0: none has a share"


def _join(role: Role, config: Config) -> Iterator[Found]:
    """A model joins answers by any name that a client may ask for, other than that of a role that asks for it again."""
    join, others = role.join, config.role
    names = [name for backend in config.backend for name in (backend.name, backend.model) if name]
    if join != "first" and role.execution != "parallel":
        yield ("join",), 'only where execution = "parallel": else there is one answer'
    elif join in JOINS:  # a word, also where a role is called so
        return
    elif join in others and others[join].execution == "parallel":
        yield ("join",), f"{join} answers in parallel itself: name another role, or a backend"
    elif join not in (*names, *others) and not _is_passed_on(join, names):
        near = hint(join, [*names, *others])
        yield ("join",), f'"first", "all" or a model is expected, and there is none "{join}"; {near}'


def _is_passed_on(model: str, names: Iterable[str]) -> bool:
    return f"{model.partition(':')[0]}:*" in names


def _tokens(config: Config) -> Iterator[Found]:
    owners: dict[str, str] = {}
    for name, token in config.tokens.items():
        key = token.key.reveal()
        if not key:
            yield ("tokens", name), "an empty key would let everybody in"
        elif owner := owners.get(key):
            yield ("tokens", name), f"has the same key as {owner}: nobody could tell them apart"
        owners[key] = name


def _server(config: Config, exists: Callable[[str], bool]) -> Iterator[Found]:
    guarded = config.tokens or (config.api_key_required and config.admin_key.reveal())
    if not (is_loopback(config.host) or guarded or config.allow_anonymous):
        yield ("host",), OPEN_TO_ALL.format(host=config.host or "every address")
    if config.api_key_required and not guarded and config.store.url == "memory:":
        yield ("api_key_required",), "nobody could make a key: set admin_key, or a store that outlives the process"
    for key in ("ssl_key_file", "ssl_cert_file") if config.https_enabled else ():
        path = getattr(config, key)
        if not path:
            yield (key,), "missing: HTTPS needs it; bin/cert makes a pair"
        elif not exists(path):
            yield (key,), f"no such file: {path}"
    yield from ((("store", "url"), said) for said in _store(config.store.url.reveal()))


def _store(url: str) -> Iterator[str]:
    scheme = url.partition(":")[0]
    if scheme in REDIS:
        if not _is_redis(url, REDIS[scheme]):
            yield REDIS_FORMS
    elif not url.startswith(STORES):
        yield 'expected "memory:", "sqlite:[path]" or "redis://host:port/db"'


def _observers(config: Config) -> Iterator[Found]:
    if config.metrics.auth == "admin" and not config.admin_key.reveal():
        yield ("metrics", "auth"), 'needs an admin_key, or nobody could scrape; "token" lets clients in'
    if config.otel.endpoint and not _is_url(config.otel.endpoint):
        yield ("otel", "endpoint"), 'expected the address of a collector, such as "http://localhost:4318"'


def _lists(config: Config) -> Iterator[Found]:
    for index, network in enumerate(config.trusted_proxies):
        if not _is_network(network):
            yield ("trusted_proxies", index), 'expected an address or a network, such as "10.0.0.0/8"'
    for index, origin in enumerate(config.cors.origins):
        if origin != "*" and not (_is_url(origin) and not urlsplit(origin).path):
            yield ("cors", "origins", index), 'expected "*" or an origin such as "https://app.example.com"'


def _is_header(name: str, value: str) -> bool:
    return HEADER_NAME.fullmatch(name) is not None and HEADER_VALUE.fullmatch(value) is not None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port_fits = parts.port is None or parts.port > 0  # reading it checks the number
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or re.search(r"\s", text))
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port_fits and plain


def _is_redis(url: str, options: frozenset[str]) -> bool:
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
        asked = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        return False
    if parts.scheme == "unix":
        placed = not parts.hostname and len(parts.path) > 1 and asked.get("db", ["0"])[0].isdecimal()
    else:
        placed = bool(parts.hostname) and re.fullmatch(r"/?\d*", parts.path) is not None
    return placed and port_fits and asked.keys() <= options and not (parts.fragment or re.search(r"\s", url))


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
