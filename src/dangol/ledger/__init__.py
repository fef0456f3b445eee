"""The log: one entry for every decision, append-only, with personal data only under the person's own key."""
