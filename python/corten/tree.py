"""Nested structures of lists, tuples, named tuples and dicts, under the names of `keras.tree`.

Dicts are walked in the order of their sorted keys, so that two dicts with the same keys match
whatever order they were filled in. None is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_ATOMS = (int, float, str, bool, type(None), complex, bytes)


class _MapToNone:
    """What a function given to `traverse` returns to put None in the place of a node."""

    def __repr__(self) -> str:
        return "MAP_TO_NONE"


MAP_TO_NONE = _MapToNone()


def is_nested(structure: Any) -> bool:
    """Return whether `structure` is a container.

    Example:
        >>> from corten import tree
        >>> tree.is_nested([1]), tree.is_nested(1)
        (True, False)
    """
    return isinstance(structure, (list, tuple, dict))


def _keys(structure: dict[Any, Any]) -> list[Any]:
    if isinstance(structure, OrderedDict):
        return list(structure)
    try:
        return sorted(structure)
    except TypeError:
        # Keys of several types: any fixed order will do.
        return sorted(structure, key=lambda key: (type(key).__name__, str(key)))


def _children(structure: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(structure, dict):
        return [(key, structure[key]) for key in _keys(structure)]
    return enumerate(structure)


def _rebuild(structure: Any, values: list[Any]) -> Any:
    """Return a container like `structure` with other children, given in walking order."""
    cls = structure.__class__
    if isinstance(structure, dict):
        by_key = dict(zip(_keys(structure), values, strict=True))
        pairs = [(key, by_key[key]) for key in structure]
        if isinstance(structure, defaultdict):
            return defaultdict(structure.default_factory, pairs)
        return dict(pairs) if cls is dict else cls(pairs)
    if isinstance(structure, tuple):
        if hasattr(structure, "_fields"):
            return cls(*values)
        return tuple(values)
    return values if cls is list else cls(values)


def flatten(structure: Any) -> list[Any]:
    """Return the leaves as a list.

    Example:
        >>> from corten import tree
        >>> tree.flatten({"b": 2, "a": [1, (0, None)]})
        [1, 0, None, 2]
    """
    if not isinstance(structure, (list, tuple, dict)):
        return [structure]
    leaves: list[Any] = []
    _flatten_into(structure, leaves)
    return leaves


def _flatten_into(structure: Any, leaves: list[Any]) -> None:
    children: Iterable[Any]
    children = [structure[key] for key in _keys(structure)] if isinstance(structure, dict) else structure
    for child in children:
        if isinstance(child, (list, tuple, dict)):
            _flatten_into(child, leaves)
        else:
            leaves.append(child)


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Return pairs of a path and a leaf.

    Example:
        >>> from corten import tree
        >>> tree.flatten_with_path({"a": [1, 2]})
        [(('a', 0), 1), (('a', 1), 2)]
    """

    def walk(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        if not is_nested(node):
            yield path, node
            return
        for key, child in _children(node):
            yield from walk(child, (*path, key))

    return list(walk(structure, ()))


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Apply a function to the leaves and return a structure of the same form.

    Args:
        func: Called with one leaf of each structure.
        *structures: One or more structures of the same form.
        none_is_leaf: False keeps None as it is, without a call.

    Example:
        >>> from corten import tree
        >>> tree.map_structure(lambda x: x + 1, {"a": 1, "b": [2, 3]})
        {'a': 2, 'b': [3, 4]}
    """
    if not structures:
        raise ValueError("map_structure: expected at least one structure; got none.")
    if not callable(func):
        raise TypeError(f"map_structure: `func` must be callable; got {func!r}.")
    first = structures[0]
    if len(structures) == 1:
        return _map_one(func, first, none_is_leaf)
    for other in structures[1:]:
        assert_same_structure(first, other)
    return map_structure_up_to(first, func, *structures)


def _map_one(func: Callable[..., Any], node: Any, none_is_leaf: bool) -> Any:
    if isinstance(node, (list, tuple, dict)):
        return _rebuild(node, [_map_one(func, child, none_is_leaf) for _, child in _children(node)])
    if node is None and not none_is_leaf:
        return None
    return func(node)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function to the sub-structures that stand where `shallow_structure` has leaves.

    Example:
        >>> from corten import tree
        >>> tree.map_structure_up_to([0, 0], len, [[1, 2], [3]])
        [2, 1]
    """
    if not structures:
        raise ValueError("map_structure_up_to: expected at least one structure; got none.")

    def walk(shallow: Any, *nodes: Any) -> Any:
        if not is_nested(shallow):
            return func(*nodes)
        for node in nodes:
            _check_same_form(shallow, node)
        values = []
        for key, child in _children(shallow):
            values.append(walk(child, *[node[key] for node in nodes]))
        return _rebuild(shallow, values)

    return walk(shallow_structure, *structures)


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}" if is_nested(value) else "no structure"


