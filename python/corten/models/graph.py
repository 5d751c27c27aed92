"""The graph between symbolic inputs and outputs: order, checks, execution and configuration."""

from __future__ import annotations

from collections import Counter
from typing import Any

from corten import tree
from corten.symbolic import KerasTensor, Node, node_of


class Graph:
    """The nodes needed to compute `outputs` from `inputs`, in the order they run.

    Args:
        inputs: A structure of symbolic tensors.
        outputs: A structure of symbolic tensors made from them.
        name: The model's name, for messages.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str) -> None:
        self.inputs = tree.flatten(inputs)
        self.outputs = tree.flatten(outputs)
        for kind, tensors in (("inputs", self.inputs), ("outputs", self.outputs)):
            if not tensors:
                raise ValueError(f"Model {name!r}: `{kind}` argument cannot be empty.")
            for tensor in tensors:
                if not isinstance(tensor, KerasTensor):
                    raise ValueError(
                        f"All `{kind}` values must be KerasTensors. Received: {kind}={tensor!r} of "
                        f"type {type(tensor)}"
                    )
        self._paths = ["/".join(str(part) for part in path) for path, _ in tree.flatten_with_path(outputs)]
        self.nodes = self._sorted_nodes(name)
        self.operations: list[Any] = []
        known: set[int] = set()
        for node in self.nodes:
            if id(node.operation) not in known:
                known.add(id(node.operation))
                self.operations.append(node.operation)
        self._check_names()
        self._plan()

    def _sorted_nodes(self, name: str) -> list[Node]:
        """Return the nodes, parents first; ties in the order of depth, as Keras lists layers."""
        known = {id(tensor) for tensor in self.inputs}
        order: list[Node] = []
        done: set[int] = set()
        # Iterative, because a model may be deeper than Python's recursion limit.
        stack: list[tuple[KerasTensor, bool]] = [(t, False) for t in reversed(self.outputs)]
        pending: set[int] = set()
        while stack:
            tensor, expanded = stack.pop()
            if id(tensor) in known and tensor._keras_history is None:
                continue
            if tensor._keras_history is None:
                raise ValueError(
                    f"Model {name!r}: {tensor!r} was not made by `Input()`, a layer or a function."
                )
            node = node_of(tensor)
            if id(node) in done:
                continue
            if expanded:
                done.add(id(node))
                order.append(node)
                continue
            if id(tensor) in known:
                done.add(id(node))
                order.append(node)
                continue
            if node.is_input:
                raise ValueError(
                    f"`inputs` not connected to `outputs`. Output with path `{self._needing(node)}` is "
                    f"not connected to `inputs`: model {name!r} lacks the input {tensor.name!r}."
                )
            pending.add(id(node))
            stack.append((tensor, True))
            stack.extend((parent, False) for parent in reversed(node.inputs))
        used = {id(node) for node in order}
        for tensor in self.inputs:
            if tensor._keras_history is None:
                continue
            if id(node_of(tensor)) not in used:
                order.append(node_of(tensor))
                used.add(id(node_of(tensor)))
        return self._by_depth(order)

    def _needing(self, start: Node) -> str:
        """Return the path of the first output that is computed from a node."""
        for path, output in zip(self._paths, self.outputs, strict=True):
            stack, seen = [output], set()
            while stack:
                tensor = stack.pop()
                if id(tensor) in seen or tensor._keras_history is None:
                    continue
                seen.add(id(tensor))
                if node_of(tensor) is start:
                    return path
                stack.extend(node_of(tensor).inputs)
        return ""

    def _by_depth(self, order: list[Node]) -> list[Node]:
        depth: dict[int, int] = {}
        starts = {id(node_of(t)) for t in self.inputs if t._keras_history is not None}
        for node in reversed(order):
            depth.setdefault(id(node), 0)
            if id(node) in starts:
                continue
            for parent in node.parents:
                depth[id(parent)] = max(depth.get(id(parent), 0), depth[id(node)] + 1)
        deepest = max(depth.values(), default=0)
        for node_id in starts:
            depth[node_id] = deepest if deepest else depth.get(node_id, 0)
        # `sorted` is stable, so nodes of one depth keep the order of their use.
        position = {id(node): index for index, node in enumerate(order)}
        ordered = sorted(order, key=lambda node: (-depth[id(node)], position[id(node)]))
        inputs = [node_of(t) for t in self.inputs if t._keras_history is not None]
        rank = {id(node): index for index, node in enumerate(inputs)}
        head = sorted((n for n in ordered if id(n) in rank), key=lambda node: rank[id(node)])
        return [*head, *(node for node in ordered if id(node) not in rank)]

    def _check_names(self) -> None:
        for name, count in Counter(operation.name for operation in self.operations).items():
            if count > 1:
                raise ValueError(
                    f'The name "{name}" is used {count} times in the model. All '
                    "operation names should be unique."
                )

    def _plan(self) -> None:
        """Turn the nodes into steps over numbered slots, so that running needs no look-ups."""
        slots: dict[int, int] = {}

        def slot(tensor: KerasTensor) -> int:
            return slots.setdefault(id(tensor), len(slots))

        self.input_slots = [slot(tensor) for tensor in self.inputs]
        starts = set(self.input_slots)
        self.steps: list[tuple[Any, Any, Any, Any]] = []
        for node in self.nodes:
            targets = [slot(tensor) for tensor in node.outputs]
            if node.is_input or all(target in starts for target in targets):
                continue
            single = len(node.args) == 1 and not node.kwargs and isinstance(node.args[0], KerasTensor)
            source: Any = slot(node.args[0]) if single else None
            if not single:
                source = tree.map_structure(
                    lambda leaf: _Slot(slot(leaf)) if isinstance(leaf, KerasTensor) else leaf,
                    (node.args, node.kwargs),
                )
            whole = isinstance(node.output, KerasTensor)
            self.steps.append((node.operation, source, single, targets[0] if whole else targets))
        self.output_slots = [slot(tensor) for tensor in self.outputs]
        self.size = len(slots)

    def run(self, inputs: list[Any], call: Any = None) -> list[Any]:
        """Compute the outputs.

        Args:
            inputs: The values of the inputs.
            call: Called as `call(operation, args, kwargs)` in place of the operation.

        Returns:
            The values of the outputs.
        """
        values: list[Any] = [None] * self.size
        for index, value in zip(self.input_slots, inputs, strict=True):
            values[index] = value
        for operation, source, single, target in self.steps:
            if single:
                value = values[source]
                if value is None:
                    result = None  # An optional input that was left out.
                elif call is None:
                    result = operation(value)
                else:
                    result = call(operation, (value,), {})
            else:
                args, kwargs = tree.map_structure(
                    lambda leaf: values[leaf.index] if leaf.__class__ is _Slot else leaf, source
                )
                result = operation(*args, **kwargs) if call is None else call(operation, args, kwargs)
            if target.__class__ is int:
                values[target] = result
            else:
                flat = [leaf for leaf in tree.flatten(result) if leaf is not None]
                for index, value in zip(target, flat, strict=True):
                    values[index] = value
        return [values[index] for index in self.output_slots]


class _Slot:
    """The place of a tensor in the values of a running graph."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index
