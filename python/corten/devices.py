"""The devices of this machine, the one that new tensors are made on, and how they are doing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from corten import _core, memory


@dataclass(frozen=True)
class PhysicalDevice:
    """A device of this machine.

    Attributes:
        name: What `corten.device` takes: `'cpu'`, `'gpu:0'`.
        device_type: `'CPU'` or `'GPU'`.
        description: What the hardware calls itself.

    Example:
        >>> import corten
        >>> corten.config.list_physical_devices("CPU")[0].name
        'cpu'
    """

    name: str
    device_type: str
    description: str = ""


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """List the devices that Corten can compute on here.

    A GPU that cannot be used is not in the list; `corten info` on the command line says why. A build without
    the GPU backend knows the CPU only.

    Args:
        device_type: `'CPU'` or `'GPU'`; None for both.

    Returns:
        The devices, the CPU first.

    Example:
        >>> import corten
        >>> [device.device_type for device in corten.config.list_physical_devices("CPU")]
        ['CPU']
    """
    devices = [PhysicalDevice("cpu", "CPU", _core.cpu_features()["isa"])]
    if device_type is None or device_type.upper() == "GPU":
        usable = [adapter for adapter in _core.adapters() if adapter["refusal"] is None]
        devices += [
            PhysicalDevice(f"gpu:{index}", "GPU", adapter["name"]) for index, adapter in enumerate(usable)
        ]
    return [one for one in devices if device_type is None or one.device_type == device_type.upper()]


def list_logical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """List the devices as `list_physical_devices` does: each is one device to programs.

    Args:
        device_type: `'CPU'` or `'GPU'`; None for both.

    Example:
        >>> import corten
        >>> corten.config.list_logical_devices("CPU")[0].name
        'cpu'
    """
    return list_physical_devices(device_type)


def get_default_device() -> str:
    """Return where new tensors are made outside of any `corten.device` scope.

    Example:
        >>> import corten
        >>> corten.config.get_default_device()
        'cpu'
    """
    return _core.default_device()


def set_default_device(device: str) -> None:
    """Set where new tensors are made outside of any `corten.device` scope, in all threads.

    Models that are made afterwards have their weights there, and `fit`, `evaluate` and `predict` run there.

    Args:
        device: A name as for `corten.device`.

    Raises:
        ValueError: There is no such device in this build of Corten.
        RuntimeError: The GPU cannot be used; the message says why.

    Example:
        >>> import corten
        >>> corten.config.set_default_device("cpu")
    """
    _core.set_default_device(device)


def device_statistics(device: str) -> dict[str, Any]:
    """Return what a device did since the process began.

    Args:
        device: A name as for `corten.device`.

    Returns:
        For a GPU: `dispatches`, `submits`, `uploads` and `downloads` (and their bytes), `pipelines` compiled,
        memory `allocated` and `cached` in bytes, `ops_over_the_cpu`: ops without a kernel there, and
        `kernels`: the dispatches by the ops in them (`"matmul + sum"` is one for both).
        For the CPU the memory only.

    Example:
        >>> import corten
        >>> corten.config.device_statistics("cpu")["allocated"] >= 0
        True
    """
    return dict(_core.device_statistics(device))


def synchronize(device: str) -> None:
    """Wait until a device did all it was asked for, and raise what went wrong on it: to measure times.

    Args:
        device: A name as for `corten.device`.

    Example:
        >>> import corten
        >>> corten.config.synchronize("cpu")
    """
    _core.synchronize(device)


def reset_device(device: str) -> None:
    """Give a GPU up and open it anew: after it was lost, or to have all its memory back.

    Tensors that are on it are gone, and each op on one of them says so. The variables of a model get their
    values back from a file: `load_weights`, or `fit` with `BackupAndRestore` once more. A memory limit stays.

    Args:
        device: A name as for `corten.device`. Nothing happens to the CPU.

    Raises:
        RuntimeError: The GPU cannot be opened again.

    Example:
        >>> import corten
        >>> corten.config.reset_device("cpu")
    """
    _core.close_device(device)
    if _core.open_device(device) != "cpu":
        memory.set_limit(memory.limit(device), device)


def information() -> list[tuple[str, str]]:
    """Return what `corten info` prints: pairs of a subject and what there is to say of it.

    Example:
        >>> import corten
        >>> from corten.devices import information
        >>> information()[0][0]
        'corten'
    """
    import platform

    import numpy as np

    import corten

    features = dict(_core.cpu_features())
    chosen = features.pop("isa")
    limit = _core.memory_limit()
    pairs = [
        ("corten", corten.__version__),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("numpy", np.__version__),
        (
            "cpu kernels",
            f"{chosen}; used: {', '.join(sorted(k for k, used in features.items() if used)) or 'none'}",
        ),
        ("threads", str(_core.num_threads())),
        ("memory limit", "none" if limit is None else f"{limit} bytes"),
    ]
    if not _core.has_gpu_backend():
        pairs.append(
            ("gpu", "this build has no GPU backend; `make wheel-gpu` builds one that has (docs/gpu.md)")
        )
    index = 0
    for adapter in _core.adapters():
        driver = adapter["driver"] or "no driver named"
        about = f"{adapter['name']} ({adapter['kind']}, {adapter['backend']}, {driver})"
        if adapter["refusal"] is None:
            has_float16 = "float16" if adapter["float16"] else "no float16"
            pairs.append((f"gpu:{index}", f"{about}, {has_float16}"))
            index += 1
        else:
            pairs.append(("not used", f"{about}: {adapter['refusal']}"))
    if _core.has_gpu_backend() and index == 0:
        pairs.append(("gpu", "none can be used: models run on the CPU"))
    pairs.append(("new tensors", f"on {_core.default_device()}"))
    return pairs
