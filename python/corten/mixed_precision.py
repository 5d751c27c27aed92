"""Old home of the dtype policies, under the names tutorials use."""

from __future__ import annotations

from typing import Any

from corten import config
from corten.dtype_policies import DTypePolicy as DTypePolicy
from corten.optimizers import LossScaleOptimizer as LossScaleOptimizer

Policy = DTypePolicy


def set_global_policy(policy: Any) -> None:
    """Sets the dtype policy of layers made from now on.

    Args:
        policy: Name or policy, such as 'mixed_bfloat16'.
    """
    config.set_dtype_policy(policy)


def global_policy() -> Any:
    """Gives the dtype policy of new layers."""
    return config.dtype_policy()


set_dtype_policy = set_global_policy
dtype_policy = global_policy
