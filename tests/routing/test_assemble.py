"""Config, providers and profiles -> what can be asked."""

import pytest

from llmux.config.schema import Backend as Written
from llmux.config.schema import Config, Provider, Role, Routing, Secret
from llmux.config.tables import builtin
from llmux.ir.capability import Profile
from llmux.ir.card import ModelCard
from llmux.responder import Window
from llmux.routing.assemble import Assembled, assemble
from llmux.routing.catalog import AS_CONFIGURED, Backend, Limits, Transforms, Way, candidates
from llmux.routing.listed import listed

TABLES = builtin()
LOCAL = Provider(base_url="http://127.0.0.1:9/v1", rps=1, rpm=2, concurrent=3)


def assembled(*backends: Written, **config: object) -> Assembled:
    provider = {"a": LOCAL, "openai": Provider(api_key=Secret("k"))}
    return assemble(Config(backend=list(backends), provider=provider, **config), TABLES)  # type: ignore[arg-type]  # fields


def test_everything_that_is_written_arrives() -> None:
    written = Written(
        model="a:org/m:tag",
        name="n",
        context=10,
        max_output=5,
        vision=True,
        thinking=True,
        tools=False,
        tool_repair=True,
        tool_text=True,
        model_match=["x*"],
        max_per_hour=1,
        max_per_day=3,
        window="calendar",
        rps=4,
        rpm=5,
        concurrent=6,
        weight=7,
        key_delete=["d"],
        key_rename={"r": "s"},
        key_add={"k": 1},
    )
    house = assembled(written, request_timeout=11.0, idle_timeout=12.0, role={"r": Role(backends=["n"])})
    assert house.catalog.roles == {"r": ("n",)}
    assert house.catalog.backends == (
        Backend(
            name="n",
            provider="a",
            model="org/m:tag",
            dialect="openai_chat",
            profile=Profile(context=10, max_output=5, default_output=5, vision=True, thinking=True, tools=False),
            match=("x*",),
            windows=(Window(1, 3_600, "calendar"), Window(3, 86_400, "calendar")),
            limits=Limits(4, 5, 6),
            transforms=Transforms(("d",), {"r": "s"}, {"k": 1}),
            weight=7,
            tool_repair="always",
            tool_text=True,
            request_timeout=11.0,
            idle_timeout=12.0,
        ),
    )


REPAIRS = {
    "nothing is said": (True, None, "translated"),
    "off for all": (False, None, "never"),
    "off for one": (True, False, "never"),
    "on for one": (False, True, "always"),
}


@pytest.mark.parametrize("case", REPAIRS.values(), ids=REPAIRS)
def test_in_which_lane_calls_are_put_right(case: tuple[bool, bool | None, str]) -> None:
    usual, stated, expected = case
    [backend] = assembled(Written(model="a:m", tool_repair=stated), tool_repair=usual).catalog.backends
    assert backend.tool_repair == expected


def test_only_providers_with_a_backend_are_there() -> None:
    house = assembled(Written(model="a:m"))
    assert house.endpoints.keys() == house.limits.keys() == {"a"}
    assert house.limits["a"] == Limits(1, 2, 3)


def test_a_known_provider_needs_no_table_of_its_own() -> None:
    assert assembled(Written(model="demo:echo")).endpoints["demo"].kind == "demo"


def test_a_backend_of_a_provider_that_is_off_is_off() -> None:
    config = Config(
        provider={"a": Provider(base_url="http://h", enabled=False, timeout=3)}, backend=[Written(model="a:m")]
    )
    [backend] = assemble(config, TABLES).catalog.backends
    assert not backend.enabled
    assert backend.request_timeout == 3


KNOWN = {
    "gpt-4o": (True, False, True, 16_384, 16_384),
    "gpt-5": (True, True, True, 128_000, 32_000),
    "gpt-3.5-turbo": (False, False, True, 4_096, 4_096),
}


@pytest.mark.parametrize("model", KNOWN)
def test_what_is_not_written_is_known_of_the_model(model: str) -> None:
    [backend] = assembled(Written(model=f"openai:{model}")).catalog.backends
    profile = backend.profile
    assert (
        profile.vision, profile.thinking, profile.tools, profile.max_output, profile.default_output,
    ) == KNOWN[model]  # fmt: skip
    assert profile.context is None, "no limit unless the owner says so"


def test_what_is_written_wins_over_what_is_known() -> None:
    [backend] = assembled(Written(model="openai:gpt-4o", vision=False, max_output=100)).catalog.backends
    assert (backend.profile.vision, backend.profile.max_output, backend.profile.default_output) == (False, 100, 100)


HOPES = {
    "nothing is said": (Written(model="a:*"), (True, True)),
    "some are excluded": (Written(model="a:*", vision=False, thinking=False), (False, False)),
    "one model is what it is": (Written(model="a:m"), (False, False)),
}


@pytest.mark.parametrize("name", HOPES)
def test_a_backend_that_passes_names_on_may_be_able_to_do_anything(name: str) -> None:
    written, expected = HOPES[name]
    [backend] = assembled(written).catalog.backends
    assert (backend.profile.vision, backend.profile.thinking) == expected


def test_the_model_that_was_asked_for_has_its_own_profile() -> None:
    house = assembled(Written(model="openai:*", tools=False))
    [backend] = house.catalog.backends
    old, new = house.profile_of(backend, "gpt-3.5-turbo"), house.profile_of(backend, "gpt-5")
    assert (old.vision, old.reasoning, old.tools) == (False, "none", False)
    assert (new.vision, new.reasoning, new.tools) == (True, "effort", False)
    assert house.profile_of(backend, "gpt-5") is new, "found once"


