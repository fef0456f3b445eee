"""Server-rendered pages: overview, mailbox, log and explanations. They work without JavaScript."""
