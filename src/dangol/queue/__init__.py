"""Dramatiq: workers are told about work in batches of ids. The only room that imports it, besides ``dangol.client``."""
