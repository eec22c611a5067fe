"""The parameters of an address: read by a table, each fault found, nothing passed over."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from app.api.pagination import PAGE_MAX
from app.domain.errors import Detail
from app.jsonapi.problems import Finding, ProblemsFound, parameter_finding, quoted
from app.jsonapi.resources import TYPES, ResourceType
from app.jsonapi.selections import Tree, Wanted, tree_of

PARAMETERS_MAX = 50
PATHS_MAX = 50
DEPTH_MAX = 4
VALUES_MAX = 100
"""How many values a list in a filter can have, as in the filters of the schema."""
QUERIES_KEPT = 200
QUERY_LENGTH_KEPT = 300
"""How many query strings an address keeps read, and how long those are, in bytes: few are sent over and over."""

PAGING: Mapping[str, str] = {
    "limit": "limit",
    "starting_after": "starting_after",
    "ending_before": "ending_before",
    "page[size]": "limit",
    "page[after]": "starting_after",
    "page[before]": "ending_before",
}
"""What each parameter of a page means: it has two names, its own and that of the family which JSON:API has for it."""

Reader = Callable[[str], Any]


class Filter(NamedTuple):
    """A filter: where its value goes among the operation's variables, and what reads it.

    `read` raises ValueError with the `Detail` of what would be accepted. `is_list`: values are parted by commas.
    """

    path: Sequence[str]
    read: Reader
    is_list: bool = False
    description: str = ""
    schema: Mapping[str, Any] = {"type": "string"}


class ResourceQuery(NamedTuple):
    """The parameters of one request: what to show, the page, and the filters' values as variables.

    `named`: by which of its names each parameter of the page was sent.
    """

    wanted: Wanted
    page: Mapping[str, Any] = {}
    named: Mapping[str, str] = {}
    variables: Mapping[str, Any] = {}
    with_total: bool = False


class QueryReader:
    """Reads the parameters that one address takes."""

    def __init__(
        self,
        root: str | None,
        filters: Mapping[str, Filter] | None = None,
        *,
        is_paged: bool = False,
        others: Sequence[str] = (),
    ) -> None:
        """Read those of an address whose resources are of the type *root*; None for one that shows none.

        *others* are read elsewhere.
        """
        self._root = None if root is None else TYPES[root]
        self._filters = filters or {}
        self._is_paged = is_paged
        self._others = others
        self._kept = lru_cache(QUERIES_KEPT)(self._read)

    @property
    def names(self) -> list[str]:
        """The names of the parameters, as they are told to who has sent another one."""
        names = [] if self._root is None else ["include", "fields[…]"]
        names += [*PAGING, "with_total"] if self._is_paged else []
        return [*names, *self._others, *(f"filter[{name}]" for name in self._filters)]

    def read(self, raw: bytes) -> ResourceQuery:
        """Return what was asked for, which may be another request's too. Raises: ProblemsFound, with every fault."""
        if not raw:
            return NO_PARAMETERS
        return self._kept(raw) if len(raw) <= QUERY_LENGTH_KEPT else self._read(raw)

    def _read(self, raw: bytes) -> ResourceQuery:
        reading = _Reading()
        for name, value in reading.pairs(raw):
            if not self._read_one(reading, name, value):
                detail = Detail("unknown_parameter", {"name": quoted(name), "known": ", ".join(self.names) or "-"})
                reading.note(name, detail)
        if reading.findings:
            raise ProblemsFound(reading.findings)
        return ResourceQuery(
            Wanted(reading.include, tuple(sorted(reading.fieldsets.items()))),
            reading.page,
            reading.named,
            reading.variables,
            reading.with_total,
        )

    def _read_one(self, reading: "_Reading", name: str, value: str) -> bool:
        """Read one parameter; tell whether it is one of ours."""
        kind, _, member = name.removesuffix("]").partition("[")
        if name == "include" and self._root is not None:
            reading.read_include(self._root, value)
        elif kind == "fields" and name == f"fields[{member}]" and self._root is not None:
            reading.read_fieldset(name, member, value)
        elif name in PAGING and self._is_paged:
            reading.read_page(name, value)
        elif name == "with_total" and self._is_paged:
            reading.read_with_total(value)
        elif kind == "filter" and name == f"filter[{member}]" and member in self._filters:
            reading.read_filter(name, self._filters[member], value)
        else:
            return name in self._others
        return True


