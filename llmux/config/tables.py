"""The built-in tables: the providers that llmux knows by name, what models accept and what they cost. Read once.

It reads only what ships in the package; each file says what its columns mean.
"""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from llmux.ir.capability import Profile
from llmux.ir.price import Price
from llmux.ir.value import Value

# What the configuration calls a dialect -> the dialect.
DIALECTS: Mapping[str, str] = {
    "openai": "openai_chat",
    "responses": "openai_responses",
    "claude": "claude",
    "gemini": "gemini",
    "ollama": "ollama",
}


class Row(Value, kw_only=True, forbid_unknown_fields=True):
    """A provider that llmux knows by name: a row of `providers.toml`, which says what the fields mean."""

    api: Literal["openai", "responses", "claude", "gemini", "ollama"]
    base_url: str = ""
    keys: tuple[str, ...] = ()
    auth: Literal["", "bearer", "x-api-key", "x-goog-api-key"] = ""
    maker: str = ""
    kind: Literal["http", "demo"] = "http"
    serves: tuple[str, ...] = ()
    default: str = ""
    local: bool = False
    any_model: bool = False


class Rule(Value):
    """A row of `profiles.toml`: where it holds, and the fields that it sets there."""

    fields: Mapping[str, Any]
    dialect: str = ""
    provider: tuple[str, ...] = ()
    model: str = ""

    def holds(self, dialect: str, provider: str, model: str) -> bool:
        """Whether it says something about this model, asked in this dialect at this provider."""
        return (
            self.dialect in ("", dialect)
            and (not self.provider or provider in self.provider)
            and re.search(self.model, model, re.IGNORECASE) is not None
        )


class Priced(Value):
    """A row of `prices.toml`: where it holds, and the price there."""

    price: Price
    provider: tuple[str, ...] = ()
    model: str = ""

    def holds(self, provider: str, model: str) -> bool:
        """Whether it is the price of this model at this provider, if no later row is."""
        return (not self.provider or provider in self.provider) and bool(re.search(self.model, model, re.IGNORECASE))


class Tables(Value):
    """All tables. `providers` by name, in the order of the file."""

    providers: Mapping[str, Row]
    rules: tuple[Rule, ...]
    prices: tuple[Priced, ...] = ()

    def profile(self, dialect: str, provider: str, model: str, told: Mapping[str, Any] | None = None) -> Profile:
        """What `model` accepts: the fields of every rule that holds, later ones over earlier ones.

        `provider` is the name of a row, or "" for a provider that is none. What it has `told` itself of the model
        counts where no rule says anything.
        """
        fields: dict[str, Any] = dict(told or {})
        for rule in self.rules:
            if rule.holds(dialect, provider, model):
                fields |= rule.fields
        return msgspec.convert(fields, Profile)

    def price(self, provider: str, model: str) -> Price | None:
        """What `model` costs at the provider of this row, by the last row that holds; None where nobody knows."""
        return next((row.price for row in reversed(self.prices) if row.holds(provider, model)), None)


def builtin() -> Tables:
    """The tables that ship with llmux."""
    rules = tomllib.loads(_shipped("profiles.toml"))["profile"]
    rows = tomllib.loads(_shipped("providers.toml"))
    prices = tomllib.loads(_shipped("prices.toml"))["price"]
    return Tables(msgspec.convert(rows, dict[str, Row]), tuple(map(_rule, rules)), tuple(map(_priced, prices)))


def template() -> str:
    """The documented configuration, as `llmux init` writes it: `config.toml` of the repository."""
    shipped = resources.files(__package__) / "default.toml"  # where the wheel has it
    checkout = Path(__file__).parents[2] / "config.toml"
    return shipped.read_text("utf-8") if shipped.is_file() else checkout.read_text("utf-8")


def key_of(row: Row, env: Mapping[str, str]) -> str:
    """The key for `row` among the environment variables `env`, "" if there is none."""
    return next((env[name] for name in row.keys if env.get(name)), "")


def _rule(row: Mapping[str, Any]) -> Rule:
    where = {name: row[name] for name in ("dialect", "provider", "model") if name in row}
    return msgspec.convert({**where, "fields": {name: row[name] for name in row if name not in where}}, Rule)


def _priced(row: Mapping[str, Any]) -> Priced:
    where = {name: row[name] for name in ("provider", "model") if name in row}
    return msgspec.convert({**where, "price": {name: row[name] for name in row if name not in where}}, Priced)


def _shipped(name: str) -> str:
    return (resources.files(__package__) / name).read_text("utf-8")
