"""What is wrong with a file is said at its place, with what was expected, all of it at once, and without a secret."""

import pytest

from llmux.config.check import REDIS_FORMS
from llmux.config.problem import ConfigError, hint, spelled
from tests.config.places import Place

HERE = 'base_url = "http://127.0.0.1:9/v1"'
A = f"[provider.a]\n{HERE}\n"
ROLE = f'{A}[[backend]]\nmodel = "a:m"\n[role.r]\nbackends = ["a:m"]\n'

# file -> the problems, "key: message", in order
BAD: dict[str, tuple[str, list[str]]] = {
    "not TOML": ("port = = 1", ["is not TOML: Invalid value (at line 1, column 8)"]),
    "a key with a slip": ("prot = 1", ['prot: unknown key; did you mean "port"?']),
    "a key in capitals": ("Port = 1", ['Port: unknown key; did you mean "port"?']),
    "a key like no other": (
        "[routing]\nzzz = 1",
        ["routing.zzz: unknown key; known: affinity, affinity_ttl, models_refresh, policy, spend, thinking"],
    ),
    "a key of a list's table": (
        '[[backend]]\nmodel = "demo:a"\n[[backend]]\nmodel = "demo:b"\nvisoin = true',
        ['backend[1].visoin: unknown key; did you mean "vision"?'],
    ),
    "a field of a profile": (
        '[[backend]]\nmodel = "demo:a"\n[backend.profile]\nvison = true\nmax_stop = "4"\nsampling = "some"',
        [
            'backend[0].profile.vison: a model\'s profile has no such field; did you mean "vision"?',
            "backend[0].profile.max_stop: expected int, got str",
            'backend[0].profile.sampling: expected one of "all", "one", "none"',
        ],
    ),
    "a key of a named table": (
        f"[provider.a]\n{HERE}\nbaseurl = 1",
        ['provider.a.baseurl: unknown key; did you mean "base_url"?'],
    ),
    "text for a number": ('port = "80"', ["port: expected int, got str"]),
    "a number for text": ("host = 1", ["host: expected str, got int"]),
    "a number for a secret": ("admin_key = 1", ["admin_key: expected str, got int"]),
    "a price below nothing": (
        '[[price]]\nmodel = "a"\ninput = -1\noutput = 1',
        ["price[0].input: expected float >= 0.0"],
    ),
    "half a price": ('[[price]]\nmodel = "a"\ninput = 1', ["price[0].output: missing"]),
    "a backend's price with a slip": (
        '[[backend]]\nmodel = "demo:a"\nprice = { input = 1, output = 2, cash_read = 3 }',
        ['backend[0].price.cash_read: unknown key; did you mean "cache_read"?'],
    ),
    "a number for a price": (
        '[[backend]]\nmodel = "demo:a"\nprice = 3',
        ["backend[0].price: expected a table, got int"],
    ),
    "a date": ("host = 2020-01-01", ["host: expected str, got date"]),
    "a number for a switch": ("https_enabled = 1", ["https_enabled: expected bool, got int"]),
    "a table for a number": ("[port]", ["port: expected int, got a table"]),
    "a number for a table": ("routing = 1", ["routing: expected a table, got int"]),
    "a table for a list": ("[backend]", ["backend: expected [[backend]] tables, got a table"]),
    "a list for tables": ("provider = []", ["provider: expected [provider.NAME] tables, got a list"]),
    "a number for a list": (
        '[[backend]]\nmodel = "demo:a"\nkey_delete = 1',
        ["backend[0].key_delete: expected a list, got int"],
    ),
    "numbers in a list of texts": (
        '[[backend]]\nmodel = "demo:a"\nmodel_match = ["a", 1]',
        ["backend[0].model_match: expected str, got int"],
    ),
    "a word that is none of those": (
        'log_level = "LOUD"',
        ['log_level: expected one of "DEBUG", "INFO", "WARNING", "ERROR"'],
    ),
    "a door for nobody": (
        '[metrics]\nauth = "admin"',
        ['metrics.auth: needs an admin_key, or nobody could scrape; "token" lets clients in'],
    ),
    "a collector without a scheme": (
        '[otel]\nendpoint = "localhost:4318"',
        ['otel.endpoint: expected the address of a collector, such as "http://localhost:4318"'],
    ),
    "a port beyond": ("port = 65536", ["port: expected int <= 65535"]),
    "a negative time": ("keepalive = -1", ["keepalive: expected float > 0.0"]),
    "no time at all": ("request_timeout = nan", ["request_timeout: expected float > 0.0"]),
    "a negative window": (
        '[[backend]]\nmodel = "demo:a"\nmax_per_day = -1',
        ["backend[0].max_per_day: expected int >= 1"],
    ),
    "no workers": ("workers = 0", ["workers: expected int >= 1"]),
    "a backend without a model": ('[[backend]]\nname = "a"', ["backend[0].model: missing"]),
    "a role without backends": ("[role.r]", ["role.r.backends: missing"]),
    "a client without a key": ("[tokens.a]\nmodels = []", ["tokens.a.key: missing"]),
    "a missing variable": (
        f'[provider.a]\n{HERE}\napi_key = "x${{LOST}}y${{KEPT:-z}}"',
        ["provider.a.api_key: the environment variable LOST is not set"],
    ),
    "a missing variable in a list": (
        'trusted_proxies = ["::1", "${LOST}"]',
        ["trusted_proxies[1]: the environment variable LOST is not set"],
    ),
    # --- what a provider is
    "a provider that nobody knows": (
        '[provider.somebody]\napi_key = "sk-1"',
        ["provider.somebody.base_url: missing: llmux knows no provider of this name"],
    ),
    "a known provider without its key": (
        "[provider.gemini]",
        ["provider.gemini.api_key: missing: set it here, or in the environment as GEMINI_API_KEY or GOOGLE_API_KEY"],
    ),
    "a backend of a known provider without its key": (
        '[[backend]]\nmodel = "openai:gpt-4o"',
        ["provider.openai.api_key: missing: set it here, or in the environment as OPENAI_API_KEY"],
    ),
    "a dialect that nobody speaks": (
        f'[provider.a]\n{HERE}\napi = "cluade"',
        ['provider.a.api: unknown dialect; did you mean "claude"?'],
    ),
    "a command": (
        '[provider.a]\ncommand = "claude"',
        [
            "provider.a.command: a local command cannot be a provider yet; give the provider a base_url",
            "provider.a.base_url: missing: llmux knows no provider of this name",
        ],
    ),
    "a header that cannot be sent": (
        f'[provider.a]\n{HERE}\nheaders = {{ "x y" = "a", x-b = "a\\nb", x-c = "fine" }}',
        [
            "provider.a.headers.x y: not a header that can be sent",
            "provider.a.headers.x-b: not a header that can be sent",
        ],
    ),
    "a provider's name with a colon": (
        f'[provider."a:b"]\n{HERE}',
        ["provider.a:b: a provider's name is not empty and holds no colon"],
    ),
    # --- what a backend is
    "a backend without a provider": (
        '[[backend]]\nmodel = "gpt-4o"',
        ['backend[0].model: expected "provider:model", such as "openai:gpt-4o" or "openai:*"'],
    ),
    "a backend without a model's name": (
        '[[backend]]\nmodel = "demo:"',
        ['backend[0].model: expected "provider:model", such as "openai:gpt-4o" or "openai:*"'],
    ),
    "a backend of nobody": (
        f'{A}[[backend]]\nmodel = "opena:gpt-4o"',
        ['backend[0].model: names no provider: there is no "opena"; did you mean "openai"?'],
    ),
    "two backends of a name": (
        f'{A}[[backend]]\nmodel = "a:m"\n[[backend]]\nmodel = "a:n"\n[[backend]]\nmodel = "a:m"',
        ['backend[2].name: a second backend is called "a:m": give one of them a name of its own'],
    ),
    "a role of nobody": (
        f'{A}[[backend]]\nmodel = "a:m"\n[role.r]\nbackends = ["a:m", "a:mm"]',
        ['role.r.backends[1]: there is no backend "a:mm"; did you mean "a:m"?'],
    ),
    "a role of none": ("[role.r]\nbackends = []", ["role.r.backends: names no backend"]),
    "a role called like a backend": (
        f'{A}[[backend]]\nmodel = "a:m"\nname = "r"\n[role.r]\nbackends = ["a:m"]',
        ["role.r: a backend has this name too: a model's name must mean one of them"],
    ),
    "a role that goes by weight, and by something else": (
        f'{ROLE}execution = "weighted"\npolicy = "latency"',
        ['role.r.policy: execution = "weighted" goes by weight: take one of the two away'],
    ),
    "a role with the weight of a stranger": (
        f'{ROLE}weights = {{ "a:mm" = 2 }}',
        ['role.r.weights.a:mm: is not among the backends of this role; did you mean "a:m"?'],
    ),
    "a role whose backends have no share": (
        f'{ROLE}execution = "weighted"\nweights = {{ "a:m" = 0 }}',
        ["role.r.weights: every backend of the role has a weight of 0: none has a share"],
    ),
    "a policy like no other": (
        '[routing]\npolicy = "fastest"',
        [
            (
                'routing.policy: expected one of "first", "round_robin", "weighted", "weighted_round_robin", '
                '"random_choose", "least_inflight", "latency", "sticky"'
            )
        ],
    ),
    "answers joined by nobody": (
        f'{ROLE}execution = "parallel"\njoin = "a:mm"',
        ['role.r.join: "first", "all" or a model is expected, and there is none "a:mm"; did you mean "a:m"?'],
    ),
    "answers joined by those who answer in parallel": (
        f'{ROLE}execution = "parallel"\njoin = "r"',
        ["role.r.join: r answers in parallel itself: name another role, or a backend"],
    ),
    "a join of one answer": (
        f'{ROLE}join = "all"',
        ['role.r.join: only where execution = "parallel": else there is one answer'],
    ),
    # --- who may come in
    "open to all": (
        'host = "0.0.0.0"',
        [
            ("host: 0.0.0.0 is not loopback, and whoever reaches it could use your keys: "
            "add [tokens], or api_key_required = true and an admin_key to make keys with, "
            "or say allow_anonymous = true")
        ],
    ),
    "open everywhere": (
        'host = ""',
        [
            ("host: every address is not loopback, and whoever reaches it could use your keys: "
            "add [tokens], or api_key_required = true and an admin_key to make keys with, "
            "or say allow_anonymous = true")
        ],
    ),
    "open to who has a key that nobody can make": (
        'host = "0.0.0.0"\napi_key_required = true',
        [
            ("host: 0.0.0.0 is not loopback, and whoever reaches it could use your keys: "
            "add [tokens], or api_key_required = true and an admin_key to make keys with, "
            "or say allow_anonymous = true")
        ],
    ),
    "keys that nobody can make": (
        'api_key_required = true\nstore.url = "memory:"',
        ["api_key_required: nobody could make a key: set admin_key, or a store that outlives the process"],
    ),
    "an empty key": ('[tokens]\na = ""', ["tokens.a: an empty key would let everybody in"]),
    "one key for two": (
        '[tokens]\na = "sk-1"\nb = { key = "sk-1" }',
        ["tokens.b: has the same key as a: nobody could tell them apart"],
    ),
    "a client that is a number": ("[tokens]\na = 1", ["tokens.a: expected a table, got int"]),
    # --- how it is served
    "HTTPS without files": (
        "https_enabled = true",
        [
            "ssl_key_file: missing: HTTPS needs it; bin/cert makes a pair",
            "ssl_cert_file: missing: HTTPS needs it; bin/cert makes a pair",
        ],
    ),
    "HTTPS with files that are not there": (
        'https_enabled = true\nssl_key_file = "config.toml"\nssl_cert_file = "lost.pem"',
        ["ssl_cert_file: no such file: lost.pem"],
    ),
    "a network that is none": (
        'trusted_proxies = ["10.0.0.1/8", "::1", "10.0.0.0/99"]',
        ['trusted_proxies[2]: expected an address or a network, such as "10.0.0.0/8"'],
    ),
    "an origin with a path": (
        '[cors]\norigins = ["*", "https://a.example", "https://a.example/x", "a.example"]',
        [
            'cors.origins[2]: expected "*" or an origin such as "https://app.example.com"',
            'cors.origins[3]: expected "*" or an origin such as "https://app.example.com"',
        ],
    ),
    "a store that is none": (
        '[store]\nurl = "file"',
        ['store.url: expected "memory:", "sqlite:[path]" or "redis://host:port/db"'],
    ),
    **{
        f"a Redis at {url}": (f'[store]\nurl = "{url}"', [f"store.url: {REDIS_FORMS}"])
        for url in (
            "redis:", "redis://", "redis:///0", "redis://h:0", "redis://h:x", "redis://h:70000", "redis://h/a",
            "redis://h/0/1", "redis://:pa#ss@h", "redis://:pa/ss@h", "redis://:pa ss@h", "redis://h?password=x",
            "redis://h?db", "rediss://h?ssl_cert_reqs=none", "unix://", "unix://h/run/r", "unix:///r?db=x",
        )
    },
    "a cache for no time": ("[cache]\nttl = 0", ["cache.ttl: expected float > 0.0"]),
    # --- much at once
    "everything": (
        'port = "x"\nhots = 1\n[provider.a]\nbase_ulr = 1\n[[backend]]\nmodel = "openia:m"\nweight = -1',
        [
            'hots: unknown key; did you mean "host"?',
            "port: expected int, got str",
            'provider.a.base_ulr: unknown key; did you mean "base_url"?',
            "backend[0].weight: expected int >= 0",
            "provider.a.base_url: missing: llmux knows no provider of this name",
            'backend[0].model: names no provider: there is no "openia"; did you mean "openai"?',
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_answered_with_what_is_wrong(place: Place, name: str) -> None:
    text, expected = BAD[name]
    path = place.write(text)
    with pytest.raises(ConfigError) as caught:
        place.load()
    assert str(caught.value).splitlines() == [f"{path}: {line}" for line in expected]


URLS = [
    "example.com",
    "ftp://h",
    "http://",
    "http://h:x",
    "http://h:99999",
    "http://h/?a=1",
    "http://h/#x",
    "http://a b",
]


@pytest.mark.parametrize("url", URLS)
def test_an_address_that_is_none(place: Place, url: str) -> None:
    with pytest.raises(ConfigError, match=r'provider\.a\.base_url: expected an address such as "https://api'):
        place.load(f'[provider.a]\nbase_url = "{url}"')


SECRETS = [
    '[provider.openai]\napi_key = ["sk-secret"]',
    '[provider.openai]\napi_key = { key = "sk-secret" }',
    '[provider.openai]\napi_kye = "sk-secret"',
    '[tokens]\na = ["sk-secret"]',
    '[tokens.a]\nkey = "sk-secret"\nmodels = 1',
    '[tokens]\na = "sk-secret"\nb = "sk-secret"',
    'admin_key = ["sk-secret"]',
    '[provider.a]\nbase_url = "htp://user:sk-secret@h"',
    'admin_key = "sk-secret',
    '[provider.a]\napi = "${X:-sk-secret}"\nbase_url = "http://h"\nheaders = { x = "sk-secret\\n" }',
]


@pytest.mark.parametrize("text", SECRETS)
def test_no_complaint_holds_a_secret(place: Place, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        place.load(text)
    shown = f"{caught.value!r} {caught.value} {caught.value.problems}"
    assert "sk-secret" not in shown.replace("api: unknown dialect; known", "")


def test_a_file_that_cannot_be_read(place: Place) -> None:
    (place.cwd / "config.toml").mkdir()
    with pytest.raises(ConfigError, match=r"config\.toml: cannot be read: Is a directory"):
        place.load(path="config.toml")


def test_a_file_in_another_encoding(place: Place) -> None:
    (place.cwd / "config.toml").write_bytes(b'host = "\xff"')
    with pytest.raises(ConfigError, match=r"config\.toml: is not UTF-8 text"):
        place.load()


BAD_VARIABLES = {
    "LLMUX_PORT": ("x", "LLMUX_PORT: expected int, got str"),
    "LLMUX_HTTPS_ENABLED": ("maybe", "LLMUX_HTTPS_ENABLED: expected bool, got str"),
    "LLMUX_LOG_FORMAT": ("xml", 'LLMUX_LOG_FORMAT: expected one of "auto", "text", "json"'),
    "PORT": ("-1", "PORT: expected int >= 0"),
    "REQUEST_TIMEOUT": ("soon", "REQUEST_TIMEOUT: expected float, got str"),
}


@pytest.mark.parametrize("name", BAD_VARIABLES)
def test_a_bad_variable_is_named(place: Place, name: str) -> None:
    value, expected = BAD_VARIABLES[name]
    with pytest.raises(ConfigError) as caught:
        place.load("", env={name: value})
    assert str(caught.value) == f"environment: {expected}"


def test_what_the_environment_opens_is_the_environment_s_fault(place: Place) -> None:
    with pytest.raises(ConfigError, match=r"^environment: host: 0\.0\.0\.0 is not loopback"):
        place.load("", env={"LLMUX_HOST": "0.0.0.0"})


GUARDED = [
    'host = "0.0.0.0"\nallow_anonymous = true',
    'host = "::"\n[tokens]\na = "x"',
    'host = "::"\napi_key_required = true\nadmin_key = "x"',
    'api_key_required = true\nstore.url = "memory:"\n[tokens]\na = "x"',
    "api_key_required = true",
    'host = "127.0.0.2"',
    'host = "::1"',
    'host = "[::1]"',
    'host = "LocalHost"',
]


@pytest.mark.parametrize("text", GUARDED)
def test_a_door_that_is_guarded_may_be_open(place: Place, text: str) -> None:
    assert place.load(text).config.host


FINE = [
    '[[backend]]\nmodel = "demo:a"\n[[backend]]\nmodel = "demo:a"\nname = "b"\n[role.r]\nbackends = ["b", "demo:a"]',
    f'[provider.openai]\nenabled = false\n[[backend]]\nmodel = "openai:x"\n{A}',
    '[provider.demo2]\napi = "demo"\n[[backend]]\nmodel = "demo2:echo:x"',
    '[[backend]]\nmodel = "demo:a"\nmodel_match = "*sonnet*"\nkey_delete = "store"',
    '[provider.a]\nbase_url = "https://user:pw@[::1]:8443/v1/"',
]  # fmt: skip


@pytest.mark.parametrize("text", FINE)
def test_what_is_fine_is_taken(place: Place, text: str) -> None:
    assert place.load(text).config.backend


def test_an_https_pair_is_looked_for_from_the_working_directory(place: Place) -> None:
    for name in ("key.pem", "cert.pem"):
        (place.cwd / name).touch()
    assert place.load('https_enabled = true\nssl_key_file = "key.pem"\nssl_cert_file = "cert.pem"').config.https_enabled


def test_a_path_is_spelled_as_it_is_written() -> None:
    assert spelled(("backend", 0, "model")) == "backend[0].model"
    assert spelled(()) == ""


def test_a_hint_where_nothing_is_known() -> None:
    assert hint("x", ()) == "there is none"


def test_what_is_overridden_must_be_right_too(place: Place) -> None:
    with pytest.raises(ConfigError) as caught:
        place.load("workers = -1\n", env={}, overrides={"workers": 2})
    assert caught.value.file == str(place.cwd / "config.toml")
