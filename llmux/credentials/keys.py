"""Keys: the headers that let us in at a provider. It keeps no key and prints none."""

from collections.abc import Callable, Mapping

from llmux.config.endpoint import CLIENTS_KEY, MAKERS_AUTH, Endpoint
from llmux.errors import Unauthenticated

Headers = Mapping[str, str]

FORMS: Mapping[str, Callable[[str], Headers]] = {
    "bearer": lambda key: {"authorization": f"Bearer {key}"},
    "x-api-key": lambda key: {"x-api-key": key},
    "x-goog-api-key": lambda key: {"x-goog-api-key": key},
    "none": lambda _: {},
}
# A Claude login's token, which is no API key and travels as a bearer token.
LOGIN_PREFIX = "sk-ant-oat"


def sign(endpoint: Endpoint, client_credential: str = "") -> Headers:
    """The headers that `endpoint` wants, names in lower case: its own of the configuration, and the key.

    `client_credential` is the caller's own key, used only where it is asked for.

    Raises:
        Unauthenticated: the provider is asked with the caller's own key, and the caller brought none.
    """
    own = {name.lower(): value for name, value in endpoint.headers.items()}
    return {**own, **_key(endpoint, client_credential)}


def _key(endpoint: Endpoint, client_credential: str) -> Headers:
    if endpoint.auth != CLIENTS_KEY:
        return FORMS[endpoint.auth](endpoint.api_key.reveal())
    if not client_credential:
        raise Unauthenticated("The provider of this model is asked with your own API key, and you sent none.")
    login = client_credential.startswith(LOGIN_PREFIX)
    return FORMS["bearer" if login else MAKERS_AUTH[endpoint.dialect]](client_credential)
