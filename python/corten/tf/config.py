"""`tf.config`."""

from __future__ import annotations

from typing import Any

import corten
from corten import devices
from corten.devices import PhysicalDevice


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """Lists the devices Corten computes on.

    Example:
        >>> list_physical_devices("CPU")[0].device_type
        'CPU'
    """
    return [
        PhysicalDevice(
            f"/physical_device:{device.device_type}:{device.name.partition(':')[2] or 0}",
            device.device_type,
            device.description,
        )
        for device in devices.list_physical_devices(device_type)
    ]


list_logical_devices = list_physical_devices


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Does nothing: everything runs eagerly."""


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Does nothing."""


class threading:
    """`tf.config.threading`."""

    @staticmethod
    def set_intra_op_parallelism_threads(num_threads: int) -> None:
        """Sets the number of threads; 0 leaves it as it is."""
        if num_threads:
            corten.set_num_threads(num_threads)

    @staticmethod
    def set_inter_op_parallelism_threads(num_threads: int) -> None:
        """Does nothing: operations follow one another."""

    @staticmethod
    def get_intra_op_parallelism_threads() -> int:
        """Gives the number of threads."""
        return corten.num_threads()


class experimental:
    """`tf.config.experimental`."""

    list_physical_devices = staticmethod(list_physical_devices)

    @staticmethod
    def set_memory_growth(device: Any, enable: bool) -> None:
        """Does nothing: memory always grows by need."""

    @staticmethod
    def enable_op_determinism() -> None:
        """Does nothing: everything is deterministic."""
