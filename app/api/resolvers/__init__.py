"""Resolvers that more than one type shares."""
