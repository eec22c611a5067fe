"""Following the account's log: the feed of one process, its wake-ups, and the log's cursors."""
