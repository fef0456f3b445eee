"""HTTP/1.1 to carriers: many requests at once over connections that stay open, and the truth about each (ADR 28)."""
