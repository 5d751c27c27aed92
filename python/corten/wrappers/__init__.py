"""Models as scikit-learn estimators; needs `corten[sklearn]`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corten.wrappers.estimators import (
        CortenClassifier as CortenClassifier,
        CortenRegressor as CortenRegressor,
        CortenTransformer as CortenTransformer,
    )
    from corten.wrappers.keras_estimators import (
        SKLearnClassifier as SKLearnClassifier,
        SKLearnRegressor as SKLearnRegressor,
        SKLearnTransformer as SKLearnTransformer,
    )

# Name to the module that defines it.
_HOMES = {
    "CortenClassifier": "corten.wrappers.estimators",
    "CortenRegressor": "corten.wrappers.estimators",
    "CortenTransformer": "corten.wrappers.estimators",
    "SKLearnClassifier": "corten.wrappers.keras_estimators",
    "SKLearnRegressor": "corten.wrappers.keras_estimators",
    "SKLearnTransformer": "corten.wrappers.keras_estimators",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        from corten.identifiers import suggestion

        raise AttributeError(
            f"module 'corten.wrappers' has no attribute {name!r}.{suggestion(name, __all__)}"
        )
    try:
        value = getattr(importlib.import_module(home), name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "sklearn":
            raise
        raise ImportError(
            f"corten.wrappers.{name} needs scikit-learn: pip install corten[sklearn]"
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
