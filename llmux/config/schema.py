"""What the owner may write in config.toml, typed, strict and frozen. Pure: it reads no file and no environment.

Every field carries its unit in its comment. A resolved key never prints: see Secret. `llmux/config/load.py` turns TOML
into these values; `config.toml` at the root of the repository documents each key.
"""

from typing import Annotated, Literal, dataclass_transform

import msgspec

# What a number may be. A value outside stops the start.
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Amount = Annotated[int, msgspec.Meta(ge=1)]  # at least one
Count = Annotated[int, msgspec.Meta(ge=0)]  # 0 is an answer too
Span = Annotated[float, msgspec.Meta(ge=0)]  # s; 0: not at all
Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]  # of a whole
Cost = Literal["", "free", "subscription", "paid"]  # what a request costs its owner; "": nobody said
Dollars = Annotated[float, msgspec.Meta(ge=0)]  # US dollars per million tokens
Spend = Literal["ask", "allow", "never"]
Policy = Literal[  # in which order the backends that fit are asked
    "first", "round_robin", "weighted", "weighted_round_robin", "random_choose", "least_inflight", "latency", "sticky"
]


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

    url: Secret = Secret("sqlite:")  # memory: | sqlite:[path] | redis://host:port/db; it may hold a password


class Provider(Section):
    """A company or program that serves models: dialect x transport x credential."""

    api: str = ""  # openai | responses | claude | gemini | ollama | demo; "" : as the built-in table says, else openai
    base_url: str = ""  # http or https; with the version where the API has one: "https://api.openai.com/v1"
    api_key: Secret = Secret()  # "client": the caller's own key is passed on; "": the built-in table's variable
    auth: Literal["", "bearer", "x-api-key", "x-goog-api-key", "none"] = (
        ""  # how the key is sent; "": as the dialect's maker does
    )
    headers: dict[str, str] = {}  # added to every request
    rps: Positive | None = None  # requests a second
    rpm: Positive | None = None  # requests a minute
    concurrent: Amount | None = None  # requests at once, of all processes that share the store
    timeout: Positive | None = None  # s; instead of request_timeout
    cost: Cost = ""  # of its backends that do not say it themselves
    verbatim: bool = True  # same dialect: pass bytes on as they come; false: decode and encode anew
    enabled: bool = True


class Tariff(Section):
    """What a model costs, in US dollars per million tokens."""

    input: Dollars
    output: Dollars
    cache_read: Dollars | None = None  # None: as input
    cache_write: Dollars | None = None
    cache_write_1h: Dollars | None = None  # None: as cache_write


class Price(Tariff, kw_only=True):
    """What models cost whose names are alike."""

    model: str  # a glob of the backend's name of the model


class Limited(Section):
    """What may be spent. See `routing.assemble.WINDOWS`."""

    max_per_hour: Amount | None = None  # requests
    max_per_5hours: Amount | None = None
    max_per_day: Amount | None = None
    max_tokens_per_hour: Amount | None = None  # of prompts and answers together
    max_tokens_per_day: Amount | None = None
    max_tokens_per_month: Amount | None = None  # of 30 days
    max_usd_per_day: Positive | None = None  # US dollars
    max_usd_per_month: Positive | None = None
    max_usd: Positive | None = None  # in all


class Backend(Limited, kw_only=True):
    """One model at one provider. Its name is `model`, or `name` where two share a model."""

    model: str  # provider:model; "provider:*" passes the client's model name on, where it lists that
    name: str = ""
    context: Amount | None = None  # tokens; None: no limit
    max_output: Amount | None = None  # tokens; None: what is known of the model
    vision: bool | None = None  # None: what is known of the model
    thinking: bool | None = None
    tools: bool | None = None
    embeddings: bool = False  # it embeds, and takes no chats; others do not embed
    tool_repair: bool | None = None  # None: as tool_repair of the whole; true: also where bytes would pass as they come
    tool_text: bool = False  # its model prints calls as text: they are found there
    profile: dict[str, object] = {}  # what else the model takes on the wire: fields of Profile, by their names
    model_match: list[str] = []  # globs of the client's model name; none: any
    window: Literal["sliding", "calendar"] = "sliding"
    rps: Positive | None = None
    rpm: Positive | None = None
    concurrent: Amount | None = None
    weight: Count = 1
    cost: Cost = ""  # "": as its provider's
    price: Tariff | None = None  # None: as [[price]] says, else the built-in table
    key_delete: list[str] = []  # in the file, as every list of strings, also a single string
    key_add: dict[str, object] = {}
    key_rename: dict[str, str] = {}
    enabled: bool = True


class Role(Section):
    """A named set of backends that a client may ask for as a model."""

    backends: list[str]
    execution: Literal["first", "fallback", "weighted", "parallel", "hedge"] = "fallback"
    policy: Literal["", Policy] = ""  # "": as in [routing]; with execution = "weighted" that
    weights: dict[str, Count] = {}  # shares in this role, by backend, instead of their own
    hedge_after: Positive = 2  # s of silence, where the backend's usual time to begin is not known
    hedge_share: Share = 0.1  # of its requests, how many may be asked twice
    join: str = "first"  # first | all | the model that makes one answer of all


