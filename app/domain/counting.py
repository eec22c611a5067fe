"""Numbers with their nouns in English, for commands and verdicts; messages in both languages are worded without."""


def counted(number: int, one: str, many: str = "") -> str:
    """Return the *number* with the noun that fits it; *many* is given where an s is not enough."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
