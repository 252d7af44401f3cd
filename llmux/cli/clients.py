"""The clients that `llmux launch` knows: a row each. A new client is a new row."""

from collections.abc import Mapping

from llmux.ir.value import Value


class Program(Value, kw_only=True):
    """A client, and what its environment must say for it to use a gateway.

    In the values of `environment`, {url} is the gateway's address, {token} what lets the client in and {certificate}
    the file of the gateway's own certificate; a value that comes out empty is not set. `cleared` variables would
    contradict these. `arguments`, with the same {url}, stand before the person's own. `settings` are files that the
    client reads at the place which a variable names: the variable -> the file's name and its content.
    """

    command: str
    install: str
    environment: Mapping[str, str]
    cleared: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    settings: Mapping[str, tuple[str, str]] = {}


CLIENTS: Mapping[str, Program] = {
    "claude": Program(
        command="claude",
        install="npm install -g @anthropic-ai/claude-code",
        environment={
            "ANTHROPIC_BASE_URL": "{url}",
            "ANTHROPIC_AUTH_TOKEN": "{token}",
            "NODE_EXTRA_CA_CERTS": "{certificate}",
        },
        cleared=("ANTHROPIC_API_KEY",),  # with both, Claude Code complains and sends both
    ),
    "codex": Program(
        command="codex",
        install="npm install -g @openai/codex",
        environment={"LLMUX_TOKEN": "{token}", "CODEX_CA_CERTIFICATE": "{certificate}"},
        # It takes a provider from its configuration only, and a value of that from its command line.
        arguments=(
            "-c",
            'model_provider="llmux"',
            "-c",
            'model_providers.llmux={{name="llmux",base_url="{url}/v1",env_key="LLMUX_TOKEN",wire_api="responses"}}',
        ),
    ),
    "gemini": Program(
        command="gemini",
        install="npm install -g @google/gemini-cli",
        environment={
            "GOOGLE_GEMINI_BASE_URL": "{url}",
            "GEMINI_API_KEY": "{token}",
            "NODE_EXTRA_CA_CERTS": "{certificate}",
        },
        cleared=("GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA"),  # past GEMINI_API_KEY
        # A login that its own settings name would lead it past the gateway. These stand above the person's.
        settings={
            "GEMINI_CLI_SYSTEM_SETTINGS_PATH": (
                "gemini-cli.json",
                '{"security": {"auth": {"selectedType": "gemini-api-key"}}}\n',
            )
        },
    ),
}
