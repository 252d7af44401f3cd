"""Who answers, who does not and why; and what a client hears when nobody can."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.errors import (
    ContextTooLong,
    Forbidden,
    GatewayError,
    ModelNotFound,
    NoBackendUp,
    RateLimited,
    Unsupported,
)
from llmux.ir.capability import Capability, Profile
from llmux.ir.card import ModelCard
from llmux.routing.catalog import Backend
from llmux.routing.listed import listed
from llmux.routing.requirements import Needs
from llmux.routing.selector import Choice, Condition, Policy, Refusal, choose, needs_count, refuse

NOW = 1_750_000_000.0
VISION, THINKING, TOOLS = Capability.VISION, Capability.THINKING, Capability.TOOLS


def backend(name: str, match: tuple[str, ...] = (), *, enabled: bool = True, **profile: bool | int) -> Backend:
    return Backend(
        name=name,
        provider="p",
        model=name.upper(),
        dialect="claude",
        profile=Profile(**profile),  # type: ignore[arg-type]  # a test's own words, checked by its running
        match=match,
        enabled=enabled,
    )


def needs(*capabilities: Capability, size: int = 100, output: int = 0) -> Needs:
    return Needs("m", frozenset(capabilities), size, output)


def decide(needs: Needs, *pool: Backend, **settings: Any) -> Choice:
    """`settings`: conditions by the backend's name, `allowed`, and of Policy `thinking` and `tokens`."""
    allowed = settings.pop("allowed", ())
    policy = {key: settings.pop(key) for key in ("thinking", "tokens") if key in settings}
    if isinstance(tokens := policy.get("tokens"), int):
        policy["tokens"] = {backend.name: tokens for backend in pool}
    return choose(needs, pool, allowed, settings, Policy(NOW, **policy))


PLAIN, SEES, THINKS = backend("plain"), backend("sees", vision=True), backend("thinks", thinking=True)
MUTE, ABLE = backend("mute", tools=False), backend("able", vision=True, thinking=True)
SMALL, LARGE = backend("small", context=1_000), backend("large", context=2_000)
EMBEDS = msgspec.structs.replace(backend("embeds"), embeddings=True)
CUT = backend("cut", context=1_000, max_output=200)


# --- one backend, one reason -----------------------------------------------------------------------------------------

TEXTS = Needs("m", frozenset(), 100, embeddings=True)

