"""From events and schedules to journey entries: who gets in, who does not, and why."""
