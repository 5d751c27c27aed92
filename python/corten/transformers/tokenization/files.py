"""The files of a tokenizer: found, checked before anything is made of them, and written."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

from corten.saving.atomic import named, write_bytes
from corten.saving.files import parse_json
from corten.transformers import hub
from corten.transformers.tokenization.backend import guarded, tokenizers_package
from corten.transformers.tokenization.special_tokens import EXTRA_NAMES, NAMES

CONFIG = "tokenizer_config.json"
#: A vocabulary of text is read up to this size; the largest published ones have a few megabytes.
MAX_BYTES = 256 << 20
#: A token's number is below this: a model's embeddings have a row for each.
MAX_ID = 1 << 24
#: What a table of characters puts in the place of one has at most so many bytes; Unicode's longest has 33.
MAX_REPLACEMENT = 1 << 10

# What `tokenizer_config.json` says of how or where it was made; nothing depends on it.
_LEFT_OUT = frozenset(
    {
        "added_tokens_decoder", "auto_map", "backend", "from_slow", "is_local", "local_files_only", 
        "max_length",
        "merges_file", "name_or_path", "pad_to_multiple_of", "pad_token_type_id", "processor_class",
        "special_tokens_map_file", "stride", "tokenizer_class", "tokenizer_file", "tokenizer_object",
        "truncation_strategy", "vocab_file", "padding", "use_fast", "transformers_version",
    }
)  # fmt: skip
_PATHS = ("vocab_file", "merges_file", "tokenizer_file", "special_tokens_map_file", "chat_template_file")


class Folder(NamedTuple):
    """Where the files of a tokenizer are.

    Attributes:
        name: A folder, or a name on the hub.
        where: Where to look for the latter.
    """

    name: str | PathLike[str]
    where: dict[str, Any]

    def find(self, filename: str) -> Path | None:
        """Returns the path of a file, or None if there is none.

        Raises:
            ValueError: It is a link that leads out of its folder.
        """
        found = hub.find_file(self.name, filename, required=False, **self.where)
        return None if found is None else _inside(Path(found))

    def missing(self, who: str, names: list[str]) -> OSError:
        """Gives the error for a folder that has none of some files."""
        listed = " or ".join(names)
        folder = Path(self.name)
        if folder.is_dir():
            there = ", ".join(sorted(entry.name for entry in folder.iterdir())[:10]) or "nothing"
            hint = ""
            if any(folder.glob("*.model")) or any(folder.glob("*.spm")):
                hint = (
                    " SentencePiece's `.model` files are read for T5 (spiece.model), XLM-RoBERTa "
                    "(sentencepiece.bpe.model) and Llama (tokenizer.model), if tokenizer_config.json or "
                    "config.json says that it is one of these; for others save the tokenizer once with "
                    "transformers, which writes tokenizer.json."
                )
            return FileNotFoundError(
                f"{who}: the folder {str(folder)!r} has no {listed}; it has {there}.{hint}"
            )
        return FileNotFoundError(
            f"{who}: {fspath(self.name)!r} is no folder, and no {listed} of that name is in the cache. "
            f"Three ways out: pass a "
            "folder with the tokenizer's files; put them into the cache of Hugging Face's tools "
            "(HF_HOME); or set HF_ENDPOINT "
            "to a server that has them."
        )

    def __str__(self) -> str:
        return fspath(self.name)


def _inside(path: Path) -> Path:
    """Checks that a file is no link to somewhere else; the hub's cache has links within a model's folder."""
    if path.is_symlink():
        folder = path.absolute().parent
        cache = next((parent for parent in folder.parents if parent.name.startswith("models--")), folder)
        target = path.resolve()
        if not target.is_relative_to(cache.resolve()):
            raise ValueError(f"{path}: is a link to {str(target)!r}, outside of its folder; refused.")
    return path


def split_arguments(name: str | PathLike[str], kwargs: dict[str, Any]) -> tuple[Folder, dict[str, Any]]:
    """Returns where files are, and the settings among the arguments of `from_pretrained`."""
    where, settings = hub.split_hub_arguments(kwargs)
    settings.pop("use_fast", None)
    if Path(name).is_file():
        name = Path(name).parent
    return Folder(name, where), settings


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Returns what a file holds.

    Raises:
        ValueError: It is larger than `limit`.
    """
    size = path.stat().st_size
    if size > limit:
        raise ValueError(f"{path}: {size} bytes are more than the limit of {limit}.")
    return path.read_bytes()


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """Returns the text of a file.

    Raises:
        ValueError: It is too large or not UTF-8.
    """
    try:
        return read_bytes(path, limit).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start}).") from None


