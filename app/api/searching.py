"""The words of a search, as an argument gives them."""

from app.domain.errors import InvalidInput, TooLong
from app.domain.words import TERMS_MAX, Term, terms

SEARCH_MAX = 200


def search_terms(search: str | None) -> tuple[Term, ...] | None:
    """Return the words of *search*; None where nothing is searched. Raises: InvalidInput, TooLong."""
    if search is None or not search.strip():
        return None
    if len(search) > SEARCH_MAX:
        raise TooLong("search", max=SEARCH_MAX)
    found = terms(search)
    if len(found) > TERMS_MAX:
        raise InvalidInput("search")
    return found
