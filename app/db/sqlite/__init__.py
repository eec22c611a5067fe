"""SQLite: the asynchronous driver, and group commit."""