def read_json_object(path: Path) -> dict[str, Any]:
    """Returns the object of a JSON file.

    Raises:
        ValueError: It is no JSON or no object.
    """
    found = parse_json(read_bytes(path), str(path))
    if not isinstance(found, dict):
        raise ValueError(f"{path}: is not a JSON object but a {type(found).__name__}.")
    return found


# ---- tokenizer_config.json ---------------------------------------------------------------------------------


def read_tokenizer_config(folder: Folder) -> dict[str, Any]:
    """Returns the settings of `tokenizer_config.json`, with special tokens and templates of files beside it.

    Raises:
        ValueError: A file is damaged, or names a file outside its folder.
    """
    config: dict[str, Any] = {}
    path = folder.find(CONFIG)
    if path is not None:
        config = read_json_object(path)
        for name in _PATHS:
            _check_inside(path, name, config.get(name))
    older = folder.find("special_tokens_map.json")
    if older is not None:
        for name, value in read_json_object(older).items():
            if name in (*NAMES, *EXTRA_NAMES):
                config.setdefault(name, value)
    templates = _read_templates(folder, path)
    if templates:
        config["chat_template"] = templates
    if isinstance(
        config.get("chat_template"), list
    ):  # Pairs of a name and a template, as older files have them.
        config["chat_template"] = _named_templates(path or older, config["chat_template"])
    return config