# name -> (what is asked, of whom, how it is just now, why not or None)
REASONS: dict[str, tuple[Needs, Backend, Condition, Refusal | None]] = {
    "plain": (needs(), PLAIN, Condition(), None),
    "disabled": (needs(), backend("x", enabled=False), Condition(), Refusal("unfit", "disabled", lacks=("enabled",))),
    "model_match": (needs(), backend("x", ("a*", "M")), Condition(), None),
    "another name": (
        needs(),
        backend("x", ("a*", "b")),
        Condition(),
        Refusal("unfit", "model_match does not match m", lacks=("name",)),
    ),
    "a capability is one-way": (needs(), ABLE, Condition(), None),
    "able": (needs(VISION, THINKING, TOOLS), ABLE, Condition(), None),
    "another dialect": (
        Needs("m", dialect="ollama"),
        backend("x"),
        Condition(),
        Refusal("unfit", "is not asked in ollama as it came", lacks=("dialect",)),
    ),
    "its own dialect, but anew": (
        Needs("m", dialect="claude"),
        replace(backend("x"), verbatim=False),
        Condition(),
        Refusal("unfit", "is not asked in claude as it came", lacks=("dialect",)),
    ),
    "its own dialect": (Needs("m", dialect="claude"), backend("x"), Condition(), None),
    "blind": (needs(VISION), THINKS, Condition(), Refusal("unfit", "lacks vision", lacks=("vision",))),
    "mute": (needs(TOOLS), MUTE, Condition(), Refusal("unfit", "lacks tools", lacks=("tools",))),
    "blind and mute": (
        needs(TOOLS, VISION),
        MUTE,
        Condition(),
        Refusal("unfit", "lacks tools, vision", lacks=("tools", "vision")),
    ),
    "just fits": (needs(size=900, output=100), SMALL, Condition(), None),
    "too small": (
        needs(size=901, output=100),
        SMALL,
        Condition(),
        Refusal(
            "unfit", "holds 1000 tokens, needs 901 and 100 for the answer", lacks=("context",), room=900, tokens=901
        ),
    ),
    "it only embeds": (needs(), EMBEDS, Condition(), Refusal("unfit", "only embeds", lacks=("kind",))),
    "it does not embed": (TEXTS, PLAIN, Condition(), Refusal("unfit", "does not embed", lacks=("kind",))),
    "it embeds": (TEXTS, EMBEDS, Condition(), None),
    "an output that is cut fits": (needs(size=800, output=5_000), CUT, Condition(), None),
    "an output that is cut, too small": (
        needs(size=801, output=5_000),
        CUT,
        Condition(),
        Refusal(
            "unfit", "holds 1000 tokens, needs 801 and 200 for the answer", lacks=("context",), room=800, tokens=801
        ),
    ),
    "an output that fits nowhere": (
        needs(size=1, output=5_000),
        SMALL,
        Condition(),
        Refusal("unfit", "holds 1000 tokens, needs 1 and 5000 for the answer", lacks=("context",), tokens=1),
    ),
    "down": (
        needs(),
        PLAIN,
        Condition(NOW + 9.2, "timeout"),
        Refusal("down", "cooling down for 10 s after timeout", NOW + 9.2),
    ),
    "limited": (
        needs(),
        PLAIN,
        Condition(NOW + 9, "rate_limit", limited=True),
        Refusal("limited", "cooling down for 9 s after rate_limit", NOW + 9),
    ),
    "down, nobody says why": (
        needs(),
        PLAIN,
        Condition(NOW + 9),
        Refusal("down", "cooling down for 9 s after a failure", NOW + 9),
    ),
    "has rested": (needs(), PLAIN, Condition(NOW, "timeout"), None),
    "a probe": (needs(), PLAIN, Condition(NOW + 9, probe_from=NOW), None),
    "too early for a probe": (
        needs(),
        PLAIN,
        Condition(NOW + 9, probe_from=NOW + 1),
        Refusal("down", "cooling down for 9 s after a failure", NOW + 9),
    ),
    "a probe is under way": (
        needs(),
        PLAIN,
        Condition(NOW + 9, probe_from=NOW, in_flight=1),
        Refusal("down", "cooling down for 9 s after a failure", NOW + 9),
    ),
    "out of its windows": (
        needs(),
        PLAIN,
        Condition(opens_at=NOW + 60),
        Refusal("limited", "out of its windows for 60 s", NOW + 60),
    ),
    "out of its windows for ever": (
        needs(),
        PLAIN,
        Condition(opens_at=math.inf),
        Refusal("limited", "out of its windows for ever", math.inf),
    ),
    "its windows have opened": (needs(), PLAIN, Condition(opens_at=NOW), None),
    "full": (needs(), PLAIN, Condition(in_flight=4, full=True), Refusal("full", "full, with 4 requests in flight")),
    "busy": (needs(), PLAIN, Condition(in_flight=4), None),
}


@pytest.mark.parametrize(("asked", "of", "condition", "expected"), REASONS.values(), ids=REASONS)
def test_reason(asked: Needs, of: Backend, condition: Condition, expected: Refusal | None) -> None:
    choice = decide(asked, of, **{of.name: condition})
    assert choice.refused.get(of.name) == expected
    assert choice.plan == (() if expected else (of.name,))


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ((), True),
        (("*",), True),
        (("m",), True),  # the name that the client asks for
        (("plain",), True),  # the backend's name
        (("p:*",), True),  # provider:model
        (("other", "p:pl?in"), True),
        (("p",), False),
        (("plai",), False),
    ],
)
def test_permission(allowed: tuple[str, ...], expected: bool) -> None:
    choice = decide(needs(), PLAIN, allowed=allowed)
    assert choice.refused == ({} if expected else {"plain": Refusal("forbidden", "not permitted to this client")})


