"""What models meant: events -> events. Pure; it knows no dialect, opens nothing, and asks nobody.

Three things are put right, each by a machine of its own: reasoning in tags, calls printed as text, and calls whose
arguments stray from their tool's schema. What is sound keeps its bytes.
"""
