"""Where carriers and apps report what became of messages."""