def test_what_lasts_is_said_before_what_passes() -> None:
    """So that a refusal that passes is worth waiting for."""
    choice = decide(needs(VISION), PLAIN, plain=Condition(NOW + 9, full=True), allowed=("other",))
    assert choice.refused["plain"].why == "unfit"
    choice = decide(needs(), PLAIN, plain=Condition(NOW + 9, full=True), allowed=("other",))
    assert choice.refused["plain"].why == "forbidden"


# --- several backends, in order --------------------------------------------------------------------------------------

PACED, RESTS = Condition(paced=True), Condition(NOW + 9)
APART = ("dropped=thinking",)


@pytest.mark.parametrize(
    ("asked", "pool", "settings", "plan", "warnings"),
    [
        (needs(), (PLAIN, SEES, THINKS), {}, ("plain", "sees", "thinks"), ()),
        (needs(), (THINKS, PLAIN), {}, ("thinks", "plain"), ()),
        (needs(VISION), (PLAIN, SEES, THINKS, ABLE), {}, ("sees", "able"), ()),
        (needs(), (PLAIN, SEES), {"plain": RESTS}, ("sees",), ()),
        (needs(), (PLAIN, SEES, THINKS), {"plain": PACED}, ("sees", "thinks", "plain"), ()),
        (needs(), (PLAIN, SEES, THINKS), {"plain": PACED, "sees": PACED}, ("thinks", "plain", "sees"), ()),
        (needs(), (PLAIN,), {"plain": PACED}, ("plain",), ()),
        (needs(), (), {}, (), ()),
        # thinking = "prefer": it goes before everything, but an answer goes before it
        (needs(THINKING), (PLAIN, THINKS, SEES, ABLE), {}, ("thinks", "able"), ()),
        (needs(THINKING), (PLAIN, THINKS), {"thinks": PACED}, ("thinks",), ()),
        (needs(THINKING), (PLAIN, SEES), {}, ("plain", "sees"), APART),
        (needs(THINKING), (PLAIN, THINKS), {"thinks": RESTS}, ("plain",), APART),
        (needs(THINKING, VISION), (PLAIN, THINKS, SEES), {}, ("sees",), APART),
        (needs(THINKING, VISION), (PLAIN, THINKS), {}, (), ()),
        # thinking = "require"
        (needs(THINKING), (PLAIN, SEES), {"thinking": "require"}, (), ()),
        (needs(THINKING), (PLAIN, THINKS), {"thinking": "require"}, ("thinks",), ()),
        # a better figure than the bytes
        (needs(size=1_500), (SMALL, LARGE), {}, ("large",), ()),
        (needs(size=1_500), (SMALL, LARGE), {"tokens": 400}, ("small", "large"), ()),
        (needs(size=1_500), (SMALL, LARGE), {"tokens": 1_001}, ("large",), ()),
        (needs(size=900), (SMALL,), {"tokens": 1_001}, ("small",), ()),  # bytes bound tokens
    ],
)
def test_plan(
    asked: Needs,
    pool: tuple[Backend, ...],
    settings: dict[str, object],
    plan: tuple[str, ...],
    warnings: tuple[str, ...],
) -> None:
    choice = decide(asked, *pool, **settings)
    assert (choice.plan, choice.warnings) == (plan, warnings)
    assert {*choice.plan, *choice.refused} == {each.name for each in pool}


def test_each_backend_has_its_own_figure() -> None:
    """Models cut words differently: what fits one may be too long for another of the same size."""
    other = backend("other", context=1_000)
    choice = decide(needs(size=1_500), SMALL, other, tokens={"small": 1_100, "other": 900})
    assert choice.plan == ("other",)
    assert choice.refused["small"].tokens == 1_100


@pytest.mark.parametrize(
    ("asked", "pool", "expected"),
    [
        (needs(size=1_000), (SMALL, LARGE), False),  # fits by bytes
        (needs(size=1_001), (LARGE, SMALL), True),
        (needs(size=950, output=100), (SMALL,), True),
        (needs(size=9_999), (PLAIN,), False),  # no limit
        (needs(size=9_999), (), False),
        (needs(VISION, size=9_999), (SMALL,), False),  # not for its size
        (needs(THINKING, size=9_999), (SMALL,), True),  # it may come to this one
        (needs(size=9_999), (backend("x", ("a",), context=1),), False),
        (needs(size=9_999), (backend("x", enabled=False, context=1),), False),
    ],
)
def test_when_a_count_decides(asked: Needs, pool: tuple[Backend, ...], expected: bool) -> None:
    assert needs_count(asked, pool) is expected


