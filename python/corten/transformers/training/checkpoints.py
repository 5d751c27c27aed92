"""The folders of checkpoints: written as a whole, read back to go on with the same bits."""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from corten.saving import atomic
from corten.training.checkpoint.encoding import decode, encode
from corten.training.checkpoint.files import DamagedError, dump_checkpoint, read_checkpoint
from corten.training.checkpoint.state import ModelState
from corten.transformers.lora.adapters import adapters_of
from corten.transformers.lora.files import assign_adapters
from corten.transformers.modeling import PreTrainedModel
from corten.transformers.pretrained_files import assign_weights, read_weights, write_folder
from corten.transformers.trainer_utils import checkpoints_in
from corten.transformers.weight_names import named_weights

#: What training needs to go on, besides the weights of the model.
TRAINING_STATE = "training_state.safetensors"
TRAINER_STATE = "trainer_state.json"
TRAINING_ARGUMENTS = "training_args.json"
#: Weights of models that have no format of their own.
PLAIN_WEIGHTS = "model.safetensors"


def is_pretrained(model: Any) -> bool:
    """Whether a model has Hugging Face's files."""
    return hasattr(model, "save_pretrained")


def save_weights(model: Any, folder: Path, apart: bool = False) -> None:
    """Writes a model: as Hugging Face does if it is one of theirs, else its weights alone.

    Args:
        model: The model.
        folder: The folder.
        apart: Whether matrices of `layer.enable_lora` are to lie beside the weights, for training to go on.
    """
    if apart and isinstance(model, PreTrainedModel) and adapters_of(model) is None:
        write_folder(model, folder, adapters_apart=True)
    elif is_pretrained(model):
        model.save_pretrained(folder)
    else:
        model.save_weights(folder / PLAIN_WEIGHTS)


def load_weights(model: Any, folder: Path) -> None:
    """Reads the weights that `save_weights` wrote into a model.

    Raises:
        OSError: There are none.
        ValueError: They are of another model.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"Trainer: there is no checkpoint folder {str(folder)!r}")
    if not is_pretrained(model):
        model.load_weights(folder / PLAIN_WEIGHTS)
        return
    if adapters_of(model) is not None:
        assign_adapters(model, folder)
        return
    arrays, source = read_weights(folder, {"local_files_only": True})
    found = assign_weights(model, arrays, source)
    if found["missing_keys"]:
        raise ValueError(
            f"Trainer: the checkpoint {source} lacks weights of the model: {found['missing_keys'][:4]}"
        )


def load_rest(model: Any, folder: Path) -> None:
    """Sets weights that the model's own files have no place for, such as those of `layer.enable_lora`.

    Raises:
        FileNotFoundError: There are such weights, but the checkpoint was saved without them.
    """
    rest = _not_in_weights(model)
    if not any(variable.trainable and _is_weight(variable) for variable in rest):
        return
    if not is_pretrained(model) and not (folder / TRAINING_STATE).is_file():
        return  # The file of the weights has the sum of weights and products.
    state, arrays = read_training(folder)
    for variable, value in zip(rest, decode(state["rest"], arrays), strict=True):
        if _is_weight(variable):
            variable.assign(value)


def _is_weight(variable: Any) -> bool:
    return "float" in variable._dtype


def _not_in_weights(model: Any) -> list[Any]:
    """The variables of a model that its files do not hold: random states, and what is not a weight."""
    adapters = adapters_of(model)
    if adapters is not None:
        held = {id(variable) for variable in (*adapters.variables(), *adapters.saved_variables())}
        held |= {id(variable) for variable in model.non_trainable_weights}
    elif is_pretrained(model):
        held = {id(weight.variable) for weight in named_weights(model)}
    else:
        # Of `layer.enable_lora` the file has the sum, from which the parts cannot be told.
        summed = [layer for layer in model._flatten_layers() if getattr(layer, "lora_enabled", False)]
        parts = {id(one) for layer in summed for one in layer._own_variables(seeds=False)}
        held = {id(variable) for variable in model.weights} - parts
    return [variable for variable in model.variables if id(variable) not in held]


def digests_of_frozen(model: Any) -> dict[str, str] | None:
    """Gives short hashes of the weights that adapters are trained beside, by name.

    A checkpoint of adapters does not hold those weights; None for a model without adapters.
    """
    if adapters_of(model) is None:
        return None
    return {
        weight.name: hashlib.blake2b(np.ascontiguousarray(weight.to_file()).data, digest_size=8).hexdigest()
        for weight in named_weights(model)
        if not weight.variable.trainable
    }


def check_frozen(model: Any, digests: dict[str, str] | None) -> None:
    """Refuses to go on beside other weights than those of a checkpoint.

    Raises:
        ValueError: Weights that are not in the checkpoint differ.
    """
    if digests is None:
        return
    now = digests_of_frozen(model) or {}
    differing = [name for name, digest in digests.items() if now.get(name) != digest]
    if differing:
        raise ValueError(
            f"Trainer: the checkpoint holds adapters that were trained beside other weights: {differing[0]!r}"
            f"{f' and {len(differing) - 1} more' if len(differing) > 1 else ''} differ. Load the same model; "
            "weights that begin at random belong into modules_to_save."
        )


def dump_training(model: Any, running: dict[str, Any]) -> bytes:
    """Gives what training needs to go on, besides the weights.

    Args:
        model: The model in training.
        running: Numbers, text, arrays, and lists and dicts of them.
    """
    arrays: dict[str, Any] = {}
    state = {"model": ModelState(model).get(arrays, frozenset({"model"}))}
    rest = [variable.numpy() for variable in _not_in_weights(model)]
    state.update(encode({"rest": rest, **running}, arrays, "running"))
    return dump_checkpoint(state, arrays)


def read_training(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reads what `dump_training` gave from a checkpoint folder.

    Raises:
        FileNotFoundError: It is not there.
        ValueError: It is damaged.
    """
    path = folder / TRAINING_STATE
    if not folder.is_dir():
        raise FileNotFoundError(f"Trainer: there is no checkpoint folder {str(folder)!r} to go on from")
    if not path.is_file():
        raise FileNotFoundError(
            f"Trainer: {str(folder)!r} has no {TRAINING_STATE}, so that training cannot go on from it: it "
            "was written with save_only_model=True or by another library. Its weights can be loaded with "
            "from_pretrained."
        )
    state, arrays = read_checkpoint(path)
    if "trainer" not in state or "rest" not in state:
        raise ValueError(f"Trainer: {str(path)!r} is the state of another kind of training")
    return state, arrays


