"""Reads what the brand is about to say, as a good editor would, before anybody receives it."""