class Token(Limited, kw_only=True):
    """A client: its key, and what it may use."""

    key: Secret
    models: list[str] = []  # globs; none: every model


class Cache(Section):
    """Answers that are told again to whoever asks exactly the same."""

    enabled: bool = False
    ttl: Positive = 300  # s for which an answer is told again
    max_mb: Positive = 64  # of all answers, in the memory of each worker
    max_entries: Amount = 10_000  # there
    max_entry_mb: Positive = 1  # of one answer; a larger one is not kept
    shared: Literal["client", "all"] = "client"  # who hears an answer again: who got it, or every client
    by_backend: bool = False  # only an answer of the backend that would be asked now
    tools: bool = False  # also where the model may call tools
    store: bool = True  # a store that machines share holds them too


class Media(Section):
    """What clients point at, for backends that follow no links."""

    fetch: bool = True  # from public addresses only
    max_mb: Positive = 20  # of one link
    timeout: Positive = 10  # s


class Routing(Section):
    """How a backend is chosen."""

    spend: Spend = "ask"  # whether failover goes from free backends to paid ones
    policy: Policy = "first"
    thinking: Literal["prefer", "require"] = "prefer"
    affinity: bool = False  # a conversation stays with the backend that answered it last
    affinity_ttl: Positive = 300  # s since its last answer
    models_refresh: Span = 3600  # s between two looks at what providers list; 0: never


class Conversation(Section):
    """What is kept between the turns of a conversation, in the store, each client's apart."""

    keep: Span = 86_400  # s; answers, for clients that go on from one by its id or ask for it again
    keep_mb: Positive = 64  # of one client; what is oldest goes first
    keep_total_mb: Positive = 512  # of all clients
    reasoning: Span = 3600  # s; the reasoning of a turn, for clients that do not bring it back


class Http(Section):
    """How long, and for how much, a client's connection is borne."""

    head_timeout: Positive = 30  # s for a TLS handshake, and for a request's line and headers
    body_timeout: Positive = 30  # s; in each, a body brings 512 bytes a second or its end
    client_timeout: Positive = 120  # s in which a client takes nothing of its answer
    connection_timeout: Positive = 630  # s between two requests; longer than a load balancer's own
    max_connections: Count = 0  # at once, of one worker; 0: as many as come
    max_header_kb: Amount = 16  # of the request line, and of each header
    max_headers: Amount = 128


class Metrics(Section):
    """What is counted for Prometheus, at /metrics."""

    enabled: bool = True
    auth: Literal["auto", "none", "token", "admin"] = "auto"  # who may scrape; auto: admin, if there is an admin_key


class Otel(Section):
    """Traces and metrics for an OpenTelemetry collector. Off unless `endpoint` names one."""

    endpoint: str = ""  # http or https, without the path of a signal: "http://localhost:4318"


class Cors(Section):
    """Which web pages may call llmux from a browser. Off unless `origins` names some."""

    origins: list[str] = []  # "*" or full origins
    max_age: Count = 600  # s


class Config(Section):
    """The whole file."""

    host: str = "127.0.0.1"
    port: Port = 8082  # 0: any that is free
    workers: Amount = 1
    request_timeout: Positive = 90  # s to the first event of an answer, per attempt
    idle_timeout: Positive = 120  # s between two events of an answer
    deadline: Positive = 600  # s after which no further try is begun
    keepalive: Positive = 10  # s of silence before the client is sent a keep-alive
    max_retries: Count = 2  # tries at the same backend after the first
    max_body_mb: Positive = 64
    drain_delay: Span = 0  # s between "not ready" and the end of listening, at a stop
    drain_timeout: Span = 30  # s given to open answers at a stop
    auto_cache: bool = True  # cache marks for backends that want them, where the client's dialect has none
    tool_repair: bool = True  # calls that stray from their tool's schema are put right
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "text", "json"] = "auto"
    log_bodies: bool = False
    https_enabled: bool = False
    ssl_key_file: str = ""
    ssl_cert_file: str = ""
    allow_anonymous: bool = False
    api_key_required: bool = False  # true: nobody comes in without a token or an API key
    admin_key: Secret = Secret()
    login_attempts: Count = 20  # wrong keys of one address in a minute, after which it waits; 0: any number
    trusted_proxies: list[str] = []  # addresses or networks whose X-Forwarded-* count
    store: Store = Store()
    provider: dict[str, Provider] = {}
    backend: list[Backend] = []
    price: list[Price] = []  # the last whose glob fits counts
    role: dict[str, Role] = {}
    tokens: dict[str, Token] = {}  # in the file also NAME = "key"
    routing: Routing = Routing()
    conversation: Conversation = Conversation()
    cache: Cache = Cache()
    media: Media = Media()
    http: Http = Http()
    cors: Cors = Cors()
    metrics: Metrics = Metrics()
    otel: Otel = Otel()
