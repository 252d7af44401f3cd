"""The vendors' own SDKs read our lists of models, each in its own shape, from one server."""

from datetime import UTC, datetime

import ollama
import pytest
from anthropic import AsyncAnthropic
from anthropic import NotFoundError as AnthropicNotFound
from google import genai
from google.genai import errors, types
from openai import AsyncOpenAI
from openai import NotFoundError as OpenAINotFound

from tests.server.house import running
from tests.server.test_models import DIALECTS

CREATED = 1_700_000_000


async def test_anthropic() -> None:
    async with running(dialects=DIALECTS) as house, AsyncAnthropic(base_url=house.url, api_key="k") as client:
        listed = [model async for model in client.models.list(limit=1)]
        assert [model.id for model in listed] == ["p:one", "two"]
        one = await client.models.retrieve("p:one")
        assert (one.type, one.created_at, one.max_input_tokens) == ("model", datetime.fromtimestamp(CREATED, UTC), 1000)
        assert one.lifecycle == "active"
        assert one.capabilities is not None
        assert one.capabilities.image_input.supported
        assert not one.capabilities.thinking.types.adaptive.supported
        with pytest.raises(AnthropicNotFound):
            await client.models.retrieve("nobody")


async def test_openai() -> None:
    async with running(dialects=DIALECTS) as house, AsyncOpenAI(base_url=f"{house.url}/v1", api_key="k") as client:
        assert [model.id async for model in client.models.list()] == ["p:one", "two"]
        one = await client.models.retrieve("p:one")
        assert (one.object, one.created, one.owned_by) == ("model", CREATED, "p")
        with pytest.raises(OpenAINotFound) as raised:
            await client.models.retrieve("nobody")
        assert raised.value.code == "model_not_found"


@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")  # of Google's SDK, by aiohttp
@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_google(version: str) -> None:
    async with running(dialects=DIALECTS) as house:
        options = types.HttpOptions(base_url=house.url, api_version=version)
        client = genai.Client(api_key="k", http_options=options).aio
        try:
            listed = [model async for model in await client.models.list(config={"page_size": 1})]
            assert [model.name for model in listed] == ["models/p:one", "models/two"]
            one = await client.models.get(model="p:one")
            assert (one.display_name, one.input_token_limit) == ("p:one", 1000)
            assert one.supported_actions == ["generateContent", "streamGenerateContent", "countTokens"]
            with pytest.raises(errors.ClientError):
                await client.models.get(model="nobody")
        finally:
            await client.aclose()


async def test_ollama() -> None:
    async with running(dialects=DIALECTS) as house:
        client = ollama.AsyncClient(house.url)
        listed = (await client.list()).models
        assert [model.model for model in listed] == ["p:one", "two"]
        assert listed[0].modified_at == datetime.fromtimestamp(CREATED, UTC)
        shown = await client.show("p:one")
        assert shown.capabilities == ["completion", "vision"]
        assert shown.modelinfo
        assert shown.modelinfo["llmux.context_length"] == 1000
        assert (await client.ps()).models == []
        for refused in (client.show("nobody"), client.pull("x"), client.delete("x")):
            with pytest.raises(ollama.ResponseError) as raised:
                await refused
            assert raised.value.status_code in {404, 501}
        await client._client.aclose()
