"""What messages look like: one set of pieces for ``dangol preview``, ``dangol gallery`` and the pages."""
