"""llmux start: runs the gateway until it is told to stop. It reloads when the configuration is saved, and on SIGHUP."""

from contextlib import suppress
from pathlib import Path

import click

from llmux.cli import configured
from llmux.cli.problems import in_words
from llmux.cli.summary import LISTENS, show_backends, show_clients, show_origin
from llmux.serve import Ready, run

HELP = """Run the gateway until told to stop.

Without a configuration it serves what it finds: keys in the environment, an Ollama on this machine; with none of
these, a built-in demo, so that everything can be tried. A saved configuration is taken over without a restart.

\b
  llmux start
  llmux start --config work.toml --port 9000
  llmux start --https --ssl-key certs/key.pem --ssl-cert certs/cert.pem
"""

FILE = click.Path(exists=True, dir_okay=False)


@click.command(help=HELP)
@configured.option
@click.option("--host", metavar="ADDRESS", help="Listen at this address.  [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Listen at this port; 0: any that is free.  [8082]")
@click.option("--workers", type=click.IntRange(1), help="How many processes share the port.  [1]")
@click.option("--https", "https_enabled", flag_value=True, default=None, help="Serve HTTPS; bin/cert makes a pair.")
@click.option("--ssl-key", "ssl_key_file", type=FILE, help="The key of the certificate (PEM).")
@click.option("--ssl-cert", "ssl_cert_file", type=FILE, help="The certificate, with its chain (PEM).")
@click.option("--verbose", "-v", "log_level", flag_value="DEBUG", default=None, help="Log how each request is routed.")
def start(*, config: Path | None, **options: object) -> None:
    """Serve. Options win over the environment, and that over the file."""
    read = configured.reader(config, options)
    with configured.complaints():
        once = [read()]
        settings = once[0].config
        # Ctrl-C before the gateway listens to signals itself: nothing is open yet, so it is an orderly end too.
        with in_words(settings.host, settings.port), suppress(KeyboardInterrupt):
            run(lambda: once.pop() if once else read(), say_ready)


def say_ready(ready: Ready) -> None:
    """Tell a person what now runs, and how to use it."""
    click.echo(f"{LISTENS}{ready.url}")
    show_origin(ready.loaded)
    click.echo()
    show_backends(ready.house.assembled)
    click.echo()
    show_clients(ready.loaded.config, ready.url)
    click.echo("\nCtrl-C stops it.")
