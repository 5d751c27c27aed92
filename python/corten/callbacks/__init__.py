"""Callbacks: what is told of the training as it goes, and may steer it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corten.callbacks.backup import BackupAndRestore
    from corten.callbacks.callback import Callback
    from corten.callbacks.callback_list import CallbackList
    from corten.callbacks.early_stopping import EarlyStopping, TerminateOnNaN
    from corten.callbacks.history import History
    from corten.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
    from corten.callbacks.logging import CSVLogger, LambdaCallback
    from corten.callbacks.model_checkpoint import ModelCheckpoint
    from corten.callbacks.monitor import MonitorCallback
    from corten.callbacks.progbar_logger import ProgbarLogger
    from corten.callbacks.remote_monitor import RemoteMonitor
    from corten.callbacks.swap_ema_weights import SwapEMAWeights
    from corten.callbacks.tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]

# Loaded when first asked for: the first `fit` needs a list and a history, none of what writes files.
_HOMES = {
    "BackupAndRestore": "backup",
    "CSVLogger": "logging",
    "Callback": "callback",
    "CallbackList": "callback_list",
    "EarlyStopping": "early_stopping",
    "History": "history",
    "LambdaCallback": "logging",
    "LearningRateScheduler": "learning_rate",
    "ModelCheckpoint": "model_checkpoint",
    "MonitorCallback": "monitor",
    "ProgbarLogger": "progbar_logger",
    "ReduceLROnPlateau": "learning_rate",
    "RemoteMonitor": "remote_monitor",
    "SwapEMAWeights": "swap_ema_weights",
    "TensorBoard": "tensorboard",
    "TerminateOnNaN": "early_stopping",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'corten.callbacks' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"corten.callbacks.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