def test_a_provider_at_a_known_address_is_known() -> None:
    config = Config(
        provider={"mine": Provider(base_url="https://api.openai.com/v1", api_key=Secret("k"))},
        backend=[Written(model="mine:gpt-5")],
    )
    [backend] = assemble(config, TABLES).catalog.backends
    assert backend.profile.developer_role


# --- what providers list ---------------------------------------------------------------------------------------------

TOLD = (
    ModelCard(id="told", context=100, max_output=10, vision=True, thinking=False, tools=False, pdf=True),
    ModelCard(id="untold"),
    ModelCard(id="gpt-4o", max_output=5),
)


def of(model: str, **written: object) -> Profile:
    """The profile of `model` at a provider that lists TOLD."""
    [backend] = listing(Written(model=f"a:{model}", **written)).catalog.backends  # type: ignore[arg-type]  # fields
    return backend.profile


def listing(*backends: Written, **config: object) -> Assembled:
    provider = {"a": LOCAL, "llama_cpp": Provider()}
    config_of = Config(backend=list(backends), provider=provider, **config)  # type: ignore[arg-type]  # fields
    return assemble(config_of, TABLES, {"a": TOLD, "llama_cpp": TOLD})


def test_what_a_provider_tells_counts_where_nobody_else_says_anything() -> None:
    told = of("told")
    assert (told.context, told.max_output, told.default_output) == (100, 10, 10)
    assert (told.vision, told.thinking, told.tools, told.pdf) == (True, False, False, True)
    assert of("untold") == Profile()


def test_the_tables_know_better_and_the_owner_best() -> None:
    assert of("gpt-4o").max_output == 16_384
    assert of("told", context=50, vision=False).context == 50
    assert not of("told", vision=False).vision
    assert of("told", profile={"max_output": 7}).max_output == 7


def test_only_who_passes_names_on_looks_at_a_list() -> None:
    house = listing(Written(model="a:*"), Written(model="a:told"))
    assert [backend.listed is not None for backend in house.catalog.backends] == [True, False]
    assert listing(Written(model="llama_cpp:*")).catalog.backends[0].listed == listed(TOLD, whole=False)
    assert (
        assemble(Config(provider={"a": LOCAL}, backend=[Written(model="a:*")]), TABLES, {"a": ()})
        .catalog.backends[0]
        .listed
        is None
    )


HOPES_OF_LISTED = {
    "it tells": (Written(model="a:*"), "told", (True, False)),
    "it does not tell": (Written(model="a:*"), "untold", (True, True)),
    "the owner knows": (Written(model="a:*", vision=False, thinking=True), "told", (False, True)),
    "the owner knows more of it": (Written(model="a:*", profile={"vision": False}), "untold", (False, True)),
}


@pytest.mark.parametrize("name", HOPES_OF_LISTED)
def test_what_a_listed_model_may_be_able_to_do(name: str) -> None:
    written, model, expected = HOPES_OF_LISTED[name]
    [backend] = candidates(listing(written).catalog, f"a:{model}")
    assert (backend.profile.vision, backend.profile.thinking) == expected


def test_the_owner_says_what_a_model_takes() -> None:
    profile = of("told", profile={"alternate_roles": True, "efforts": ["low"], "vision": False}, vision=True)
    assert (profile.alternate_roles, profile.efforts, profile.vision) == (True, ("low",), True)


# --- how the backends of a name answer together ----------------------------------------------------------------------

PAIR = (Written(model="a:x", name="x", weight=5), Written(model="a:y", cost="paid"))
BOTH = ["x", "a:y"]

# [routing] and a role, as they are written -> the way of the role
WAYS: dict[str, tuple[Routing, Role, Way]] = {
    "nothing is said": (Routing(), Role(backends=BOTH), AS_CONFIGURED),
    "only the first": (Routing(), Role(backends=BOTH, execution="first"), Way(name="r", execution="first")),
    "as all others": (Routing(policy="latency"), Role(backends=BOTH), Way(name="r", policy="latency")),
    "in its own order": (
        Routing(policy="latency"),
        Role(backends=BOTH, policy="round_robin"),
        Way(name="r", policy="round_robin"),
    ),
    "by weight": (
        Routing(policy="latency"),
        Role(backends=BOTH, execution="weighted", weights={"x": 3, "a:y": 0}),
        Way(name="r", policy="weighted", weights={"x": 3, "a:y": 0}),
    ),
    "a hedge": (
        Routing(),
        Role(backends=BOTH, execution="hedge", hedge_after=0.5, hedge_share=0.2),
        Way(name="r", execution="hedge", hedge_after=0.5, hedge_share=0.2),
    ),
    "in parallel": (
        Routing(),
        Role(backends=BOTH, execution="parallel", join="all"),
        Way(name="r", execution="parallel", join="all"),
    ),
}


@pytest.mark.parametrize(("routing", "role", "way"), WAYS.values(), ids=WAYS)
def test_the_way_of_a_role(routing: Routing, role: Role, way: Way) -> None:
    catalog = assembled(*PAIR, routing=routing, role={"r": role}).catalog
    assert catalog.ways["r"] == way
    assert (catalog.ways["r"] is AS_CONFIGURED) == (way == AS_CONFIGURED)
    assert catalog.way == Way(policy=routing.policy)


def test_what_backends_cost_and_whether_that_may_be() -> None:
    provider = {"a": Provider(base_url="http://127.0.0.1:9/v1", cost="subscription")}
    catalog = assemble(Config(backend=list(PAIR), provider=provider, routing=Routing(spend="never")), TABLES).catalog
    assert [backend.cost for backend in catalog.backends] == ["subscription", "paid"]
    assert catalog.spend == "never"
