"""llmux mock: the demo provider as a server of its own, in both dialects."""

import click

from llmux.cli.problems import in_words

HELP = """Serve the demo provider over HTTP, to try things on.

It answers deterministically, in both dialects, calls the tool it is asked to call, and fails when the model's name says
so: demo:fail-429, demo:cut, demo:slow, demo:error-in-stream, demo:garbage.

\b
  llmux mock --port 9000
  curl http://127.0.0.1:9000/v1/chat/completions -d '{"model": "echo", "messages": [{"role": "user", "content": "Hi"}]}'
"""


@click.command(help=HELP)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), required=True, help="The port; 0: any that is free.")
def mock(*, host: str, port: int) -> None:
    """Serve until told to stop."""
    from llmux.demo.serve import run

    with in_words(host, port):
        run(host, port, lambda url: click.echo(f"demo provider listens on {url}"))
