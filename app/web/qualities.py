"""Quality values of `Accept` and its kin (RFC 9110, section 12.4.2)."""

from collections.abc import Iterator


def items_of(header: str, most: int) -> Iterator[tuple[str, float, dict[str, str]]]:
    """Yield each item's name, its quality and its other parameters, all in lower case; no more than *most* are read.

    Items whose quality can't be read, or that have no name, are passed over.
    """
    for item in header.split(",")[:most]:
        name, *rest = (part.strip().lower() for part in item.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip(): value.strip() for key, _, value in pairs}
        quality = _number(parameters.pop("q", "1"))
        if name and 0 <= quality <= 1:
            yield name, quality, parameters


def _number(value: str) -> float:
    """Return a quality, or a number out of its range where it can't be read."""
    try:
        return float(value)
    except ValueError:
        return -1.0
