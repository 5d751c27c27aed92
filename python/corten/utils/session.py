"""Starting over in one process."""

from __future__ import annotations

import gc


def clear_session(free_memory: bool = True) -> None:
    """Starts the numbering of layer names anew ('dense', 'dense_1') and frees what is no longer used.

    Args:
        free_memory: Collect models that nothing refers to and give cached memory back.

    Example:
        >>> clear_session()
        >>> import corten
        >>> corten.layers.Dense(1).name
        'dense'
    """
    from corten import _core
    from corten.naming import reset_names

    reset_names()
    if free_memory:
        gc.collect()
        _core.empty_cache()
