"""Recorded journeys of the shipped campaigns, and their replay against the code as it is now."""
