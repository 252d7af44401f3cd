"""llmux: one address for every model."""

__version__ = "0.1.0"
