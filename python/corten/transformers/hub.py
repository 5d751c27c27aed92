"""Where the files of a published model are: a folder, the cache of the Hugging Face hub, or a server."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

_HUB_ARGUMENTS = (
    "cache_dir", "force_download", "local_files_only", "revision", "subfolder", "token", "proxies",
    "trust_remote_code", "resume_download", "use_auth_token",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def split_hub_arguments(kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments that say where files are, and the others.

    Example:
        >>> from corten.transformers.hub import split_hub_arguments
        >>> split_hub_arguments({"revision": "main", "num_labels": 3})
        ({'revision': 'main'}, {'num_labels': 3})
    """
    where = {name: value for name, value in kwargs.items() if name in _HUB_ARGUMENTS}
    return where, {name: value for name, value in kwargs.items() if name not in where}


def cache_folder() -> Path:
    """Return the folder in which Hugging Face's tools keep downloaded models."""
    given = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if given:
        return Path(given).expanduser()
    home = os.environ.get("HF_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".cache" / "huggingface") / "hub"


def find_file(
    name_or_path: str | os.PathLike[str],
    filename: str,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    revision: str | None = None,
    subfolder: str = "",
    required: bool = True,
    **_: Any,
) -> Any:
    """Return the path of a model's file.

    Args:
        name_or_path: A folder, a file, or a name on the hub such as `'google-bert/bert-base-uncased'`.
        filename: The file's name.
        cache_dir: The cache to look into; None takes `HF_HUB_CACHE`, `HF_HOME` or `~/.cache/huggingface`.
        revision: A branch, tag or commit; None is `'main'`.
        subfolder: A folder within the model's.
        required: Whether to raise if there is none; otherwise the result is then None.

    Raises:
        OSError: There is no such file.
    """
    folder = Path(name_or_path)
    if folder.is_file():
        if folder.name == filename:
            return folder
        folder = folder.parent
    if folder.is_dir():
        path = folder / subfolder / filename
        if path.is_file():
            return path
        if not required:
            return None
        there = sorted(entry.name for entry in (folder / subfolder).glob("*"))[:10]
        raise FileNotFoundError(
            f"{folder / subfolder} has no file {filename!r}; it has {', '.join(there) or 'no files'}. Is it "
            "a folder that `save_pretrained` wrote?"
        )
    name = os.fspath(name_or_path)
    if not _NAME.fullmatch(name) or ".." in name:
        raise FileNotFoundError(f"There is no folder {name!r}, and it is no name of a model on the hub.")
    found = _in_cache(name, Path(subfolder) / filename, Path(cache_dir or cache_folder()), revision or "main")
    if found is not None or not required:
        return found
    raise FileNotFoundError(
        f"The model {name!r} (file {filename!r}) is neither a folder nor in the cache. Three ways out: pass "
        "a folder "
        "with its files; put them into the cache of Hugging Face's tools (HF_HOME); or set HF_ENDPOINT to a "
        "server that has them."
    )


def _in_cache(name: str, file: Path, cache: Path, revision: str) -> Path | None:
    """The file in a cache that Hugging Face's tools wrote."""
    root = cache / f"models--{name.replace('/', '--')}"
    reference = root / "refs" / revision
    commit = reference.read_text().strip() if reference.is_file() else revision
    if "/" in commit or ".." in commit:
        return None
    path = root / "snapshots" / commit / file
    return path if path.is_file() else None
