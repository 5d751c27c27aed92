"""Looking at files of weights and changing them."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.saving import array_files, files, integrity, model_state, safetensors
from corten.saving.model_io import read_weights_file
from corten.saving.paths import WEIGHTS_ENDINGS, as_path, existing_path


class KerasFileEditor:
    """A file of weights that can be shown, compared with a model, changed and saved anew.

    It is for weights of a model whose architecture has changed since. The file itself stays as it is until
    `save`.

    Args:
        filepath: A file that a model's `save` or `save_weights` wrote, or Keras: `.keras`, `.corten`,
            `.weights.h5`, `.weights.json`, `.safetensors` or `.npz`.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: The package h5py is missing for a file that needs it (`pip install corten[h5]`).
        ValueError: The file is damaged or of another format.

    Attributes:
        weights_dict: Arrays by name, for the path of each object: `{"layers/dense": {"0": kernel}}`.

    Source: https://keras.io/api/models/model_saving_apis/

    Example:
        >>> import corten, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.weights.safetensors")
        >>> corten.Sequential([corten.Input((2,)), corten.layers.Dense(3)]).save_weights(path)
        >>> editor = KerasFileEditor(path)
        >>> editor.rename_object("dense", "dense_1")
        >>> editor.summary()
        layers/dense_1
            0: (2, 3) float32
            1: (3,) float32
    """

    def __init__(self, filepath: Any) -> None:
        path = existing_path(filepath, WEIGHTS_ENDINGS, "weights")
        self.filepath = filepath
        self.weights_dict: dict[str, dict[str, Any]] = {}
        for name, array in read_weights_file(path)[0].items():
            place, found, key = name.rpartition("vars/")
            if not found:
                raise ValueError(f"{path}: has no weights of a model (found {name!r}).")
            self.weights_dict.setdefault(place.rstrip("/"), {})[key] = array

    # ---- looking -----------------------------------------------------------------------------------

    def summary(self) -> None:
        """Prints the objects with the shapes and dtypes of their weights."""
        for place, weights in self.weights_dict.items():
            print(place or "(model)")
            for name, array in weights.items():
                print(f"    {name}: {tuple(array.shape)} {_dtype(array)}")

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Compares the weights with those of a model and prints what differs.

        Args:
            reference_model: The model; it must be built.

        Returns:
            A dict of `'status'` ('success' or 'error'), `'error_count'` and `'match_count'`, the number of
            weights that are the same in both by place, name and shape.
        """
        wanted: dict[str, dict[str, Any]] = {}
        for name, array in model_state.weights_of(reference_model).items():
            place, _, key = name.rpartition("vars/")
            wanted.setdefault(place.rstrip("/"), {})[key] = array
        # The state of a training is no part of the model's weights.
        given = {
            place: weights
            for place, weights in self.weights_dict.items()
            if not f"{place}/".startswith(model_state.TRAINING_STATE)
        }
        problems = [f"{place or '(model)'}: not in the file" for place in wanted if place not in given]
        problems += [f"{place or '(model)'}: not in the model" for place in given if place not in wanted]
        matches = 0
        for place in wanted.keys() & given.keys():
            ours, theirs = given[place], wanted[place]
            problems += [f"{place}/{name}: not in the file" for name in theirs if name not in ours]
            problems += [f"{place}/{name}: not in the model" for name in ours if name not in theirs]
            for name in ours.keys() & theirs.keys():
                shapes = tuple(ours[name].shape), tuple(theirs[name].shape)
                if shapes[0] == shapes[1]:
                    matches += 1
                else:
                    problems.append(
                        f"{place}/{name}: has shape {shapes[0]} in the file and {shapes[1]} in the model"
                    )
        print("\n".join(sorted(problems)) or "The file fits the model.")
        return {
            "status": "error" if problems else "success",
            "error_count": len(problems),
            "match_count": matches,
        }

    # ---- changing ----------------------------------------------------------------------------------

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Gives an object, and what is inside it, another name at the same place.

        Args:
            object_name: Name or path, such as `"dense_2"` or `"layers/dense_2"`.
            new_name: The new name; a path moves the object.

        Raises:
            ValueError: There is no such object or there are several, or the new name is taken.
        """
        place = self._find(object_name)
        parent = place.rpartition("/")[0]
        target = new_name if "/" in new_name or not parent else f"{parent}/{new_name}"
        if any(_inside(other, target) for other in self.weights_dict):
            raise ValueError(f"rename_object: there is a {target!r} already.")
        self.weights_dict = {
            target + other[len(place) :] if _inside(other, place) else other: weights
            for other, weights in self.weights_dict.items()
        }

    def delete_object(self, object_name: str) -> None:
        """Removes an object and what is inside it.

        Args:
            object_name: Name or path, such as `"dense_2"` or `"layers/dense_2"`.

        Raises:
            ValueError: There is no such object or there are several.
        """
        place = self._find(object_name)
        self.weights_dict = {
            other: weights for other, weights in self.weights_dict.items() if not _inside(other, place)
        }

    def add_object(self, object_path: str, weights: dict[str, Any]) -> None:
        """Adds an object.

        Args:
            object_path: Its path, such as `"layers/dense_2"`.
            weights: Arrays by name, such as `{"0": kernel, "1": bias}`.

        Raises:
            ValueError: There is such an object already, or `weights` is no dict of arrays of numbers.
        """
        place = object_path.strip("/")
        if place in self.weights_dict:
            raise ValueError(f"add_object: there is a {place!r} already; use `add_weights`.")
        self.weights_dict[place] = _checked(weights, "add_object")

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Removes a weight of an object.

        Args:
            object_name: Name or path of the object.
            weight_name: Name of the weight, such as `"0"`.

        Raises:
            ValueError: There is no such object or weight.
        """
        weights = self.weights_dict[self._find(object_name)]
        if weight_name not in weights:
            raise ValueError(
                f"delete_weight: {object_name!r} has no weight {weight_name!r}; it has {sorted(weights)}."
            )
        del weights[weight_name]

    def add_weights(self, object_name: str, weights: dict[str, Any]) -> None:
        """Adds weights to an object.

        Args:
            object_name: Name or path of the object.
            weights: Arrays by name.

        Raises:
            ValueError: There is no such object, or it has a weight of that name.
        """
        own = self.weights_dict[self._find(object_name)]
        taken = sorted(own.keys() & dict(weights).keys())
        if taken:
            raise ValueError(f"add_weights: {object_name!r} has weights named {taken} already.")
        own.update(_checked(weights, "add_weights"))

    # ---- saving ------------------------------------------------------------------------------------

    def save(self, filepath: Any) -> None:
        """Writes the weights to a `.weights.h5` or `.safetensors` file.

        Args:
            filepath: The path.

        Raises:
            ValueError: The name has another ending.
        """
        path = as_path(filepath)
        arrays = {
            f"{place}/vars/{name}".lstrip("/"): array
            for place, weights in self.weights_dict.items()
            for name, array in weights.items()
        }
        if path.suffix == ".safetensors":
            data = integrity.dump_safetensors(arrays, {})
        elif path.name.endswith(".weights.h5"):
            data = array_files.h5_bytes(arrays)
        else:
            raise ValueError(
                "KerasFileEditor: the file name of weights must end in `.weights.h5` or `.safetensors`; got "
                f"{path.name!r}."
            )
        files.write_bytes(path, data)

    def resave_weights(self, filepath: Any) -> None:
        """Does what `save` does."""
        self.save(filepath)

    def _find(self, object_name: str) -> str:
        """The path of an object by its name or path.

        Raises:
            ValueError: There is none, or a name fits several.
        """
        wanted = object_name.strip("/")
        places = {
            "/".join(parts[:count])
            for parts in (place.split("/") for place in self.weights_dict)
            for count in range(1, len(parts) + 1)
        }
        found = [wanted] if wanted in places else sorted(p for p in places if p.rpartition("/")[2] == wanted)
        if len(found) != 1:
            problem = (
                f"several objects have the name {wanted!r}: {found}" if found else f"no object {wanted!r}"
            )
            raise ValueError(f"KerasFileEditor: {problem}; the file has {sorted(self.weights_dict)}.")
        return found[0]


def _inside(place: str, parent: str) -> bool:
    return place == parent or place.startswith(f"{parent}/")


def _dtype(array: Any) -> str:
    return "bfloat16" if isinstance(array, safetensors.Bfloat16) else str(array.dtype)


def _checked(weights: Any, caller: str) -> dict[str, Any]:
    if not isinstance(weights, dict):
        raise ValueError(f"{caller}: weights must be a dict of arrays by name; got {weights!r}.")
    arrays = {str(name): np.asarray(value) for name, value in weights.items()}
    wrong = [name for name, array in arrays.items() if array.dtype.kind not in "biuf"]
    if wrong:
        raise ValueError(f"{caller}: the weights {wrong} are no arrays of numbers.")
    return arrays
