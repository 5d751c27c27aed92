"""Nested structures."""

from collections import OrderedDict, defaultdict, namedtuple

import pytest
from hypothesis import given, strategies as st

from corten import tree

Pair = namedtuple("Pair", "x y")

STRUCTURES = [
    1,
    [],
    [1, (2, [3])],
    {"b": 1, "a": [2, {"c": 3}]},
    Pair(1, [2]),
    OrderedDict([("b", 1), ("a", 2)]),
    (None, 1),
]


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
def test_flatten_and_pack_are_inverse(structure):
    packed = tree.pack_sequence_as(structure, tree.flatten(structure))
    assert packed == structure
    assert type(packed) is type(structure)


def test_dicts_are_walked_by_sorted_key():
    assert tree.flatten({"b": 1, "a": 2}) == [2, 1]
    assert list(tree.map_structure(lambda x: x, {"b": 1, "a": 2})) == ["b", "a"]


def test_default_dict_keeps_its_factory():
    result = tree.map_structure(lambda x: x + 1, defaultdict(list, a=1))
    assert result.default_factory is list
    assert result == {"a": 2}


def test_map_several():
    assert tree.map_structure(lambda a, b: a + b, [1, {"x": 2}], [10, {"x": 20}]) == [11, {"x": 22}]
    with pytest.raises(ValueError, match="lengths"):
        tree.map_structure(lambda a, b: a, [1], [1, 2])
    with pytest.raises(ValueError, match="at least one"):
        tree.map_structure(len)
    with pytest.raises(TypeError, match="callable"):
        tree.map_structure(3, [1])


def test_none_may_be_kept():
    assert tree.map_structure(lambda x: x + 1, [None, 1], none_is_leaf=False) == [None, 2]


def test_same_structure():
    tree.assert_same_structure({"a": [1]}, {"a": [2]})
    with pytest.raises(ValueError, match="keys"):
        tree.assert_same_structure({"a": 1}, {"b": 1})
    with pytest.raises(TypeError, match="types"):
        tree.assert_same_structure([1], (1,))
    tree.assert_same_structure([1], (1,), check_types=False)
    with pytest.raises(ValueError, match="paths"):
        tree.assert_same_paths([1], {"a": 1})


def test_pack_checks_the_number_of_leaves():
    with pytest.raises(ValueError, match="2 leaves"):
        tree.pack_sequence_as([1, 2], [1])
    with pytest.raises(TypeError, match="sequence"):
        tree.pack_sequence_as([1, 2], 3)


def test_traverse():
    seen = []
    tree.traverse(lambda x: seen.append(x), [1, [2]])
    assert seen == [[1, [2]], 1, [2], 2]
    assert tree.traverse(lambda x: tree.MAP_TO_NONE if x == 1 else None, [1, 2]) == [None, 2]
    bottom_up = tree.traverse(lambda x: len(x) if isinstance(x, list) else None, [1, [2]], top_down=False)
    assert bottom_up == 2


def test_shapes():
    assert tree.map_shape_structure(lambda s: (*s, 1), {"a": [2, None]}) == {"a": (2, None, 1)}
    assert tree.is_shape(())
    assert not tree.is_shape([True])


LEAVES = st.one_of(st.none(), st.integers(), st.text(max_size=3))
NESTED = st.recursive(
    LEAVES,
    lambda children: st.one_of(
        st.lists(children, max_size=4),
        st.lists(children, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=3), children, max_size=4),
    ),
    max_leaves=20,
)


@given(NESTED)
def test_any_structure_comes_back(structure):
    leaves = tree.flatten(structure)
    assert tree.pack_sequence_as(structure, leaves) == structure
    assert tree.map_structure(lambda x: x, structure) == structure
    assert [leaf for _, leaf in tree.flatten_with_path(structure)] == leaves
    tree.assert_same_structure(structure, tree.map_structure(lambda x: 0, structure))
