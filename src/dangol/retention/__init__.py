"""Removing what was kept long enough, as this installation's settings say, and never what is still needed."""
