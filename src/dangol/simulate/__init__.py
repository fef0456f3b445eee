"""The same pipeline on a virtual clock."""
