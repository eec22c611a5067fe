"""Plans: a document that was executed once is compiled, and executed the next time without a walk over its fields.

graphql-core goes from object to field to object: a hundred thousand steps for a page of a worklist. A plan goes through
the selection once, and takes each field of all objects at once: their attributes, or one batch of a loader. What a plan
does not cover, and whatever fails while it runs, is left to graphql-core, whose answer it would otherwise give byte for
byte.
"""
