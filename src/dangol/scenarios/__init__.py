"""Scenarios that marketers write: given a customer, when these events, then these messages and refusals."""
