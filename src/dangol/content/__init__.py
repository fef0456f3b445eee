"""Words become messages here: one brand voice, templates compiled once a version, rendered safely for each person."""
