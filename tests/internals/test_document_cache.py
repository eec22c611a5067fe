"""The document cache counts what it keeps, and nothing else."""

from graphql import parse

from app.api.execution.document_cache import LENGTH_MAX, CachedDocument, DocumentCache

TEXT = "{ viewer { id } }"


def document() -> CachedDocument:
    return CachedDocument(parse(TEXT), "", (7, 2))


def test_what_is_dropped_takes_no_bytes_even_where_an_operation_goes_on_with_it() -> None:
    cache, dropped = DocumentCache(bytes_max=10_000), document()
    cache.keep(TEXT, dropped)
    cache.note_plan(TEXT, dropped)
    for number in range(4):
        cache.keep(f"{TEXT} #{number}", document())
    assert cache.get(TEXT) is None
    bytes_before = cache.bytes

    for _ in range(100):
        cache.note_plan(TEXT, dropped)
        cache.note_measures(dropped)

    assert cache.bytes == bytes_before
    assert cache.get(f"{TEXT} #3") is not None


def test_the_bound_holds_plans_and_measures_too_and_the_oldest_goes_first() -> None:
    cache, first, second = DocumentCache(bytes_max=20_000), document(), document()
    cache.keep("first", first)
    cache.keep("second", second)

    while cache.get("second") is not None:
        cache.note_measures(second)

    assert cache.get("first") is None
    assert cache.bytes <= 20_000


def test_a_document_that_is_too_long_is_not_kept() -> None:
    cache = DocumentCache()
    cache.keep("x" * (LENGTH_MAX + 1), document())

    assert (cache.get("x" * (LENGTH_MAX + 1)), cache.bytes) == (None, 0)
