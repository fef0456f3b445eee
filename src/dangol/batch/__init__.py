"""What one batch reads (``facts``) and writes (``changes``, ``handover``), in bulk. Only the pipeline uses it."""