@cache
def reader_of(root: str | None, others: Sequence[str] = ()) -> QueryReader:
    """Return the reader of an address that shows one resource of the type *root*, or none, and has no filters."""
    return QueryReader(root, others=others)


class _Reading:
    """What is known of the parameters so far, and what is wrong with them."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.include: Tree | None = None
        self.fieldsets: dict[str, tuple[str, ...]] = {}
        self.page: dict[str, Any] = {}
        self.named: dict[str, str] = {}
        self.variables: dict[str, Any] = {}
        self.with_total = False

    def note(self, name: str, detail: Detail) -> None:
        self.findings.append(parameter_finding(name, detail))

    def pairs(self, raw: bytes) -> Iterator[tuple[str, str]]:
        """Yield each parameter's name and value; one that comes twice is a fault."""
        try:
            text = raw.decode("ascii")
            found = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
        except ValueError:
            raise ProblemsFound([parameter_finding("", Detail("query_string", {"max": PARAMETERS_MAX}))]) from None
        seen = set[str]()
        for name, value in found:
            if name in seen:
                self.note(name, Detail("twice"))
                continue
            seen.add(name)
            yield name, value

    def read_include(self, root: ResourceType, value: str) -> None:
        paths = [path.split(".") for path in value.split(",")] if value else []
        if len(paths) > PATHS_MAX:
            self.note("include", Detail.of_length(len(paths), PATHS_MAX))
            return
        for path in paths:
            self._check_path(root, path)
        if not self.findings:
            self.include = tree_of(paths)

    def _check_path(self, root: ResourceType, path: Sequence[str]) -> None:
        type_ = root
        if len(path) > DEPTH_MAX:
            self.note("include", Detail("include_depth", {"name": quoted(".".join(path)), "maximum": DEPTH_MAX}))
            return
        for name in path:
            if name not in type_.relationships:
                known = ", ".join(type_.relationships) or "-"
                self.note("include", Detail("unknown_include", {"name": quoted(".".join(path)), "known": known}))
                return
            type_ = TYPES[type_.relationships[name].type]

    def read_fieldset(self, parameter: str, type_name: str, value: str) -> None:
        type_ = TYPES.get(type_name)
        if type_ is None:
            self.note(parameter, Detail("one_of", {"found": quoted(type_name), "accepted": ", ".join(TYPES)}))
            return
        names = value.split(",") if value else []
        for name in dict.fromkeys(names):
            if name not in type_.members:
                accepted = ", ".join(type_.members)
                self.note(parameter, Detail("one_of", {"found": quoted(name), "accepted": accepted}))
        self.fieldsets[type_name] = tuple(sorted({name for name in names if name in type_.members}))

    def read_page(self, name: str, value: str) -> None:
        meaning = PAGING[name]
        if meaning in self.named:
            self.note(name, Detail("twice"))
        self.named[meaning] = name
        self.page[meaning] = self._size(name, value) if meaning == "limit" else value

    def _size(self, name: str, value: str) -> int:
        number = int(value) if value.isascii() and value.isdecimal() and len(value) <= 9 else 0
        if not 1 <= number <= PAGE_MAX:
            self.note(name, Detail.of_range(1, PAGE_MAX))
        return number

    def read_with_total(self, value: str) -> None:
        try:
            self.with_total = truth(value)
        except ValueError as wrong:
            self.note("with_total", wrong.args[0])

    def read_filter(self, parameter: str, filter_: Filter, value: str) -> None:
        values = value.split(",") if filter_.is_list else [value]
        if len(values) > VALUES_MAX:
            self.note(parameter, Detail.of_length(len(values), VALUES_MAX))
            return
        try:
            read = [filter_.read(item) for item in values]
        except ValueError as wrong:
            self.note(parameter, wrong.args[0])
            return
        *above, last = filter_.path
        place = self.variables
        for name in above:
            place = place.setdefault(name, {})
        place[last] = read if filter_.is_list else read[0]


def truth(value: str) -> bool:
    """Return true or false. Raises: ValueError, with what would be accepted."""
    return bool(choice("true", "false")(value) == "true")


def choice(*accepted: str) -> Reader:
    """Return what reads one of these names."""

    def read(value: str) -> str:
        if value not in accepted:
            raise ValueError(Detail("one_of", {"found": quoted(value), "accepted": ", ".join(accepted)}))
        return value

    return read


NO_PARAMETERS = ResourceQuery(Wanted())
