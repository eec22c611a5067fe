"""Every SELECT: ids in, light rows out, in the order of the ids, always within one account.

A relation is one batch function, one statement however many rows. Writing is `app.actions.perform`'s.
"""
