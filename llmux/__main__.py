"""`python -m llmux`: the same as the command `llmux`."""

from llmux.cli.main import main

if __name__ == "__main__":
    main()
