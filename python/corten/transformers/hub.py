"""Where the files of a published model are: a folder, the cache of the Hugging Face hub, or a server.

The cache has the layout of Hugging Face's tools, which find there what Corten downloads, and the other way
round.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any

ENDPOINT = "https://huggingface.co"
_HUB_ARGUMENTS = (
    "cache_dir", "force_download", "local_files_only", "revision", "subfolder", "token", "proxies",
    "trust_remote_code", "resume_download", "use_auth_token",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_REVISION = re.compile(r"[\w.-]+(/[\w.-]+)*")
_TRUE = frozenset({"1", "true", "yes", "on"})
_TIMEOUT = 10
# The most that a file of settings, and one of weights, may have.
_MOST_TEXT = 256 * 2**20
_MOST_WEIGHTS = 64 * 2**30


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


def is_offline() -> bool:
    """Whether the environment forbids downloads (`HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE`)."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return any(os.environ.get(name, "").lower() in _TRUE for name in names)


def find_file(
    name_or_path: str | os.PathLike[str],
    filename: str,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    revision: str | None = None,
    subfolder: str = "",
    local_files_only: bool = False,
    force_download: bool = False,
    token: Any = None,
    required: bool = True,
    **_: Any,
) -> Any:
    """Return the path of a model's file: in a folder, in the cache, or downloaded into the cache.

    Args:
        name_or_path: A folder, a file, or a name on the hub such as `'google-bert/bert-base-uncased'`.
        filename: The file's name.
        cache_dir: The cache; None takes `HF_HUB_CACHE`, `HF_HOME` or `~/.cache/huggingface`.
        revision: A branch, tag or commit; None is `'main'`.
        subfolder: A folder within the model's.
        local_files_only: Whether nothing may be downloaded; so it is too with `HF_HUB_OFFLINE=1`.
        force_download: Whether to download what is in the cache already.
        token: A token for models that are not public; None takes `HF_TOKEN`.
        required: Whether to raise if there is none; otherwise the result is then None.

    Raises:
        OSError: There is no such file, or it could not be downloaded.
        ValueError: A name is none.
    """
    folder = Path(name_or_path)
    if folder.is_file():
        if folder.name == filename:
            return folder
        folder = folder.parent
    if folder.is_dir():
        return _in_folder(folder / subfolder, filename, required)
    name = os.fspath(name_or_path)
    if not _NAME.fullmatch(name) or ".." in name:
        raise FileNotFoundError(f"There is no folder {name!r}, and it is no name of a model on the hub.")
    revision = revision or "main"
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise ValueError(f"{name!r}: `revision` must be a branch, tag or commit; got {revision!r}.")
    file = Path(subfolder) / filename
    if file.is_absolute() or ".." in file.parts:
        raise ValueError(f"{name!r}: `subfolder` must be a folder within the model's; got {subfolder!r}.")
    root = Path(cache_dir or cache_folder()).expanduser() / f"models--{name.replace('/', '--')}"
    cached = _in_cache(root, file, revision)
    if cached is not None and not force_download:
        return cached
    reason = "it is not in the cache, and downloads are switched off (`local_files_only`, HF_HUB_OFFLINE)"
    if not (local_files_only or is_offline()):
        if not force_download and _is_known_to_lack(root, file, revision):
            reason = "the server has no such file"
        else:
            found = _download(name, root, file, revision, token)
            if isinstance(found, Path):
                return found
            reason = found
    if not required:
        return None
    raise FileNotFoundError(
        f"No file {file.as_posix()!r} of the model {name!r}, which is no folder here: {reason}. Three ways "
        "out: pass "
        "a folder with the model's files; put them into the cache of Hugging Face's tools (HF_HOME, "
        "HF_HUB_CACHE); or set HF_ENDPOINT to a server that can be reached, such as a mirror."
    )


def _in_folder(folder: Path, filename: str, required: bool) -> Path | None:
    path = folder / filename
    if path.is_file():
        return path
    if not required:
        return None
    there = sorted(entry.name for entry in folder.glob("*"))[:10]
    if "adapter_config.json" in there and not filename.startswith("adapter_"):
        raise FileNotFoundError(
            f"{folder} has adapters but no {filename!r}: load the model that they were trained beside (named "
            "in `adapter_config.json`), then `corten.transformers.load_lora(model, folder)`."
        )
    raise FileNotFoundError(
        f"{folder} has no file {filename!r}; it has {', '.join(there) or 'no files'}. Is it a folder that "
        "`save_pretrained` wrote?"
    )


