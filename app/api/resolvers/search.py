"""The words of a search, as an argument gives them."""

from app.domain.errors import Detail, InvalidInput, TooLong
from app.domain.search_words import LEXEMES_MAX, TERMS_MAX, Term, lexeme_count, terms
from app.domain.text import is_empty

SEARCH_MAX = 200


def search_terms(search: str | None) -> tuple[Term, ...] | None:
    """Return the words of *search*; None where nothing is searched. Raises: InvalidInput, TooLong."""
    if search is None or is_empty(search):
        return None
    if len(search) > SEARCH_MAX:
        raise TooLong("search", max=SEARCH_MAX)
    found = terms(search)
    for actual, maximum in ((len(found), TERMS_MAX), (lexeme_count(found), LEXEMES_MAX)):
        if actual > maximum:
            raise InvalidInput("search", detail=Detail("words", {"actual": actual, "maximum": maximum}))
    return found
