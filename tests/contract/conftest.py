"""Cases are told from every dialect to every other."""

from tests.uncounted import uncounted

__all__ = ["uncounted"]
