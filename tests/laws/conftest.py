"""Laws are tried on thousands of examples."""

from tests.uncounted import uncounted

__all__ = ["uncounted"]
