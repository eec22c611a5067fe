"""Backup and restore of the embedded database."""
