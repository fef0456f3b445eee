"""Workspace files become models here: read with positions, checked all at once, versioned by content."""
