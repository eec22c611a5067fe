"""Casegate: a GraphQL gateway over the cases of payment-fraud teams."""
