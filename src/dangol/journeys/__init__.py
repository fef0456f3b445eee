"""The step machine: a pure function from where a journey stands to where it goes and what it asks for."""
