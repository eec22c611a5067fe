"""Dataloaders: batching of look-ups within one operation."""
