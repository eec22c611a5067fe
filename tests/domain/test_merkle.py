"""The Merkle tree, held against RFC 6962's own recursive definition, written out here a second time."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.merkle import Tree, leaf_hash, node_hash, root_of


def defined_root(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1, to the letter."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = split_of(len(leaves))
    return hashlib.sha256(b"\x01" + defined_root(leaves[:split]) + defined_root(leaves[split:])).digest()


def defined_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1, to the letter."""
    if len(leaves) == 1:
        return []
    split = split_of(len(leaves))
    if index < split:
        return [*defined_path(index, leaves[:split]), defined_root(leaves[split:])]
    return [*defined_path(index - split, leaves[split:]), defined_root(leaves[:split])]


def split_of(size: int) -> int:
    """Return the largest power of two that is less than *size*."""
    split = 1
    while split * 2 < size:
        split *= 2
    return split


def grown(leaves: list[bytes], tracked: frozenset[int] = frozenset()) -> Tree:
    tree = Tree()
    for index, leaf in enumerate(leaves):
        tree.add(leaf_hash(leaf), track=index in tracked)
    return tree


@pytest.mark.parametrize("size", [*range(70), 1023, 1024, 1025])
def test_the_root_is_the_one_that_is_defined(size: int) -> None:
    leaves = [str(number).encode() for number in range(size)]

    assert grown(leaves).root == defined_root(leaves)


@pytest.mark.parametrize("size", [*range(1, 34), 100])
def test_each_path_is_the_one_that_is_defined_and_leads_to_the_root(size: int) -> None:
    leaves = [str(number).encode() for number in range(size)]
    tree = grown(leaves, frozenset(range(size)))

    paths = tree.paths()

    assert paths == {index: defined_path(index, leaves) for index in range(size)}
    for index, path in paths.items():
        assert root_of(index, size, leaf_hash(leaves[index]), path) == tree.root


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_tree_goes_on_from_its_peaks(before: int, more: int) -> None:
    leaves = [str(number).encode() for number in range(before + more)]
    half = grown(leaves[:before])

    resumed = Tree(half.size, half.peaks)
    for leaf in leaves[before:]:
        resumed.add(leaf_hash(leaf))

    assert (resumed.size, resumed.root) == (before + more, defined_root(leaves))


@given(st.integers(1, 100), st.data())
def test_no_other_leaf_place_or_path_leads_to_the_root(size: int, data: st.DataObject) -> None:
    leaves = [str(number).encode() for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    tree = grown(leaves, frozenset({index}))
    path, leaf = tree.paths()[index], leaf_hash(leaves[index])

    assert root_of(index, size, leaf_hash(b"other"), path) != tree.root
    assert root_of(index, size, leaf, [*path, leaf]) is None
    assert root_of(size, size, leaf, path) is None
    if path:
        other = data.draw(st.integers(0, size - 1).filter(lambda place: place != index))
        assert root_of(other, size, leaf, path) != tree.root
        assert root_of(index, size, leaf, path[:-1]) is None


def test_a_leaf_cannot_pass_for_a_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")

    assert leaf_hash(left + right) != node_hash(left, right)


def test_peaks_that_fit_no_tree_are_refused() -> None:
    with pytest.raises(ValueError, match="peaks"):
        Tree(3, [leaf_hash(b"a")])
