"""What customers agreed to, and which addresses must never be written to."""
