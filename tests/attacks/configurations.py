"""Attacks by the configuration of a model, in each of the files that hold one."""

from __future__ import annotations

import base64
import json
import marshal
from pathlib import Path
from typing import Any

from tests.attacks.models import DENSE, WRITERS, as_bytes, sequential
from tests.attacks.table import attack


def _code() -> str:
    def payload(x: Any) -> Any:
        open("canary", "w").close()
        return x

    return base64.b64encode(marshal.dumps(payload.__code__)).decode()


def layer(
    class_name: Any, config: Any, module: Any = "keras.layers", registered: Any = None
) -> dict[str, Any]:
    """The configuration of a layer."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered}


def function(name: Any, module: str = "builtins") -> dict[str, Any]:
    """The configuration of a function."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def lambda_of(what: Any, **further: Any) -> dict[str, Any]:
    """A Lambda layer of a function."""
    return layer("Lambda", {"name": "l", "function": what, **further})


_LAMBDA = {"class_name": "__lambda__", "config": {"code": _code(), "defaults": None, "closure": None}}
_TOUCH = "touch canary"

#: Models by what is wrong with them.
CONFIGURATIONS: dict[str, Any] = {
    "marshalled code in a Lambda": sequential(lambda_of(_LAMBDA)),
    "marshalled code as Keras 2 wrote it": sequential(
        lambda_of([_code(), None, None], function_type="lambda", module="builtins")
    ),
    "marshalled code as the shape of a Lambda": sequential(
        lambda_of(function("relu", "keras.activations"), output_shape=_LAMBDA)
    ),
    "marshalled code as an activation": sequential(layer("Dense", {"units": 2, "activation": _LAMBDA})),
    "marshalled code as a loss": sequential(DENSE, compile_config={"optimizer": "sgd", "loss": _LAMBDA}),
    "os.system as a layer": sequential(layer("system", {"command": _TOUCH}, "os", "os>system")),
    "os.system as an activation": sequential(
        layer("Dense", {"units": 2, "activation": function("system", "os")})
    ),
    "os.system in a Lambda": sequential(lambda_of(function("system", "os"))),
    "subprocess.Popen as a layer": sequential(layer("Popen", {"args": ["touch", "canary"]}, "subprocess")),
    "subprocess.Popen under the name of a layer": sequential(
        layer("Dense", {"units": 2}, "keras.layers", "subprocess.Popen")
    ),
    "exec in a Lambda": sequential(lambda_of(function("exec"), arguments={"source": "open('canary','w')"})),
    "eval in a Lambda": sequential(lambda_of(function("eval"))),
    "get_file as a layer": sequential(
        layer("get_file", {"origin": "http://127.0.0.1:9/x", "extract": True}, "keras.utils")
    ),
    "get_file in a Lambda": sequential(
        lambda_of(function("get_file", "keras.utils"), arguments={"origin": "http://127.0.0.1:9/x"})
    ),
    "load_model as a layer": sequential(layer("load_model", {"filepath": "x.keras"}, "keras.models")),
    "load_model in a Lambda": sequential(lambda_of(function("load_model", "keras.models"))),
    "save_model in a Lambda": sequential(
        lambda_of(function("save_model", "keras.models"), arguments={"filepath": "canary"})
    ),
    "numpy.load in a Lambda": sequential(lambda_of(function("load", "numpy"))),
    "deserialize in a Lambda": sequential(lambda_of(function("deserialize", "keras.layers"))),
    "a class in a Lambda": sequential(lambda_of(function("Dense", "keras.layers"))),
    "enable_unsafe_deserialization": sequential(
        lambda_of(function("enable_unsafe_deserialization", "keras.config"))
    ),
    "a module of Corten's with more than it shows": sequential(
        layer("Path", {"path": "canary"}, "corten.saving.files")
    ),
    "a callback as a layer": sequential(layer("CSVLogger", {"filename": "canary"}, "keras.callbacks")),
    "a layer of TensorFlow's that reads a folder": sequential(layer("TFSMLayer", {"filepath": "/etc"})),
    "a module of torch's": sequential(layer("TorchModuleWrapper", {"module": "AAAA"})),
    "a vocabulary that is a file": sequential(layer("StringLookup", {"vocabulary": "/etc/passwd"})),
    "a vocabulary that is a file, for texts": sequential(
        layer("TextVectorization", {"vocabulary": "/etc/passwd"})
    ),
    "a vocabulary that is a file, for integers": sequential(
        layer("IntegerLookup", {"vocabulary": "/proc/self/environ"})
    ),
    "a vocabulary that is an address": sequential(
        layer("StringLookup", {"vocabulary": "http://127.0.0.1:9/words"})
    ),
    "a method as a class": sequential(layer("Dense.from_config", {})),
    "a private name": sequential(layer("__class__", {}, "keras.layers")),
    "a class that is a list": sequential(layer(["Dense"], {})),
    "a class that is a dict": sequential(layer({"a": 1}, {})),
    "a configuration that is a text": sequential(layer("Dense", "units")),
    "arguments that there are not": sequential(layer("Dense", {"units": 2, "__class__": "os"})),
    "10**12 units": sequential(layer("Dense", {"units": 10**12})),
    "10**9 units": sequential(layer("Dense", {"units": 10**9})),
    "10**30 units": sequential(layer("Dense", {"units": 10**30})),
    "-1 units": sequential(layer("Dense", {"units": -1})),
    "units that are text": sequential(layer("Dense", {"units": "2"})),
    "an embedding of 10**12": sequential(layer("Embedding", {"input_dim": 10**6, "output_dim": 10**6})),
    "a metric of 10**9 thresholds": sequential(
        DENSE,
        compile_config={
            "optimizer": "sgd",
            "loss": "mse",
            "metrics": [layer("AUC", {"num_thresholds": 10**9}, "keras.metrics")],
        },
    ),
    "an array of 10**12 by the shape": sequential(
        layer("RepeatVector", {"n": 10**12}), layer("Flatten", {}), layer("Dense", {"units": 4})
    ),
    "a name that goes up": sequential(layer("Dense", {"units": 2, "name": "../../canary"})),
    "layers that are no list": {**sequential(), "config": {"name": "s", "layers": 3}},
    "no model": 3,
    "a list": [1, 2],
    "a layer in place of a model": layer("os", {}, "os"),
}


