"""The demo account: its script, its documents, and how they are loaded."""
