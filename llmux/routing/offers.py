"""The models that clients may ask for by name, from the catalog: what every list of models shows. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from llmux.ir.capability import Capability, Profile
from llmux.ir.card import FACTS, ModelCard
from llmux.ir.value import Value
from llmux.routing.catalog import Backend, Catalog, find, named, takes

Known = Callable[[Backend, str], Profile]
OWNER = "llmux"  # of roles
ABLE = (*(capability.value for capability in Capability), "pdf")


class Offer(Value):
    """A name that can be asked for, and the backends that answer to it."""

    card: ModelCard
    backends: tuple[Backend, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What a client's permission may call it: its own name, and those of its backends."""
        others = (name for one in self.backends for name in (one.name, f"{one.provider}:{one.model}"))
        return tuple(dict.fromkeys((self.card.id, *others)))


def offers(catalog: Catalog, profile_of: Known, created: int) -> tuple[Offer, ...]:
    """Every backend with a model of its own, every role, and what the providers of the others list; each name once.

    `profile_of` says what is known of a model that a provider lists: the catalog's own one hopes for more. `created`
    (Unix seconds) is when a model was made of which nobody says it.
    """
    found: dict[str, Offer] = {}
    for offer in (*_configured(catalog), *_roles(catalog), *_listed(catalog, profile_of)):
        found.setdefault(offer.card.id, offer)
    return tuple(replace(offer, card=_dated(offer.card, created)) for offer in found.values())


def names(catalog: Catalog) -> Iterator[str]:
    """Every name that the owner or a provider has given, of roles, backends and models. Some come twice."""
    yield from catalog.roles
    for backend in catalog.backends:
        yield backend.name
        models = (backend.model,) if backend.model != "*" else ()
        for model in (*models, *(card.id for card in (backend.listed.cards if backend.listed else ()))):
            yield from (model, f"{backend.provider}:{model}")


def _configured(catalog: Catalog) -> Iterator[Offer]:
    for backend in catalog.backends:
        if backend.enabled and backend.model != "*":
            card = ModelCard(id=backend.name, owner=backend.provider, answers=not backend.embeddings)
            facts = {"context": backend.profile.context} if backend.embeddings else _facts(backend.profile)
            yield Offer(_with(card, facts), (backend,))


def _roles(catalog: Catalog) -> Iterator[Offer]:
    """A role can do what any of its backends can: who needs more than the first is answered by another."""
    for role, members in catalog.roles.items():
        backends = tuple(backend for name in members if (backend := find(catalog, name)) and backend.enabled)
        if backends:
            facts = [_facts(backend.profile) for backend in backends]
            able = {name: any(each[name] for each in facts) for name in ABLE}
            sizes = {name: _largest([each[name] for each in facts]) for name in FACTS if name not in ABLE}
            yield Offer(_with(ModelCard(id=role, owner=OWNER), able | sizes), backends)


def _listed(catalog: Catalog, profile_of: Known) -> Iterator[Offer]:
    """What the providers of "*" backends list."""
    for backend in catalog.backends:
        for card in backend.listed.cards if backend.enabled and backend.listed else ():
            name = _name(catalog, card.id, backend) if card.answers and takes(backend, card.id) else ""
            if name:
                there = replace(backend, found=card.id, profile=profile_of(backend, card.id))
                known = replace(card, id=name, name=card.name or card.id, owner=card.owner or backend.provider)
                yield Offer(_with(known, _facts(there.profile)), (there,))


def _name(catalog: Catalog, model: str, backend: Backend) -> str:
    """What leads to the model at this backend: its plain name, or with the provider's before it where that leads away.

    "" where the plain name leads to another provider that lists the model too: it is shown once, and this one stands in
    when that one fails.
    """
    taking = (each for each in catalog.backends if each.enabled and takes(each, model))
    first = None if named(catalog, model) else next(taking)
    if first is backend:
        return model
    served = first is not None and first.listed is not None and first.listed.find(model) is not None
    return "" if served else f"{backend.provider}:{model}"


def _facts(profile: Profile) -> Mapping[str, Any]:
    return {name: getattr(profile, name) for name in FACTS}


def _with(card: ModelCard, facts: Mapping[str, Any]) -> ModelCard:
    return replace(card, **facts)


def _largest(sizes: list[int | None]) -> int | None:
    """The largest size; None when one has no limit that is known."""
    known = [size for size in sizes if size is not None]
    return max(known) if known and len(known) == len(sizes) else None


def _dated(card: ModelCard, created: int) -> ModelCard:
    return card if card.created else replace(card, created=created)
