"""Reading reference values, and models made from them."""

import json
from pathlib import Path

import numpy as np

import corten
from corten import transformers
from corten.transformers.pretrained_files import assign_weights
from corten.transformers.weight_names import named_weights

FOLDER = Path(__file__).parent / "reference_values"


def reference(name):
    """The values of a case by kind: config, input, output, weight, gradient."""
    found = {"input": {}, "output": {}, "weight": {}, "gradient": {}}
    with np.load(FOLDER / f"{name}.npz") as stored:
        for key in stored.files:
            kind, _, rest = key.partition(":")
            if kind == "config":
                found["config"] = json.loads(str(stored[key]))
            else:
                found[kind][rest] = stored[key]
    return found


def model_of(class_name, values):
    cls = getattr(transformers, class_name)
    model = cls(cls.config_class.from_dict(values["config"]))
    info = assign_weights(model, values["weight"], "reference values")
    assert info == {"missing_keys": [], "unexpected_keys": [], "mismatched_keys": []}
    return model


def relative_error(found, wanted):
    wanted = np.asarray(wanted, np.float64)
    return float(np.abs(np.asarray(found) - wanted).max() / max(np.abs(wanted).max(), 1e-30))


def check_case(name, class_name=None, tolerance=1e-5):
    """Outputs, loss and all gradients are those of the reference, relative to the largest of each array."""
    values = reference(name)
    model = model_of(class_name or values["config"]["architectures"][0], values)
    weights = named_weights(model)
    with corten.GradientTape() as tape:
        output = model(values["input"], training=False)
        loss = output.loss
    gradients = tape.gradient(loss, [weight.variable for weight in weights])
    errors = {
        f"output {key}": relative_error(output[key], wanted) for key, wanted in values["output"].items()
    }
    largest = max(np.abs(gradient).max() for gradient in values["gradient"].values())
    for weight, gradient in zip(weights, gradients, strict=True):
        wanted = values["gradient"][weight.name]
        found = gradient.numpy().T if weight.transposed else gradient.numpy()
        # What has no influence (a key's bias) has a gradient of nothing but rounding.
        scale = np.abs(wanted).max() if np.abs(wanted).max() > 1e-6 * largest else largest
        errors[f"gradient {weight.name}"] = float(np.abs(found - wanted).max() / scale)
    worst = max(errors, key=errors.__getitem__)
    assert errors[worst] <= tolerance, (worst, errors[worst])
    assert len(values["gradient"]) == len(weights)
    return model, values
