"""ONNX Runtime: inference of the two networks, from array to array, all graph optimizations on."""

import itertools
from collections.abc import Callable
from typing import Any

import onnxruntime

from ..workloads import networks
from . import onnx_file
from .adapter import Adapter


class OnnxRuntime(Adapter):
    """Models are written here, with numbers of a trained network's size."""

    packages = ("onnxruntime",)

    def session(self, x: Any, nodes: list[bytes], constants: dict[str, Any]) -> Callable[[], object]:
        """A call of the model on `x`; its input is `x`, its output `y`."""
        content = onnx_file.model(nodes, constants, ("x", x.shape), ("y", (len(x), networks.CLASSES)))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        feed = {"x": x}
        return lambda: session.run(None, feed)

    def dense(self, source: str, widths: tuple[int, ...]) -> tuple[list[bytes], dict[str, Any]]:
        """Dense layers with relu between them, and softmax into `y`."""
        nodes, constants = [], {}
        for i, (a, b) in enumerate(itertools.pairwise(widths)):
            constants[f"weight{i}"] = self.normal(a, b)
            constants[f"bias{i}"] = self.normal(b)
            nodes.append(onnx_file.node("Gemm", [source, f"weight{i}", f"bias{i}"], f"dense{i}"))
            source = f"dense{i}"
            if i < len(widths) - 2:
                nodes.append(onnx_file.node("Relu", [source], f"active{i}"))
                source = f"active{i}"
        nodes.append(onnx_file.node("Softmax", [source], "y", axis=1))
        return nodes, constants

    def infer_mlp(self, batch: int) -> Callable[[], object]:
        return self.session(self.normal(batch, networks.MLP[0]), *self.dense("x", networks.MLP))

    def infer_cnn(self, batch: int) -> Callable[[], object]:
        nodes, source = [], "x"
        constants: dict[str, Any] = {}
        for i, (a, b) in enumerate(((1, 32), (32, 64), (64, 64))):
            constants[f"filter{i}"], constants[f"offset{i}"] = self.normal(b, a, 3, 3), self.normal(b)
            inputs = [source, f"filter{i}", f"offset{i}"]
            nodes.append(onnx_file.node("Conv", inputs, f"conv{i}", kernel_shape=(3, 3)))
            nodes.append(onnx_file.node("Relu", [f"conv{i}"], f"image{i}"))
            source = f"image{i}"
            if i < 2:
                pool = onnx_file.node("MaxPool", [source], f"pool{i}", kernel_shape=(2, 2), strides=(2, 2))
                nodes.append(pool)
                source = f"pool{i}"
        nodes.append(onnx_file.node("Flatten", [source], "flat"))
        more, weights = self.dense("flat", (576, 64, networks.CLASSES))
        return self.session(self.normal(batch, 1, *networks.IMAGE[:2]), nodes + more, constants | weights)


ADAPTER = OnnxRuntime
