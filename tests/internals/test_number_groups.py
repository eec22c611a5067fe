"""Numbers in groups are looked for around digits alone: they are those that the whole pattern finds."""

from hypothesis import example, given
from hypothesis import strategies as st

from app.domain import folding

# Letters, digits and what is neither or both, what parts groups, and what does not.
TEXTS = st.text("aZé1٣½²٬ß名_ .,-/'\u2009\u2019\n#", max_size=40)


@given(TEXTS)
@example("time 123: pay 12 or FR 76 3000 1007")
@example("GB29 NWBK 6016 1331")
@example("abcd1 ef_2 3_4 x5y6 7")
@example("1 2 3 abcd 4 abcde 5")
def test_numbers_are_those_of_one_search_through_the_whole_text(text: str) -> None:
    expected = [number.span() for number in folding._NUMBER.finditer(text)]

    found = [(groups[0].start, groups[-1].end) for groups in folding.numbers(text)]

    assert found == expected
