"""What operators' machines ask a running process: its figures, whether it lives, whether it is ready."""