CONDITIONS = st.builds(
    Condition,
    rests_until=st.sampled_from([0.0, NOW - 1, NOW + 9]),
    limited=st.booleans(),
    opens_at=st.sampled_from([0.0, NOW + 5]),
    paced=st.booleans(),
    full=st.booleans(),
)
POOL = (PLAIN, SEES, THINKS, MUTE, ABLE, SMALL, LARGE, backend("off", enabled=False), backend("named", ("other",)))


@given(
    st.builds(Needs, st.just("m"), st.frozensets(st.sampled_from(Capability)), st.integers(0, 3_000)),
    st.dictionaries(st.sampled_from([each.name for each in POOL]), CONDITIONS),
    st.sampled_from(["prefer", "require"]),
)
def test_every_backend_is_planned_or_refused_and_time_heals(
    asked: Needs, conditions: dict[str, Condition], thinking: str
) -> None:
    choice = decide(asked, *POOL, thinking=thinking, **conditions)
    assert sorted([*choice.plan, *choice.refused]) == sorted(each.name for each in POOL)
    by_name = {each.name: each for each in POOL}
    for name in choice.plan:
        assert decide(asked, by_name[name], thinking=thinking, **conditions).plan == (name,)
    if not choice.plan and isinstance(refuse(choice, asked, NOW), RateLimited | NoBackendUp):
        rested = {name: Condition() for name in conditions}
        assert decide(asked, *POOL, thinking=thinking, **rested).plan


# --- what the client hears -------------------------------------------------------------------------------------------

