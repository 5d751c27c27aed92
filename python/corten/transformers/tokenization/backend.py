"""The package `tokenizers`, which an extra brings and which is loaded when first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


def tokenizers_package() -> Any:
    """Returns the package `tokenizers`.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError("Tokenizers need the package tokenizers: `pip install corten[text]`.") from error
    return tokenizers


def guarded(what: str, function: Callable[..., Result], *arguments: Any, **settings: Any) -> Result:
    """Calls a function of the package and names what it was called for in its errors.

    It raises plain `Exception`s, and panics where it did not expect its input, which pass by `except
    Exception`.

    Args:
        what: How the message begins.
        function: The function.
        *arguments: What it is given.
        **settings: What it is given by name.

    Raises:
        ValueError: The function failed.
    """
    try:
        return function(*arguments, **settings)
    except (ImportError, MemoryError):
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise ValueError(f"{what}: {str(error)[:500]}") from None
        raise


def __getattr__(name: str) -> Any:
    if name == "AddedToken":
        return tokenizers_package().AddedToken
    from corten.identifiers import no_attribute

    raise no_attribute(__name__, name)
