"""Every `unsafe` of the engine has its reason, lies where it may, and is counted in `rust/UNSAFE.md`."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def script():
    path = ROOT / "scripts" / "unsafe_inventory.py"
    spec = importlib.util.spec_from_file_location("unsafe_inventory", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_unsafe_code_has_reasons_and_is_counted():
    inventory = script()
    found = inventory.inventory()
    assert len(found) > 100, "the search finds nothing"
    assert inventory.problems(found) == []


def test_what_has_no_reason_is_found():
    inventory = script()
    bare = ["fn f() {", "    let x = 1;", "    unsafe { g() }", "}"]
    assert not inventory.has_reason(bare, 2, "block")
    assert inventory.has_reason([*bare[:2], "    // SAFETY: g asks for nothing.", *bare[2:]], 3, "block")
    assert not inventory.has_reason(["unsafe fn f() {}"], 0, "fn")
