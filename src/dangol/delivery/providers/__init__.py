"""One file a provider; only these files may import a provider's SDK."""
