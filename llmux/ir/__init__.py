"""The neutral words: requests, answers, events. Pure values; the bottom of the house, and no dialect is known here."""
