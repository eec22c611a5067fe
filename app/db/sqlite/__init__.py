"""SQLite: its engines, the asynchronous driver, and group commit."""
