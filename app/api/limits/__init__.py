"""Limits on GraphQL documents: scanning, measurement and enforcement."""
