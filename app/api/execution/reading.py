"""What an operation reads: collects loaders and columns while a plan is compiled, to be known before it runs."""

from collections import Counter
from collections.abc import Iterable

from app.api.dataloaders.loaders import NOTHING_KNOWN, Loaders, Reading


class ReadingBuilder:
    """What the steps of one plan ask loaders for."""

    def __init__(self) -> None:
        self._columns: dict[str, frozenset[str] | None] = {}
        self._times: Counter[str] = Counter()
        self._is_known = True

    def relation(self, loader: str, columns: frozenset[str] | None) -> None:
        """Note that a relation asks *loader* for these columns, None for all."""
        self._times[loader] += 1
        before = self._columns.get(loader, frozenset())
        self._columns[loader] = None if columns is None or before is None else before | columns | {"id"}

    def code(self, loads: Iterable[str] | None) -> None:
        """Note that code asks these loaders, for all columns; None where it is not known which."""
        if loads is None:
            self._is_known = False
            return
        for loader in loads:
            self.relation(loader, None)

    def reading(self) -> Reading:
        """Return what follows from it: nothing, where something is not known."""
        if not self._is_known:
            return NOTHING_KNOWN
        columns = {
            loader: names for loader, names in self._columns.items() if names is not None and Loaders.has_parts(loader)
        }
        return Reading(columns, frozenset(loader for loader, times in self._times.items() if times == 1))
