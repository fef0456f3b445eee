"""The gate: one rule per file, pure functions of facts; ``gate`` puts them in order."""