# ---- the cache ---------------------------------------------------------------------------------------


def _commit_of(root: Path, revision: str) -> str:
    """The commit that a branch or tag stands for, as far as the cache knows."""
    reference = root / "refs" / revision
    commit = reference.read_text().strip() if reference.is_file() else revision
    return commit if re.fullmatch(r"[\w.-]+", commit) and ".." not in commit else "unknown"


def _in_cache(root: Path, file: Path, revision: str) -> Path | None:
    path = root / "snapshots" / _commit_of(root, revision) / file
    return path if path.is_file() else None


def _is_known_to_lack(root: Path, file: Path, revision: str) -> bool:
    return (root / ".no_exist" / _commit_of(root, revision) / file).is_file()


# ---- downloads ---------------------------------------------------------------------------------------


def _download(name: str, root: Path, file: Path, revision: str, token: Any) -> Path | str:
    """Downloads a file into the cache; gives its path, or why there is none."""
    import urllib.error
    from http.client import HTTPException
    from urllib.parse import quote

    endpoint = (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        return f"HF_ENDPOINT must begin with https:// or http://; it is {endpoint!r}"
    url = f"{endpoint}/{name}/resolve/{quote(revision, safe='')}/{quote(file.as_posix())}"
    try:
        with _open(url, token) as (response, commit):
            commit = commit or (
                revision if re.fullmatch(r"[0-9a-f]{40}", revision) else _commit_of(root, revision)
            )
            commit = commit.replace("/", "--")
            target = root / "snapshots" / commit / file
            _write(response, target, url)
            if commit != revision:
                _note(root / "refs" / revision, commit)
            return target
    except urllib.error.HTTPError as error:
        if error.code != 404:
            return f"{url} answered {error.code} ({error.reason})"
        if error.headers.get("X-Error-Code") == "EntryNotFound":
            commit = error.headers.get("X-Repo-Commit") or ""
            if re.fullmatch(r"[0-9a-f]{40}", commit):
                _note(root / "refs" / revision, commit)
                _note(root / ".no_exist" / commit / file, "")
        return f"{url} does not exist"
    except (OSError, HTTPException, ValueError) as error:
        return f"{url} could not be read ({error})"


@contextlib.contextmanager
def _open(url: str, token: Any) -> Any:
    """Opens an address; gives the answer and the commit that the first server named."""
    import urllib.request

    from corten import __version__

    token = os.environ.get("HF_TOKEN") if token is None else token
    headers = {"User-Agent": f"corten/{__version__}"}
    if isinstance(token, str) and token:
        headers["Authorization"] = f"Bearer {token}"
    redirects = _redirects()
    opener = urllib.request.build_opener(redirects)
    with opener.open(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT) as response:
        commit = redirects.commit or response.headers.get("X-Repo-Commit") or ""
        yield response, commit if re.fullmatch(r"[0-9a-f]{40}", commit) else ""


def _redirects() -> Any:
    """What follows redirections: no token goes to another server, and encryption is not given up."""
    import urllib.error
    import urllib.request
    from urllib.parse import urlsplit

    class Redirects(urllib.request.HTTPRedirectHandler):
        commit = ""

        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            self.commit = self.commit or headers.get("X-Repo-Commit") or ""
            before, after = urlsplit(req.full_url), urlsplit(newurl)
            if after.scheme not in ("https", before.scheme) or after.scheme not in ("http", "https"):
                raise urllib.error.URLError(f"a redirection to {after.scheme}:// was refused")
            request = super().redirect_request(req, fp, code, msg, headers, newurl)
            if request is not None and before.netloc != after.netloc:
                request.remove_header("Authorization")
            return request

    return Redirects()


def _write(response: Any, target: Path, url: str) -> None:
    """Writes an answer to a file, which appears only when it is complete.

    Raises:
        OSError: It is too large, or the connection broke.
    """
    from corten.saving.files import atomic_file

    most = _MOST_WEIGHTS if target.name.endswith(".safetensors") else _MOST_TEXT
    length = int(response.headers.get("Content-Length") or 0)
    target.parent.mkdir(parents=True, exist_ok=True)
    done = 0
    with atomic_file(target) as file:
        while block := response.read(1 << 20):
            done += len(block)
            if max(done, length) > most:
                raise OSError(f"it has more than the {most} bytes that such a file may have")
            file.write(block)
        if length and done != length:
            raise OSError(f"the connection broke after {done} of {length} bytes")


def _note(path: Path, text: str) -> None:
    from corten.saving.files import write_bytes

    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.encode())