def _operation(name: str, call: Any, target: str = "corten.ops.add") -> dict[str, Any]:
    return {
        "module": "corten.symbolic",
        "class_name": "FunctionOperation",
        "config": {"name": name, "function": target},
        "registered_name": None,
        "name": name,
        "inbound_nodes": [call],
    }


def tensor(name: str, node: int = 0, position: int = 0) -> dict[str, Any]:
    """A reference to what a layer made."""
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, node, position]}}


def functional(*entries: Any, output: str = "a") -> dict[str, Any]:
    """The configuration of a Functional model with the input `x`."""
    start = {**sequential()["config"]["layers"][0], "name": "x", "inbound_nodes": []}
    inner = {
        "name": "f",
        "trainable": True,
        "layers": [start, *entries],
        "input_layers": [["x", 0, 0]],
        "output_layers": [[output, 0, 0]],
    }
    return {"module": "keras", "class_name": "Functional", "config": inner, "registered_name": "Functional"}


def _call(*args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"args": list(args), "kwargs": kwargs}


_X = tensor("x")
CONFIGURATIONS |= {
    "calls in a circle": functional(
        _operation("a", _call(tensor("b"), _X)), _operation("b", _call(tensor("a"), _X))
    ),
    "a call on its own result": functional(_operation("a", _call(tensor("a"), _X))),
    "a call on what there is not": functional(_operation("a", _call(tensor("nowhere"), _X))),
    "a reference that is none": functional(
        _operation("a", _call({"class_name": "__keras_tensor__", "config": {"keras_history": 3}}))
    ),
    "a call without tensors": functional(
        _operation("a", _call([10**6, 10**6]), "corten.ops.ones"),
    ),
    "an endless loop": functional(
        _operation("a", _call(0, 10**15, function("add", "corten.ops"), _X), "corten.ops.fori_loop")
    ),
    "a function that is not one of tensors": functional(
        _operation("a", _call(_X), "corten.symbolic.find_public_function")
    ),
    "a function of another module": functional(_operation("a", _call(_X), "os.system")),
    "a private function": functional(_operation("a", _call(_X), "corten.ops.__loader__")),
    "a function whose name is a number": functional(_operation("a", _call(_X), 5)),  # type: ignore[arg-type]
    "a node that is a number": functional({**_operation("a", 7), "inbound_nodes": [7]}),
    "layers that are texts": functional("x", "y"),
    "an output that is not made": functional(output="nowhere"),
    "many layers that wait for one another": functional(
        *(_operation(f"n{i}", _call(tensor(f"n{i + 1}"), _X)) for i in range(2_500)), output="n0"
    ),
}

