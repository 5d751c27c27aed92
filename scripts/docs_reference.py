"""Writes the pages of the API reference while `mkdocs build` runs: one for each file with public names.

Which modules and names are public is read from the package itself, what they say from their docstrings, so
that a new layer is in the reference without another entry. `corten.layers.Dense` lies in the file
`corten/layers/core.py`, so it is on the page `api/layers/core.md`; `api/layers/index.md` lists all layers.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import types
from collections import defaultdict
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

#: Other names of modules that have pages already.
DOORS = {"keras", "naming", "symbolic", "training", "variable"}


def public_modules() -> list[str]:
    """Names of Corten's public modules, without `corten.`."""
    corten = importlib.import_module("corten")
    return sorted(corten._MODULES - DOORS)


def first_line(thing: Any) -> str:
    """What a docstring says first, fit for a table cell."""
    return ((inspect.getdoc(thing) or "").split("\n")[0]).replace("|", "\\|")


def home(thing: Any) -> str:
    """Where a class or function is written, as `package.module.name`."""
    module = thing.__module__
    return f"{module}.{thing.__qualname__}"


def names_of(module: types.ModuleType) -> dict[str, Any]:
    """Public classes and functions of a module, each under its own name only."""
    listed = getattr(module, "__all__", None)
    names = listed or [name for name in dir(module) if not name.startswith("_")]
    gathers = listed or module.__name__.startswith(("corten.ops", "corten.tf", "corten.backend"))
    within = "corten" if gathers else module.__name__
    found: dict[int, tuple[str, Any]] = {}
    for name in sorted(
        names, key=lambda name: (getattr(getattr(module, name), "__name__", "") != name, name)
    ):
        thing = getattr(module, name)
        own = getattr(thing, "__module__", None) or ""
        private = "._" in own and not own.endswith("._core")
        if (
            f"{own}.".startswith(f"{within}.")
            and not private
            and (inspect.isclass(thing) or inspect.isfunction(thing))
        ):
            found.setdefault(id(thing), (name, thing))
    return dict(sorted(found.values()))


def submodules_of(module: types.ModuleType) -> list[str]:
    """Public modules within a module, such as `corten.optimizers.schedules`."""
    names = [*getattr(module, "__all__", ()), *getattr(module, "_MODULES", ())]
    names += [name for name in ("schedules", "bounding_boxes", "image", "linalg") if hasattr(module, name)]
    inside = f"{module.__name__}."
    found = {name for name in names if getattr(getattr(module, name), "__name__", "").startswith(inside)}
    return sorted(name for name in found if inspect.ismodule(getattr(module, name)))


class Reference:
    """The pages, by their path."""

    def __init__(self) -> None:
        self.lists: dict[str, str] = {}  # module -> its text
        self.files: dict[str, dict[str, Any]] = defaultdict(dict)  # file -> things written in it
        rows = []
        for name in ("", *public_modules()):
            module = importlib.import_module(f"corten.{name}".rstrip("."))
            self.add(module, inner=bool(name))
            path = page_of(module.__name__, self.lists).removeprefix("api/")
            rows.append(f"| [`{module.__name__}`]({path}) | {first_line(module)} |")
        self.pages = {"api/index.md": OVERVIEW + "\n".join(rows) + "\n"}
        self.pages |= {page_of(name, self.lists): text for name, text in self.lists.items()}
        for file, things in self.files.items():
            blocks = "\n\n".join(f"::: {home(thing)}" for _, thing in sorted(things.items()))
            path = page_of(file, self.lists)
            start = self.pages.get(path) or f"# {file.replace('_core', 'engine')}\n"
            self.pages[path] = f"{start}\n{blocks}\n"

    def add(self, module: types.ModuleType, inner: bool) -> None:
        """Notes what is in a module, and writes the list of it."""
        rows = []
        for name, thing in names_of(module).items():
            self.files[thing.__module__].setdefault(thing.__qualname__, thing)
            rows.append(f"| [`{name}`][{home(thing)}] | {first_line(thing)} |")
        for child in submodules_of(module) if inner else ():
            below = getattr(module, child)
            self.add(below, inner=True)
            rows.append(f"| [`{below.__name__}`]({child}/index.md) | {first_line(below)} |")
        text = (inspect.getdoc(module) or "").replace("Example:\n", "Example:\n\n")
        table = "\n| name | |\n|---|---|\n" + "\n".join(rows) + "\n" if rows else ""
        self.lists[module.__name__] = f"# {module.__name__}\n\n{text}\n{table}"


OVERVIEW = """# API reference

Every public class and function, from its docstring. Names, arguments and defaults are Keras's where Keras
has them ([what is not there](../keras-parity.md)).

| module | |
|---|---|
"""


def page_of(module: str, lists: dict[str, str]) -> str:
    """The path of a module's page: a folder's index for a list, a page beside it for a file."""
    if module == "corten":
        return "api/top.md"
    path = module.removeprefix("corten.").replace(".", "/").replace("_core", "engine")
    return f"api/{path}/index.md" if module in lists else f"api/{path}.md"


@functools.cache
def reference() -> Reference:
    """The one reference of this run."""
    return Reference()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the pages into the menu: modules, and below each its files."""
    pages = reference().pages
    menu: list[Any] = ["api/index.md", {"corten": "api/top.md"}]
    placed = {"api/index.md", "api/top.md"}
    for name in public_modules():
        start = f"api/{name}/"
        titles = {path: path.removeprefix(start).removesuffix(".md").removesuffix("/index") for path in pages}
        inside = [
            {titles[path]: path}
            for path in sorted(pages)
            if path.startswith(start) and titles[path] != "index"
        ]
        menu.append({f"corten.{name}": [f"{start}index.md", *inside]})
        placed |= {f"{start}index.md", *(path for entry in inside for path in entry.values())}
    menu.append({"others": sorted(set(pages) - placed)})
    config.nav = [{"Reference": menu} if "Reference" in entry else entry for entry in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of the reference to those in `docs/`."""
    for path, text in sorted(reference().pages.items()):
        files.append(File.generated(config, path, content=text))
    return files
