"""Calls a field's resolver from a plan, as strawberry does, with what is known of the call put together once."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    Undefined,
    VariableNode,
    get_argument_values,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from strawberry import Schema
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from app.api.execution.completion import Column, PlanRun, settled
from app.api.execution.mutation_results import record
from app.api.execution.object_writers import Declined
from app.api.execution.variable_coercion import converting

NOTHING_GIVEN = VariableValues({}, {})


@dataclass(frozen=True, slots=True)
class CallSite:
    """Where a field is called: its nodes in a document, and the field of the schema that they name."""

    schema: Schema
    core: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    type: GraphQLObjectType
    field: GraphQLField
    definition: StrawberryField
    nodes: list[FieldNode]


class Call:
    """A field's code for all objects. Raises: Declined, where strawberry would do more than is known here."""

    def __init__(self, site: CallSite) -> None:
        self._site = site
        self._before, self._after = _arguments_around(site)
        self._arguments = _Arguments(site)
        self._code = _code(site)
        self._known: dict[str, object] = {}

    async def each(self, sources: Column, run: PlanRun) -> Column:
        """Call the resolver for each object."""
        info, arguments = self._info(run), self._arguments.of(run)
        values = [self._code(source, info, **arguments) for source in sources]
        if values and inspect.isawaitable(values[0]):
            return [await values[0]] if len(values) == 1 else await settled(values)
        return values

    async def all(self, batch: Callable[..., Any], sources: Column, run: PlanRun) -> Column:
        """Call the field's batch function once."""
        found = batch(sources, self._info(run), **self._arguments.of(run))
        return list(await found) if inspect.isawaitable(found) else list(found)

    def _info(self, run: PlanRun) -> object:
        site = self._site
        reported = *self._before, run.variables, run.context, *self._after
        raw: GraphQLResolveInfo[Any] = GraphQLResolveInfo(*reported)
        info: Any = site.schema.config.info_class(_raw_info=raw, _field=site.definition)
        info.known = self._known
        return info


def _arguments_around(site: CallSite) -> tuple[Any, Any]:
    """Return what `GraphQLResolveInfo` tells that is known beforehand: before the variables, and after the context."""
    path = Path(None, _response_name(site), site.type.name)
    where = site.nodes[0].name.value, site.nodes, site.field.type, site.type, path
    return (*where, site.core, site.fragments, None, site.operation), (inspect.isawaitable, None, None)


def _response_name(site: CallSite) -> str:
    node = site.nodes[0]
    return node.alias.value if node.alias else node.name.value


def _code(site: CallSite) -> Callable[..., Any]:
    """Return what calls the field's resolver, and notes how a mutation ended."""
    code = _through_extension(site.definition)
    return partial(record, code, _response_name(site)) if site.type is site.core.mutation_type else code


def _through_extension(field: StrawberryField) -> Callable[..., Any]:
    """Return what calls the field's resolver, through its extension, with an object, `info` and its arguments."""
    resolver = field.base_resolver
    if resolver is None or len(field.extensions) > 1:
        raise Declined
    function: Any = resolver.wrapped_func  # to call the resolver is to look each time whether this can be called
    takes_self = resolver.self_parameter is not None
    of_object = resolver.parent_parameter or resolver.root_parameter
    of_info = resolver.info_parameter

    def call(source: Any, info: Any, **arguments: Any) -> Any:
        if of_object is not None:
            arguments[of_object.name] = source
        if of_info is not None:
            arguments[of_info.name] = info
        return function(source, **arguments) if takes_self else function(**arguments)

    for extension in field.extensions:
        return partial(extension.resolve_async, call)
    return call


# --- Arguments -------------------------------------------------------------------------------------------------------


class _Arguments:
    """A field's arguments: what the document says is converted once, and plain variables are only looked up."""

    def __init__(self, site: CallSite) -> None:
        self._site = site
        nodes: Sequence[ArgumentNode] = site.nodes[0].arguments or ()
        varying = {node.name.value: node for node in nodes if _has_variable(node.value)}
        self._plain = [_Given.of(site, node) for node in varying.values()]
        self._are_plain = None not in self._plain
        self._fixed: Mapping[str, object] = {}
        if self._are_plain:
            said = {name: argument for name, argument in site.field.args.items() if name not in varying}
            field = GraphQLField(site.field.type, said)
            try:
                self._fixed = self._converted(get_argument_values(field, site.nodes[0], NOTHING_GIVEN))
            except GraphQLError:  # it is raised again where it can be told
                self._are_plain = False

    def of(self, run: PlanRun) -> Mapping[str, Any]:
        """Return the arguments by their names in Python. Raises: GraphQLError, for one that can't be."""
        if not self._are_plain:
            return self._converted(get_argument_values(self._site.field, self._site.nodes[0], run.variables))
        if not self._plain:
            return self._fixed
        found, coerced = dict(self._fixed), run.variables.coerced
        for item in self._plain:
            assert item is not None
            if item.variable in coerced:
                found[item.name] = item.convert(coerced[item.variable])
            if item.is_required and found.get(item.name) is None:
                raise Declined
        return found

    def _converted(self, values: dict[str, object]) -> dict[str, object]:
        schema = self._site.schema
        return convert_arguments(
            values,
            self._site.definition.arguments,
            scalar_registry=schema.schema_converter.scalar_registry,
            config=schema.config,
        )


@dataclass(frozen=True, slots=True)
class _Given:
    """An argument, by its name in Python, that is a variable of a plain type."""

    name: str
    variable: str
    convert: Callable[[object], object]
    is_required: bool

    @classmethod
    def of(cls, site: CallSite, node: ArgumentNode) -> "_Given | None":
        name, value = node.name.value, node.value
        argument: GraphQLArgument = site.field.args[name]
        has_default = argument.default_value is not Undefined or argument.default is not None
        convert = converting(argument.type)
        if not isinstance(value, VariableNode) or has_default or convert is None:
            return None
        names = {site.schema.config.name_converter.from_argument(item): item for item in site.definition.arguments}
        return cls(names[name].python_name, value.name.value, convert, isinstance(argument.type, GraphQLNonNull))


def _has_variable(value: object) -> bool:
    return isinstance(value, VariableNode) or any(map(_has_variable, _inside(value)))


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, ListValueNode):
        yield from value.values
    elif isinstance(value, ObjectValueNode):
        yield from (field.value for field in value.fields)
