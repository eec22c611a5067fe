"""Finds queries that read the account's log in its one order: what can still come in between, the primary alone knows.

A standby knows of no transaction under way of which database it is, and would show less than the primary has shown.
Of a row that somebody has a receipt of it would say that it is gone, where it has not come yet.
"""

from collections.abc import Iterator, Mapping

from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, FragmentSpreadNode, SelectionSetNode

from app.api.execution.operations import PreparedOperation, operations_of

FIELDS = frozenset({"actions", "policyReplay", "verifyReceipt"})
"""The fields of `Query` that do."""


def reads_log_order(prepared: PreparedOperation) -> bool:
    """Tell it of a valid query; its document is looked at once, where it is kept."""
    document, name = prepared.document, prepared.name
    assert document is not None
    known = None if prepared.cached is None else prepared.cached.log_order
    if known is None:
        return _reads(document, name)
    found = known.get(name)
    if found is None:
        found = known[name] = _reads(document, name)
    return found


def _reads(document: DocumentNode, name: str | None) -> bool:
    operations = operations_of(document)
    operation = next((node for node in operations if node.name and node.name.value == name), operations[0])
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    return not FIELDS.isdisjoint(_root_fields(operation.selection_set, fragments))


def _root_fields(selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[str]:
    """Yield the names of the fields of an operation's root, whatever its directives leave of them."""
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            yield selection.name.value
        elif isinstance(selection, FragmentSpreadNode):
            yield from _root_fields(fragments[selection.name.value].selection_set, fragments)
        else:
            yield from _root_fields(selection.selection_set, fragments)  # type: ignore[attr-defined]
