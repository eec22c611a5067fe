"""Accounts, people, tokens and policies, made and changed for the command line and the API."""
