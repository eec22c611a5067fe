"""Diagnosis of a database: whether it keeps what is acknowledged, and what would be better set otherwise."""
