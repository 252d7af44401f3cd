"""What the owner may write in config.toml, typed, strict and frozen. Pure: it reads no file and no environment.

Every field carries its unit in its comment. A resolved key never prints: see Secret. `llmux/config/load.py` turns TOML
into these values; `config.toml` at the root of the repository documents each key.
"""

from typing import Literal, dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file. An unknown key in it stops the start."""


class Secret(str):
    """A string that prints as ***. Call `reveal` at the one place that sends it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(***)" if self.reveal() else "Secret()"

    def __str__(self) -> str:
        return "***" if self.reveal() else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def reveal(self) -> str:
        """The secret itself."""
        return str.__add__(self, "")


class Store(Section):
    """Where windows, cooldowns and learnt fields are kept."""

    url: str = "sqlite:"  # memory: | sqlite:[path]


class Provider(Section):
    """A company or program that serves models: dialect x transport x credential."""

    api: str = ""  # dialect: openai | claude | demo; "" : as the built-in table says, else openai
    base_url: str = ""
    api_key: Secret = Secret()  # "client": the caller's own key is passed on
    headers: dict[str, str] = {}  # added to every request
    rps: float | None = None  # requests a second
    rpm: float | None = None  # requests a minute
    concurrent: int | None = None  # requests at once
    timeout: float | None = None  # s; instead of request_timeout
    verbatim: bool = True  # same dialect: pass bytes on as they come; false: decode and encode anew
    enabled: bool = True


class Backend(Section):
    """One model at one provider. Its name is `model`, or `name` where two share a model."""

    model: str  # provider:model; "provider:*" passes the client's model name on
    name: str = ""
    context: int | None = None  # tokens; None: no limit
    max_output: int | None = None  # tokens
    vision: bool | None = None  # None: what is known of the model
    thinking: bool | None = None
    tools: bool | None = None
    model_match: list[str] = []  # globs of the client's model name; none: any
    max_per_hour: int | None = None  # requests
    max_per_5hours: int | None = None
    max_per_day: int | None = None
    window: Literal["sliding", "calendar"] = "sliding"
    rps: float | None = None
    rpm: float | None = None
    concurrent: int | None = None
    weight: int = 1
    key_delete: list[str] = []  # in the file also a single string
    key_add: dict[str, object] = {}
    key_rename: dict[str, str] = {}
    enabled: bool = True


class Role(Section):
    """A named set of backends that a client may ask for as a model."""

    backends: list[str]
    execution: Literal["first", "fallback"] = "fallback"


class Token(Section):
    """A client: its key, and what it may use."""

    key: Secret
    models: list[str] = []  # globs; none: every model
    max_per_hour: int | None = None
    max_per_5hours: int | None = None
    max_per_day: int | None = None


class Routing(Section):
    """How a backend is chosen."""

    thinking: Literal["prefer", "require"] = "prefer"


class Cors(Section):
    """Which web pages may call llmux from a browser. Off unless `origins` names some."""

    origins: list[str] = []  # "*" or full origins
    max_age: int = 600  # s


class Config(Section):
    """The whole file."""

    host: str = "127.0.0.1"
    port: int = 8082
    workers: int = 1
    request_timeout: float = 90  # s to the first event of an answer, per attempt
    idle_timeout: float = 120  # s between two events of an answer
    deadline: float = 600  # s after which no further try is begun
    keepalive: float = 10  # s of silence before the client is sent a keep-alive
    max_retries: int = 2  # tries at the same backend after the first
    max_body_mb: float = 64
    drain_timeout: float = 30  # s given to open answers at a stop
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "text", "json"] = "auto"
    log_bodies: bool = False
    https_enabled: bool = False
    ssl_key_file: str = ""
    ssl_cert_file: str = ""
    allow_anonymous: bool = False
    admin_key: Secret = Secret()
    trusted_proxies: list[str] = []  # addresses or networks whose X-Forwarded-* count
    store: Store = Store()
    provider: dict[str, Provider] = {}
    backend: list[Backend] = []
    role: dict[str, Role] = {}
    tokens: dict[str, Token] = {}  # in the file also NAME = "key"
    routing: Routing = Routing()
    cors: Cors = Cors()
