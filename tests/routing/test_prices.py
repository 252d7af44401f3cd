"""Whose word on a price counts."""

from llmux.config.schema import Backend as Written
from llmux.config.schema import Config, Provider, Secret, Tariff
from llmux.config.schema import Price as Stated
from llmux.config.tables import builtin
from llmux.ir.price import Price
from llmux.routing.assemble import assemble
from llmux.routing.catalog import find

CONFIG = Config(
    provider={"openai": Provider(api_key=Secret("k")), "house": Provider(base_url="http://127.0.0.1:9/v1")},
    backend=[
        Written(model="openai:gpt-4o", name="agreed", price=Tariff(input=2, output=3)),
        Written(model="openai:gpt-4o"),
        Written(model="openai:*"),
        Written(model="openai:o1", cost="subscription"),
        Written(model="house:*"),
        Written(model="ollama:*"),
        Written(model="house:gift", price=Tariff(input=0, output=0)),
    ],
    price=[
        Stated(model="house-*", input=1, output=2),
        Stated(model="HOUSE-LARGE", input=5, output=6, cache_read=0.5),
        Stated(model="o1", input=7, output=8),
    ],
)
CASES = {
    ("agreed", "gpt-4o"): Price(2, 3),  # the backend's own
    ("openai:gpt-4o", "gpt-4o"): Price(2.5, 10, 1.25),  # the table's
    ("openai:*", "o1"): Price(7, 8),  # the owner's, over the table's
    ("openai:o1", "o1"): Price(),  # whatever it would cost elsewhere
    ("ollama:*", "llama3:8b"): Price(),  # it runs here
    ("ollama:*", "gpt-oss:120b-cloud"): None,  # it does not
    ("house:*", "house-small"): Price(1, 2),
    ("house:*", "house-large"): Price(5, 6, 0.5),  # the last that fits
    ("house:*", "somebody"): None,
    ("house:gift", "gift"): Price(),
}


def test_the_backend_s_own_then_the_owner_s_then_the_table_s() -> None:
    house = assemble(CONFIG, builtin())
    for (name, model), price in CASES.items():
        backend = find(house.catalog, name)
        assert backend is not None
        assert house.price_of(backend, model) == price, (name, model)