def restore_training(model: Any, state: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Sets the state of a compiled model, whose weights are set already."""
    holder = ModelState(model)
    holder.build(state["model"])
    holder.set(state["model"], arrays)
    variables, values = _not_in_weights(model), decode(state["rest"], arrays)
    if len(values) != len(variables):
        raise ValueError(
            f"Trainer: the checkpoint is of another model: it has {len(values)} random states and the like, "
            f"the model has {len(variables)}"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def newest_whole(output_dir: Path) -> Path | None:
    """Gives the newest checkpoint of a folder that can be gone on from; None where there is none.

    Raises:
        ValueError: All of them are damaged.
    """
    damaged: list[str] = []
    for folder in reversed(checkpoints_in(output_dir)):
        try:
            read_training(folder)
        except DamagedError as error:
            damaged.append(str(error))
            continue
        except FileNotFoundError:
            continue
        if damaged:
            warnings.warn(
                f"Trainer: the newest checkpoint is damaged ({damaged[0]}); training goes on from "
                f"{folder.name!r}, which was written before it.",
                stacklevel=3,
            )
        return folder
    if damaged:
        raise ValueError(f"Trainer: all checkpoints in {str(output_dir)!r} are damaged ({damaged[0]})")
    return None


def remove_old(output_dir: Path, keep: int, best: str | None, newest: Path) -> None:
    """Removes checkpoints before the last `keep`; the best one stays, and counts."""
    found = checkpoints_in(output_dir)
    spared = {os.path.realpath(newest)}
    if best is not None:
        spared.add(os.path.realpath(best))
    surplus = len(found) - max(keep, len(spared))
    for folder in found:
        if surplus <= 0:
            return
        if os.path.realpath(folder) not in spared:
            # Renamed first: what is half removed is no checkpoint.
            aside = folder.with_name(f".{folder.name}.removed")
            os.replace(folder, aside)
            atomic.remove_tree(aside)
            surplus -= 1
