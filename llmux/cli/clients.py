"""The clients that `llmux launch` knows: a row each. A new client is a new row."""

from collections.abc import Mapping

from llmux.ir.value import Value


class Program(Value, kw_only=True):
    """A client, and what its environment must say for it to use a gateway.

    In the values of `environment`, {url} is the gateway's address, {token} what lets the client in and {certificate}
    the file of the gateway's own certificate; a value that comes out empty is not set. `cleared` variables would
    contradict these.
    """

    command: str
    install: str
    environment: Mapping[str, str]
    cleared: tuple[str, ...] = ()


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
}
