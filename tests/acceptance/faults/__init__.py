"""Faults: everything that may fall over does, and at the end nothing is lost, doubled or against anybody's will."""
