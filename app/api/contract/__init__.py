"""The schema as a contract with clients: its releases, the changes since the last, and what is deprecated."""
