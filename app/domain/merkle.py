"""The Merkle tree of RFC 6962, section 2.1, grown a leaf at a time: its root, and paths that show a leaf to be in it.

It holds the roots of its whole subtrees alone, so that its memory is the logarithm of its size; it keeps no leaf.
"""

import hashlib
from collections.abc import Iterable, Sequence


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf. Its first byte differs from a node's, so that neither can pass for the other."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree of so many leaves; `peaks` are the roots of its whole subtrees, the largest first."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Go on from a tree of *size* leaves. Raises: ValueError, where no tree of that size has so many peaks."""
        self.size = size
        self._peaks = list(peaks)
        if size < 0 or len(self._peaks) != size.bit_count():
            raise ValueError("the peaks are not those of a tree of that size")
        self._tracked: list[list[int]] = [[] for _ in self._peaks]
        self._paths: dict[int, list[bytes]] = {}

    @property
    def peaks(self) -> Sequence[bytes]:
        return tuple(self._peaks)

    @property
    def root(self) -> bytes:
        """The tree's hash; of no leaves, the hash of nothing."""
        return _folded(self._peaks) if self._peaks else hashlib.sha256().digest()

    def add(self, hashed: bytes, *, track: bool = False) -> None:
        """Append a leaf by its hash, and follow its path from now on if *track*."""
        tracked = [self.size] if track else []
        if track:
            self._paths[self.size] = []
        for _ in range((~self.size & (self.size + 1)).bit_length() - 1):  # as many as the size has ones at its end
            left, others = self._peaks.pop(), self._tracked.pop()
            self._extend(others, hashed)
            self._extend(tracked, left)
            hashed, tracked = node_hash(left, hashed), others + tracked
        self._peaks.append(hashed)
        self._tracked.append(tracked)
        self.size += 1

    def paths(self) -> dict[int, list[bytes]]:
        """Return the audit path (section 2.1.1) of each tracked leaf, by its index."""
        found = {}
        for place, tracked in enumerate(self._tracked):
            right, left = self._peaks[place + 1 :], self._peaks[:place]
            rest = ([_folded(right)] if right else []) + left[::-1]
            found.update({index: self._paths[index] + rest for index in tracked})
        return found

    def _extend(self, indices: Iterable[int], hashed: bytes) -> None:
        for index in indices:
            self._paths[index].append(hashed)


def _folded(peaks: Sequence[bytes]) -> bytes:
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def root_of(index: int, size: int, hashed: bytes, path: Sequence[bytes]) -> bytes | None:
    """Return the root that *path* leads to from the leaf, None where no tree of *size* has such a path.

    The algorithm is that of RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    place, last = index, size - 1
    for sibling in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            hashed = node_hash(sibling, hashed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        place, last = place >> 1, last >> 1
    return hashed if last == 0 else None
