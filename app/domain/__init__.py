"""The rules of the case domain: standard library only, no I/O, no clock."""
