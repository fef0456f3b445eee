"""Pages for recipients: no login, no cookie, no script; who holds a link may use it, and nothing else."""
