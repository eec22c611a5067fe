"""The one write path: checks, effects, the log row, the commit."""