LIMITS = Condition(NOW + 9, "rate_limit", limited=True)
NO_VISION = "llmux: no backend supports vision: set vision = true on a backend that can see"
ERRORS: dict[str, tuple[Choice, GatewayError]] = {
    "nobody can see": (decide(needs(VISION), PLAIN, THINKS, MUTE), Unsupported(NO_VISION)),
    "nobody can see, some can not call tools either": (
        decide(needs(VISION, TOOLS), PLAIN, MUTE),
        Unsupported(NO_VISION),
    ),
    "nobody can both": (
        decide(needs(VISION, TOOLS), PLAIN, backend("eye", vision=True, tools=False)),
        Unsupported(
            "llmux: no backend supports tools and vision: set tools = true on a backend that can call tools; "
            "set vision = true on a backend that can see"
        ),
    ),
    "nobody is asked in its dialect": (
        decide(Needs("m", dialect="ollama"), PLAIN),
        Unsupported(
            "llmux: no backend supports dialect: this request can only be passed on as it came, to a backend of the "
            "client's own API"
        ),
    ),
    "nobody can reason": (
        decide(needs(THINKING), PLAIN, thinking="require"),
        Unsupported(
            "llmux: no backend supports thinking: set thinking = true on a backend that can reason, "
            'or thinking = "prefer" in [routing]'
        ),
    ),
    "reasoning is only preferred, and not what is missing": (
        decide(needs(THINKING, VISION), PLAIN),
        Unsupported(NO_VISION),
    ),
    "those of another name have no say": (decide(needs(VISION), PLAIN, backend("x", ("a",))), Unsupported(NO_VISION)),
    "no such model": (
        decide(needs(), backend("x", ("a",)), backend("y", ("b",))),
        ModelNotFound("model: m (no backend takes a model of this name)", param="model"),
    ),
    "no backend at all": (
        decide(needs()),
        ModelNotFound("model: m (no backend takes a model of this name)", param="model"),
    ),
    "disabled": (
        decide(needs(), backend("x", ("a",)), backend("y", enabled=False)),
        ModelNotFound("model: m (disabled: y)", param="model"),
    ),
    "it only embeds": (
        decide(needs(), EMBEDS, backend("x", ("a",))),
        ModelNotFound("model: m (only embeds: embeds)", param="model"),
    ),
    "too long": (
        decide(needs(size=3_000), SMALL, LARGE),
        ContextTooLong("prompt is too long: 3000 tokens > 2000 maximum", param="messages"),
    ),
    "too long, counted": (
        decide(needs(size=9_000), LARGE, SMALL, tokens=2_500),
        ContextTooLong("prompt is too long: 2500 tokens > 2000 maximum", param="messages"),
    ),
    "too long beside its answer": (
        decide(needs(size=1_950, output=100), LARGE),
        ContextTooLong(
            "prompt is too long: 1950 tokens > 1900 maximum (beside 100 tokens of output asked for)", param="messages"
        ),
    ),
    "too long for the only one that can see": (
        decide(needs(VISION, size=3_000), PLAIN, backend("eye", vision=True, context=2_000)),
        ContextTooLong("prompt is too long: 3000 tokens > 2000 maximum", param="messages"),
    ),
    "not permitted": (
        decide(needs(), PLAIN, SMALL, allowed=("other",)),
        Forbidden("llmux: this key may not use model m"),
    ),
    "not permitted, and the others can not": (
        decide(needs(VISION), PLAIN, SEES, allowed=("plain",)),
        Forbidden("llmux: this key may not use model m"),
    ),
    "limited": (
        decide(needs(), PLAIN, SEES, plain=LIMITS, sees=Condition(opens_at=NOW + 4.2)),
        RateLimited(
            "llmux: no backend can answer now (plain: cooling down for 9 s after rate_limit; "
            "sees: out of its windows for 5 s)",
            retry_after=5.0,
        ),
    ),
    "full": (
        decide(needs(), PLAIN, plain=Condition(in_flight=2, full=True)),
        RateLimited("llmux: no backend can answer now (plain: full, with 2 requests in flight)", retry_after=1.0),
    ),
    "limited for ever": (
        decide(needs(), PLAIN, plain=Condition(opens_at=math.inf)),
        RateLimited("llmux: no backend can answer now (plain: out of its windows for ever)"),
    ),
    "limited, and the others can not": (
        decide(needs(VISION), PLAIN, SEES, sees=LIMITS),
        RateLimited("llmux: no backend can answer now (sees: cooling down for 9 s after rate_limit)", retry_after=9.0),
    ),
    "down": (
        decide(needs(), PLAIN, plain=Condition(NOW + 0.1, "unreachable")),
        NoBackendUp(
            "llmux: no backend can answer now (plain: cooling down for 1 s after unreachable)", retry_after=1.0
        ),
    ),
    "some limited, some down": (
        decide(needs(), PLAIN, SEES, plain=Condition(NOW + 30, "cut"), sees=LIMITS),
        NoBackendUp(
            "llmux: no backend can answer now (plain: cooling down for 30 s after cut; "
            "sees: cooling down for 9 s after rate_limit)",
            retry_after=9.0,
        ),
    ),
}


@pytest.mark.parametrize(("choice", "expected"), ERRORS.values(), ids=ERRORS)
def test_what_the_client_hears(choice: Choice, expected: GatewayError) -> None:
    output = 100 if "beside" in expected.message else 0
    assert choice.plan == ()
    assert refuse(choice, needs(output=output), NOW) == expected


def test_who_wants_texts_embedded_hears_what_is_missing() -> None:
    assert refuse(decide(TEXTS, PLAIN, SEES), TEXTS, NOW) == ModelNotFound(
        "model: m (does not embed: plain, sees; set embeddings = true on a backend that embeds)", param="model"
    )


# --- what providers list ---------------------------------------------------------------------------------------------


def test_a_name_that_is_not_listed_is_refused_and_the_reason_says_how_to_ask_all_the_same() -> None:
    passes_on = replace(backend("p:*"), model="*", listed=listed([ModelCard(id="other")]))
    choice = decide(needs(), passes_on)
    assert choice.refused["p:*"] == Refusal(
        "unfit", "p does not list m; p:m would be passed on all the same", lacks=("name",)
    )
    assert isinstance(refuse(choice, needs(), NOW), ModelNotFound)
    assert decide(needs(), replace(passes_on, match=("x",))).refused["p:*"].reason == "model_match does not match m"
    assert decide(needs(), replace(passes_on, listed=listed([ModelCard(id="M")]))).plan == ("p:*",)
