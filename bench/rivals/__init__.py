"""Other ways to do the same work, written as well as we can, to measure against."""
