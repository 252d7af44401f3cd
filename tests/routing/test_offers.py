"""What clients may ask for by name; and that whoever asks for it gets it."""

import pytest

from llmux.config.schema import Backend as Written
from llmux.config.schema import Config, Provider, Role
from llmux.config.tables import builtin
from llmux.ir.card import ModelCard
from llmux.routing.assemble import Assembled, assemble
from llmux.routing.catalog import backend_model, candidates
from llmux.routing.listed import Lists
from llmux.routing.offers import Offer, names, offers
from llmux.routing.requirements import Needs
from llmux.routing.selector import Policy, choose

TABLES = builtin()
CREATED = 1_700_000_000
LISTS: Lists = {
    "box": (
        ModelCard(id="llama3:latest", context=8_000, tools=False, created=5),
        ModelCard(id="nomic-embed", answers=False),
        ModelCard(id="llava", name="LLaVA", vision=True),
    ),
    "hub": (ModelCard(id="vendor/big", owner="vendor", context=100_000), ModelCard(id="llava")),
}


def assembled(*backends: Written, lists: Lists = LISTS, **roles: list[str]) -> Assembled:
    provider = {name: Provider(base_url=f"http://{name}/v1") for name in ("box", "hub", "dear")}
    role = {name: Role(backends=members) for name, members in roles.items()}
    return assemble(Config(backend=list(backends), provider=provider, role=role), TABLES, lists)


def shown(house: Assembled) -> tuple[Offer, ...]:
    return offers(house.catalog, house.profile_of, CREATED)


def ids(house: Assembled) -> list[str]:
    return [offer.card.id for offer in shown(house)]


BOX, HUB, ONE = Written(model="box:*"), Written(model="hub:*"), Written(model="dear:one")
LISTED: dict[str, tuple[Assembled, list[str]]] = {
    "a model of its own": (assembled(ONE), ["dear:one"]),
    "its name": (assembled(Written(model="dear:one", name="mine")), ["mine"]),
    "nobody knows what it lists": (assembled(BOX, lists={}), []),
    "plain names": (assembled(BOX, HUB), ["llama3:latest", "llava", "vendor/big"]),
    "who comes first has them": (assembled(HUB, BOX), ["vendor/big", "llava", "llama3:latest"]),
    "who takes any name comes first": (assembled(ONE, BOX), ["dear:one", "box:llama3:latest", "box:llava"]),
    "who takes any name comes last": (assembled(BOX, ONE), ["dear:one", "llama3:latest", "llava"]),
    "only the names that it takes": (assembled(Written(model="box:*", model_match=["llama*"])), ["llama3:latest"]),
    "another has them before": (
        assembled(Written(model="dear:one", model_match=["llava"]), BOX), ["dear:one", "llama3:latest", "box:llava"],
    ),
    "a role": (assembled(ONE, both=["dear:one", "box:*"]), ["dear:one", "both"]),
    "a role of that name": (assembled(BOX, llava=["box:*"]), ["llava", "llama3:latest", "box:llava"]),
    "who is off": (assembled(Written(model="dear:one", enabled=False), Written(model="box:*", enabled=False)), []),
    "a role of nobody": (assembled(Written(model="dear:one", enabled=False), r=["dear:one"]), []),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTED)
def test_what_can_be_asked_for(name: str) -> None:
    found, expected = LISTED[name]
    assert ids(found) == expected


@pytest.mark.parametrize("name", LISTED)
def test_whoever_asks_for_what_is_listed_gets_it(name: str) -> None:
    found, _ = LISTED[name]
    for offer in shown(found):
        pool = candidates(found.catalog, offer.card.id)
        plan = choose(Needs(offer.card.id), pool, (), {}, Policy(0.0)).plan
        assert plan[0] == offer.backends[0].name
        if offer.backends[0].found:
            first = next(backend for backend in pool if backend.name == plan[0])
            assert backend_model(first, offer.card.id) == offer.backends[0].found


def offer(found: Assembled, name: str) -> Offer:
    return next(each for each in shown(found) if each.card.id == name)


def test_a_card_says_what_is_known() -> None:
    llama = offer(assembled(BOX), "llama3:latest").card
    assert (llama.context, llama.tools, llama.owner, llama.created) == (8_000, False, "box", 5)
    assert not llama.vision, "that it might see is a reason to try it, not to promise it"
    big = offer(assembled(BOX, HUB), "vendor/big").card
    assert (big.context, big.owner, big.created, big.name) == (100_000, "vendor", CREATED, "vendor/big")
    assert offer(assembled(BOX), "llava").card.name == "LLaVA"


def test_a_role_can_do_what_any_of_its_backends_can() -> None:
    sees = Written(model="dear:sees", vision=True, context=10)
    thinks = Written(model="dear:thinks", thinking=True, context=20, max_output=5)
    role = offer(assembled(sees, thinks, r=["dear:sees", "dear:thinks"]), "r").card
    assert (role.vision, role.thinking, role.context, role.max_output) == (True, True, 20, None)


def test_what_a_permission_may_call_it() -> None:
    assert offer(assembled(BOX), "llava").names == ("llava", "box:*")
    assert offer(assembled(Written(model="dear:one", name="mine")), "mine").names == ("mine", "dear:one")


def test_who_embeds_does_nothing_else() -> None:
    (offer,) = shown(assembled(Written(model="dear:vectors", embeddings=True, context=8_000)))
    assert (offer.card.answers, offer.card.context, offer.card.capabilities) == (False, 8_000, [])


def test_every_name_that_somebody_has_given() -> None:
    house = assembled(Written(model="dear:big", name="b"), Written(model="box:*"), all=["b"])
    listed = {"llama3:latest", "nomic-embed", "llava"}
    expected = {"all", "b", "big", "dear:big", "box:*", *listed, *(f"box:{name}" for name in listed)}
    assert set(names(house.catalog)) == expected