#: Text that is no configuration, or no JSON.
TEXTS: dict[str, bytes] = {
    "JSON nested deeply: lists": b"[" * 200_000 + b"]" * 200_000,
    "JSON nested deeply: objects": b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
    "JSON nested less deeply": b'{"class_name":"Sequential","config":' * 400 + b"{}" + b"}" * 400,
    "JSON with a million lists": b"[" + b"[]," * 1_100_000 + b"[]]",
    "an integer of a million digits": b'{"class_name":"Dense","config":{"units":' + b"9" * 1_000_000 + b"}}",
    "a number that is infinite": as_bytes(sequential(layer("Dense", {"units": float("inf")}))),
    "a number that is none": as_bytes(sequential(layer("Dense", {"units": float("nan")}))),
    "a name of ten megabytes": as_bytes(sequential(layer("D" * 10_000_000, {}))),
    "a million layers": as_bytes(sequential())[:-3]
    + b","
    + b",".join([b'{"class_name":"ReLU","config":{}}'] * 600_000)
    + b"]}}",
    "a name twice": b'{"class_name":"Sequential","class_name":"Popen","config":{"layers":[]}}',
    "NUL in a name": as_bytes(sequential(layer("Dense\0", {"units": 2}))),
    "half a pair of surrogates": b'{"class_name":"\\ud800","config":{}}',
    "bytes that are no UTF-8": b'{"class_name":"\xff\xfe","config":{}}',
    "no JSON": b"import os; os.system('touch canary')",
    "nothing": b"",
    "a mark of the byte order": b"\xef\xbb\xbf{}",
}


def _models_with(content: Any, kind: str) -> Any:
    def make(folder: Path) -> Path:
        return WRITERS[kind](folder / f"model.{kind}", content)

    return make


def _text_of(content: Any) -> Any:
    def make(folder: Path) -> Path:
        (folder / "model.json").write_bytes(
            content if isinstance(content, bytes) else json.dumps(content).encode()
        )
        return folder / "model.json"

    return make


# HDF5 keeps attributes below 64 KB by default; those attacks need no HDF5.
_LARGE = 60_000
for _name, _content in {**CONFIGURATIONS, **TEXTS}.items():
    for _kind in WRITERS:
        if _kind != "h5" or 0 < len(as_bytes(_content)) < _LARGE:
            attack(f"{_kind}: {_name}", "model")(_models_with(_content, _kind))
    # Text alone has no size to go by but the machine's.
    if _name != "10**9 units":
        attack(f"json: {_name}", "json")(_text_of(_content))


@attack("corten: a spectrogram, whose shape is found with made-up sizes", "model")
def _spectrogram(folder: Path) -> Path:
    spectrogram = {"sequence_length": 16, "sequence_stride": 1, "fft_length": 4096, "num_mel_bins": 4}
    rates = {"sampling_rate": 100, "min_freq": 1, "max_freq": 50}
    return WRITERS["corten"](
        folder / "model.corten", sequential(layer("MelSpectrogram", spectrogram | rates))
    )


_BILLION = 10**9
_AS_SEQUENCE = layer("Reshape", {"target_shape": [4, 1]})
for _label, _layers in {
    "an adaptive average": [_AS_SEQUENCE, layer("AdaptiveAveragePooling1D", {"output_size": _BILLION})],
    "an adaptive maximum": [_AS_SEQUENCE, layer("AdaptiveMaxPooling1D", {"output_size": _BILLION})],
    "classes": [layer("CategoryEncoding", {"num_tokens": _BILLION, "output_mode": "one_hot"})],
    "features with one mean": [
        _AS_SEQUENCE,
        layer("ZeroPadding1D", {"padding": _BILLION}),
        layer("Normalization", {"axis": 1, "mean": 0.0, "variance": 1.0}),
    ],
    "frequencies": [layer("MelSpectrogram", {"fft_length": _BILLION, "sampling_rate": 10**4})],
    "triangles": [layer("MelSpectrogram", {"fft_length": 16, "num_mel_bins": _BILLION})],
    "unknown terms": [layer("IntegerLookup", {"num_oov_indices": _BILLION, "vocabulary": [1, 2]})],
}.items():

    def _billion(folder: Path, parts: Any = _layers) -> Path:
        return WRITERS["corten"](folder / "model.corten", sequential(*parts))

    attack(f"corten: a billion of {_label}", "model")(_billion)


@attack("corten: an orthogonal matrix of 3000 rows", "model")
def _orthogonal(folder: Path) -> Path:
    cells = layer("ConvLSTM1D", {"filters": 1000, "kernel_size": 3})
    return WRITERS["corten"](
        folder / "model.corten", sequential(layer("Reshape", {"target_shape": [2, 2, 1]}), cells)
    )
