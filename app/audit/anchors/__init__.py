"""Anchors: signed checkpoints of the whole log, kept outside the database, so that its owner can't rewrite it."""
