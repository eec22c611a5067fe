"""Input types, and how each becomes a command or a condition."""
