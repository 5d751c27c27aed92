"""Callbacks: what is told of the training as it goes, and may steer it."""

from corten.callbacks.backup import BackupAndRestore as BackupAndRestore
from corten.callbacks.callback import Callback as Callback
from corten.callbacks.callback_list import CallbackList as CallbackList
from corten.callbacks.early_stopping import EarlyStopping as EarlyStopping, TerminateOnNaN as TerminateOnNaN
from corten.callbacks.history import History as History
from corten.callbacks.learning_rate import (
    LearningRateScheduler as LearningRateScheduler,
    ReduceLROnPlateau as ReduceLROnPlateau,
)
from corten.callbacks.logging import CSVLogger as CSVLogger, LambdaCallback as LambdaCallback
from corten.callbacks.model_checkpoint import ModelCheckpoint as ModelCheckpoint
from corten.callbacks.monitor import MonitorCallback as MonitorCallback
from corten.callbacks.progbar_logger import ProgbarLogger as ProgbarLogger
from corten.callbacks.swap_ema_weights import SwapEMAWeights as SwapEMAWeights

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
    "SwapEMAWeights",
    "TerminateOnNaN",
]