def _check_inside(path: Path, name: str, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not value or value in {".", ".."} or any(c in value for c in "/\\\0"):
        raise ValueError(
            f"{path}: {name} is {str(value)[:100]!r}; the files of a tokenizer are read from its own "
            f"folder, under their usual "
            "names. Remove the entry."
        )


def _read_templates(folder: Folder, config: Path | None) -> Any:
    main = folder.find("chat_template.jinja")
    found = {} if main is None else {"default": read_text(main, 1 << 20)}
    beside = main or config
    if beside is not None:
        for path in sorted((beside.parent / "additional_chat_templates").glob("*.jinja")):
            found[path.stem] = read_text(_inside(path), 1 << 20)
    return found["default"] if list(found) == ["default"] else found


def _named_templates(path: Any, listed: list[Any]) -> dict[str, str]:
    try:
        return {one["name"]: one["template"] for one in listed}
    except (TypeError, KeyError):
        raise ValueError(
            f"{path}: chat_template must be a text, or a list of {{'name', 'template'}}."
        ) from None


def init_arguments(who: str, folder: Folder, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a tokenizer's constructor that settings come to.

    Raises:
        ValueError: A token is described wrongly.
    """
    if settings.get("auto_map"):
        import warnings

        warnings.warn(
            f"{who}: the files of {folder} name code of their own (auto_map). It is never run; the "
            f"tokenizer is made of "
            "its data alone.",
            stacklevel=4,
        )
    arguments = {name: value for name, value in settings.items() if name not in _LEFT_OUT}
    arguments["name_or_path"] = str(folder)
    for name in NAMES:
        if name in arguments:
            arguments[name] = token_of(f"{folder}: {name}", arguments[name])
    for name in EXTRA_NAMES:
        value = arguments.get(name)
        if isinstance(value, Mapping):
            value = list(value.values())
        if isinstance(value, list):
            arguments[name] = [token_of(f"{folder}: {name}", one) for one in value]
        elif value is not None:
            raise ValueError(f"{folder}: {name} must be a list of tokens; got {str(value)[:100]}.")
    return arguments


def token_of(where: str, value: Any) -> Any:
    """Returns a special token as files describe it: a text, None, or an object with its properties.

    Raises:
        ValueError: It is none of these.
    """
    kind = tokenizers_package().AddedToken
    if value is None or isinstance(value, (str, kind)):
        if isinstance(value, str) and not _is_text(value):
            raise ValueError(f"{where}: {value[:100]!r} is no text that can be encoded.")
        return value
    if isinstance(value, Mapping) and isinstance(value.get("content"), str) and _is_text(value["content"]):
        names = ("single_word", "lstrip", "rstrip", "normalized")
        flags = {name: value[name] for name in names if name in value}
        if all(isinstance(flag, bool) for flag in flags.values()):
            return kind(value["content"], special=True, **{"normalized": False, **flags})
    raise ValueError(
        f"{where}: expected a token's text, or an object with its 'content'; got {str(value)[:100]}."
    )


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def added_tokens(where: str, stored: Any) -> Iterator[tuple[int, Any]]:
    """Yields numbers and tokens of `added_tokens_decoder`.

    Raises:
        ValueError: It is not as it should be.
    """
    if stored is None:
        return
    kind = tokenizers_package().AddedToken
    if not isinstance(stored, Mapping):
        raise ValueError(f"{where}: added_tokens_decoder must be an object; got {str(stored)[:100]}.")
    numbered = []
    for number, value in stored.items():
        if not str(number).isdecimal() or len(str(number)) > 9:
            raise ValueError(
                f"{where}: added_tokens_decoder has the key {str(number)[:50]!r}, which is no token's number."
            )
        token = token_of(f"{where}: added_tokens_decoder", value)
        if token is None:
            raise ValueError(f"{where}: added_tokens_decoder has no token for {number}.")
        special = bool(value.get("special", False)) if isinstance(value, Mapping) else True
        if isinstance(token, str):
            token = kind(token, special=True, normalized=False)
        token.special = special
        numbered.append((int(number), token))
    yield from sorted(numbered, key=lambda pair: pair[0])


# ---- vocabularies ------------------------------------------------------------------------------------------


def read_tokenizer_json(path: Path) -> Any:
    """Returns the `tokenizers.Tokenizer` of a `tokenizer.json`.

    Raises:
        ValueError: It is damaged, or not one.
    """
    package = tokenizers_package()
    data = read_bytes(path)
    content = parse_json(data, str(path))
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise ValueError(f"{path}: is not a tokenizer.json (it has no 'model').")
    _check_ids(path, content)
    _check_tables(path, content)
    return guarded(f"{path}: is not a tokenizer.json", package.Tokenizer.from_buffer, data)


def _check_ids(path: Path, content: dict[str, Any]) -> None:
    vocabulary = content["model"].get("vocab")
    if isinstance(vocabulary, dict):
        check_vocabulary(str(path), vocabulary)
    added = content.get("added_tokens") or []
    for token in added if isinstance(added, list) else []:
        number = token.get("id") if isinstance(token, dict) else None
        if type(number) is not int or not 0 <= number < MAX_ID:
            raise ValueError(
                f"{path}: an added token has the number {str(number)[:50]!r}; expected 0 to {MAX_ID - 1}."
            )


def _check_tables(path: Path, content: dict[str, Any]) -> None:
    """Checks tables of SentencePiece, which begin with a length: so much memory is taken at once."""
    waiting: list[Any] = [part for name, part in content.items() if name != "model"]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict) and "precompiled_charsmap" in part:
            table = part["precompiled_charsmap"]
            try:
                data = base64.b64decode(table, validate=True) if table is not None else bytes(8)
            except (ValueError, TypeError):
                data = b""
            check_charsmap(f"{path}: a precompiled_charsmap", data)
        if isinstance(part, (dict, list)):
            waiting.extend(part.values() if isinstance(part, dict) else part)


def check_charsmap(what: str, data: bytes) -> None:
    """Checks the table by which SentencePiece normalises characters.

    Raises:
        ValueError: It is shorter than it says, or makes a long text of one character.
    """
    size = int.from_bytes(data[:4], "little")
    if len(data) < 8 or size % 4 or not 0 <= size <= len(data) - 4:
        raise ValueError(f"{what} says it begins with {size} bytes, and has {max(len(data) - 4, 0)}.")
    if max(map(len, data[4 + size :].split(b"\0"))) > MAX_REPLACEMENT:
        raise ValueError(f"{what} puts more than {MAX_REPLACEMENT} bytes in the place of a character.")


def check_vocabulary(source: str, vocabulary: Any) -> dict[str, int]:
    """Checks that a vocabulary has a number of its own for each token.

    Raises:
        ValueError: It has not.
    """
    if not isinstance(vocabulary, Mapping) or not vocabulary:
        raise ValueError(
            f"{source}: a vocabulary is an object of tokens and their numbers, and has at least one."
        )
    for token, number in vocabulary.items():
        if type(number) is not int or not 0 <= number < MAX_ID or not isinstance(token, str):
            raise ValueError(
                f"{source}: the token {str(token)[:50]!r} has the number {str(number)[:50]!r}; expected "
                f"a whole number from 0 to "
                f"{MAX_ID - 1}."
            )
    if len(set(vocabulary.values())) != len(vocabulary):
        raise ValueError(f"{source}: two tokens have the same number.")
    if not all(map(_is_text, vocabulary)):
        raise ValueError(f"{source}: a token is no text that can be encoded.")
    return dict(vocabulary)


def read_vocabulary(path: Path) -> dict[str, int]:
    """Returns token to number of a vocabulary: JSON, or text with a token on each line.

    Raises:
        ValueError: It is damaged.
    """
    if path.suffix == ".json":
        return check_vocabulary(str(path), read_json_object(path))
    lines = read_text(path).replace("\r\n", "\n").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    # Published vocabularies have lines twice; the last one counts.
    found = {token: number for number, token in enumerate(lines)}
    if not found:
        raise ValueError(f"{path}: is empty; a vocabulary has a token on each line.")
    return found


def read_merges(path: Path) -> list[tuple[str, str]]:
    """Returns the pairs of a `merges.txt`.

    Raises:
        ValueError: A line is no pair.
    """
    merges = []
    for number, line in enumerate(read_text(path).replace("\r\n", "\n").split("\n"), 1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        pair = line.split(" ")
        if len(pair) != 2 or not all(pair):
            raise ValueError(
                f"{path}: line {number} must be two tokens with a blank between them; got {line[:60]!r}."
            )
        merges.append((pair[0], pair[1]))
    return merges


# ---- writing -----------------------------------------------------------------------------------------------


def write_tokenizer(tokenizer: Any, folder: Path, prefix: str | None) -> tuple[str, ...]:
    """Writes the files of a tokenizer; `save_pretrained` says more."""
    with named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    begin = f"{prefix}-" if prefix else ""
    config = tokenizer.saved_config()
    contents = {
        f"{begin}{CONFIG}": json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False, default=_plain)
        + "\n",
        f"{begin}tokenizer.json": tokenizer.backend_tokenizer.to_str(pretty=True),
    }
    template = tokenizer.chat_template
    named_templates = (
        template if isinstance(template, dict) else {} if template is None else {"default": template}
    )
    for name, text in named_templates.items():
        place = "chat_template" if name == "default" else f"additional_chat_templates/{name}"
        contents[f"{begin if name == 'default' else ''}{place}.jinja"] = text
    if len(named_templates) > ("default" in named_templates):
        with named(folder):
            (folder / "additional_chat_templates").mkdir(exist_ok=True)
    for name, text in contents.items():
        write_bytes(folder / name, text.encode())
    return tuple(str(folder / name) for name in contents)


def _plain(value: Any) -> Any:
    """What JSON has no word for."""
    if isinstance(value, tokenizers_package().AddedToken):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(
        f"a setting of the tokenizer is {type(value).__name__}, which tokenizer_config.json cannot hold"
    )