def _check_same_form(a: Any, b: Any, check_types: bool = False) -> None:
    if is_nested(a) != is_nested(b) or isinstance(a, dict) != isinstance(b, dict):
        raise ValueError(
            f"tree: the two structures differ; expected {_kind(a)} and got {_kind(b)}: {a!r} and {b!r}."
        )
    if check_types and is_nested(a) and type(a) is not type(b):
        raise TypeError(
            f"tree: the two structures have different types; got {type(a).__name__} and {type(b).__name__}."
        )
    if isinstance(a, dict):
        if set(a) != set(b):
            raise ValueError(f"tree: the two structures have different keys; got {_keys(a)} and {_keys(b)}.")
    elif is_nested(a) and len(a) != len(b):
        raise ValueError(f"tree: the two structures have different lengths; got {len(a)} and {len(b)}.")


def assert_same_structure(a: Any, b: Any, check_types: bool = True) -> None:
    """Raise unless two structures have the same form.

    Args:
        a: A structure.
        b: Another structure.
        check_types: Whether the containers must have the same types.

    Raises:
        ValueError: The forms differ.
        TypeError: Only the containers' types differ and `check_types` is set.

    Example:
        >>> from corten import tree
        >>> tree.assert_same_structure([1, (2,)], ["x", ("y",)])
    """
    _check_same_form(a, b, check_types)
    if is_nested(a):
        for key, child in _children(a):
            assert_same_structure(child, b[key], check_types)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise ValueError unless the leaves of two structures have the same paths.

    Example:
        >>> from corten import tree
        >>> tree.assert_same_paths([1, 2], (3, 4))
    """
    paths = [{path for path, _ in flatten_with_path(node)} for node in (a, b)]
    if paths[0] != paths[1]:
        difference = sorted(paths[0] ^ paths[1], key=str)
        raise ValueError(f"tree: the two structures differ at the paths {difference}.")


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Put leaves into the form of `structure`; the inverse of `flatten`.

    Example:
        >>> from corten import tree
        >>> tree.pack_sequence_as({"a": 0, "b": [0, 0]}, [1, 2, 3])
        {'a': 1, 'b': [2, 3]}
    """
    if isinstance(flat_sequence, (str, bytes)) or not isinstance(flat_sequence, Iterable):
        raise TypeError(f"pack_sequence_as: expected a sequence of leaves; got {flat_sequence!r}.")
    values = list(flat_sequence)
    expected = len(flatten(structure))
    if expected != len(values):
        raise ValueError(f"pack_sequence_as: the structure has {expected} leaves; got {len(values)} values.")
    leaves = iter(values)
    return _map_one(lambda _: next(leaves), structure, True)


def lists_to_tuples(structure: Any) -> Any:
    """Turn every list into a tuple.

    Example:
        >>> from corten import tree
        >>> tree.lists_to_tuples([1, [2, {"a": [3]}]])
        (1, (2, {'a': (3,)}))
    """
    if isinstance(structure, list):
        return tuple(lists_to_tuples(child) for child in structure)
    if is_nested(structure):
        return _rebuild(structure, [lists_to_tuples(child) for _, child in _children(structure)])
    return structure


def is_shape(value: Any) -> bool:
    """Return whether `value` is a shape: a list or tuple of ints and None.

    Example:
        >>> from corten import tree
        >>> tree.is_shape((None, 3)), tree.is_shape([(2, 3)])
        (True, False)
    """
    return isinstance(value, (list, tuple)) and all(
        size is None
        or (isinstance(size, int) and not isinstance(size, bool))
        or type(size).__name__.startswith(("int", "uint"))
        for size in value
    )


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Apply a function to the shapes in a structure.

    Example:
        >>> from corten import tree
        >>> tree.map_shape_structure(len, {"a": (None, 3), "b": [(2,), ()]})
        {'a': 2, 'b': [1, 0]}
    """
    if is_shape(structure):
        return func(tuple(structure))
    if is_nested(structure):
        children = [map_shape_structure(func, child) for _, child in _children(structure)]
        return _rebuild(structure, children)
    if structure is None or isinstance(structure, _ATOMS):
        raise ValueError(f"map_shape_structure: expected shapes (tuples of int or None); got {structure!r}.")
    return func(tuple(structure))


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Call a function on every node, containers too, and rebuild the structure.

    Args:
        func: Called with each node. None means "keep (and descend into) this node",
            `MAP_TO_NONE` puts None there, anything else takes the node's place.
        structure: The structure.
        top_down: Whether a container is visited before its children.

    Example:
        >>> from corten import tree
        >>> tree.traverse(lambda x: x * 10 if isinstance(x, int) else None, [1, [2]])
        [10, [20]]
    """

    def replace(node: Any) -> tuple[bool, Any]:
        result = func(node)
        if result is None:
            return False, node
        return True, None if result is MAP_TO_NONE else result

    def walk(node: Any) -> Any:
        if top_down:
            replaced, node_or_result = replace(node)
            if replaced or not is_nested(node):
                return node_or_result
            return _rebuild(node, [walk(child) for _, child in _children(node)])
        if is_nested(node):
            node = _rebuild(node, [walk(child) for _, child in _children(node)])
        return replace(node)[1]

    return walk(structure)
