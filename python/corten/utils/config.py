"""`Config`: named values that can be frozen."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

from corten.identifiers import suggestion


class Config:
    """Named values, as attributes and as in a dict.

    Args:
        **kwargs: The values to begin with.

    Attributes:
        frozen: Whether changes are refused.

    See https://keras.io/api/utils/config_utils/.

    Example:
        >>> config = Config(learning_rate=0.1)
        >>> config.seed = 3
        >>> config["momentum"] = 0.9
        >>> config.as_dict()
        {'learning_rate': 0.1, 'seed': 3, 'momentum': 0.9}
        >>> config.freeze()
        >>> config.seed = 4
        Traceback (most recent call last):
        ValueError: Cannot set `seed`: this Config is frozen. Call `unfreeze()` first.
    """

    # What the instance holds itself; everything else is a value of the user's.
    __slots__ = ("_config", "_frozen")
    _config: dict[str, Any]
    _frozen: bool

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_config", dict(kwargs))
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self) -> bool:
        """Whether changes are refused."""
        return self._frozen

    def freeze(self) -> None:
        """Refuses changes from now on."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allows changes again."""
        object.__setattr__(self, "_frozen", False)

    def _check_open(self, action: str) -> None:
        if self._frozen:
            raise ValueError(f"Cannot {action}: this Config is frozen. Call `unfreeze()` first.")

    # -- as attributes --------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        # Copying and pickling look for attributes before there are values.
        values = {} if name.startswith("__") or name in Config.__slots__ else self._config
        if name in values:
            return values[name]
        raise AttributeError(
            f"This Config has no value {name!r}.{suggestion(name, values)} It has {list(values)}."
        )

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __getstate__(self) -> tuple[dict[str, Any], bool]:
        return dict(self._config), self._frozen

    def __setstate__(self, state: tuple[dict[str, Any], bool]) -> None:
        object.__setattr__(self, "_config", state[0])
        object.__setattr__(self, "_frozen", state[1])

    # -- as a dict ------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        return self._config[key]

    def __setitem__(self, key: str, item: Any) -> None:
        self._check_open(f"set `{key}`")
        self._config[key] = item

    def __delitem__(self, key: str) -> None:
        self._check_open(f"delete `{key}`")
        del self._config[key]

    def __contains__(self, item: object) -> bool:
        return item in self._config

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._config))

    def __len__(self) -> int:
        return len(self._config)

    def __eq__(self, other: object) -> bool:
        return self._config == other._config if isinstance(other, Config) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Config {self._config}>"

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Sets many values, given as for `dict.update`.

        Args:
            *args: A dict or pairs.
            **kwargs: Values by name.
        """
        self._check_open("update values")
        self._config.update(*args, **kwargs)

    def pop(self, *args: Any) -> Any:
        """Removes a value and gives it, as `dict.pop`.

        Args:
            *args: The name, and what to give where there is none.
        """
        self._check_open(f"remove `{args[0]}`" if args else "remove a value")
        return self._config.pop(*args)

    def get(self, keyname: str, value: Any = None) -> Any:
        """Gives a value, or another where there is none.

        Args:
            keyname: The name.
            value: What to give where there is none.
        """
        return self._config.get(keyname, value)

    def keys(self) -> KeysView[str]:
        """Gives the names."""
        return self._config.keys()

    def values(self) -> ValuesView[Any]:
        """Gives the values."""
        return self._config.values()

    def items(self) -> ItemsView[str, Any]:
        """Gives pairs of name and value."""
        return self._config.items()

    def as_dict(self) -> dict[str, Any]:
        """Gives a dict of the values."""
        return dict(self._config)

    def to_json(self) -> str:
        """Gives the values as JSON.

        Raises:
            TypeError: A value has no form in JSON.
        """
        return json.dumps(self._config)
