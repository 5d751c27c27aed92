"""Every example in every docstring runs and gives what it says."""

import doctest
import importlib
import pkgutil

import pytest

import corten

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def modules() -> list[str]:
    found = pkgutil.walk_packages(corten.__path__, prefix="corten.")
    return ["corten", *sorted(module.name for module in found if module.name != "corten._core")]


@pytest.mark.parametrize("name", modules())
def test_examples(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    corten.utils.set_random_seed(0)
    corten.utils.clear_session()
    if name.startswith("corten.wrappers."):
        pytest.importorskip("sklearn")
    module = importlib.import_module(name)
    with capsys.disabled():
        failed, _ = doctest.testmod(module, optionflags=FLAGS, extraglobs={"corten": corten}, report=True)
    assert failed == 0
