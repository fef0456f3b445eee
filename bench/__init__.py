"""Measurements of the product against yardsticks that are measured in the same run; see bench/README.md."""
