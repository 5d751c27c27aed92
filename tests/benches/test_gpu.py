"""The measurement on GPUs: refuses where there is none, and runs as a whole where a test has one."""

import itertools
import json

import numpy as np
import pytest
from benches.gpu import cli, report, sweep, timing, workloads
from benches.gpu.with_corten import OnDevice, Prepared

from corten import _core


def taken(*samples, device=None):
    return {**timing.summary([float(one) for one in samples]), "device_ms": device}


@pytest.fixture
def document():
    row = {
        "workload": "matmul_1x2x3",
        "family": "matmul",
        "flops": 2e9,
        "bytes": None,
        "bars": (0.45, 0.7, 0.85),
    }
    ours, theirs = taken(2.0, 1.0, 4.0, device=1.5), taken(1.0, 2.0, 2.0, device=0.5)
    alone = {**row, "workload": "add_2^20", "flops": None, "bytes": 4e6, "corten": ours, "torch": None}
    return {
        "adapter": {"name": "Some GPU", "kind": "discrete GPU", "backend": "vulkan", "driver": "driver 1"},
        "machine": {"system": "Linux 6"},
        "date": "2026-01-02",
        "corten": "0.1.0",
        "torch": {"torch": "2.0", "cuda": "13", "gpu": "Some GPU"},
        "samples": 3,
        "results": [
            {**row, "corten": ours, "torch": theirs, **report.compared(ours, theirs)},
            {**alone, **report.compared(ours, None)},
        ],
        "tiles": [
            {"product": "8x9x10", "best": "b/1", "chosen": "c", "chosen_rate": 50.0, "tiles": {"b/1": 100.0}}
        ],
        "errors": [{"workload": "lonely", "error": "broke"}],
    }


def test_ratios_are_of_throughput(document):
    first, second = document["results"]
    # PyTorch's median is 2 ms, as Corten's; in single turns Corten was at half and at twice its speed.
    assert (first["ratio"], first["ratio_low"], first["ratio_high"]) == (1.0, 0.5, 2.0)
    assert second["ratio"] is None


def test_the_table_has_every_part(document):
    text = report.text(document)
    assert "Some GPU (discrete GPU, vulkan, driver 1)" in text
    assert "PyTorch 2.0 (CUDA 13, Some GPU), TF32 off" in text
    assert (
        "| matmul_1x2x3 | 2.00 | 1.50..3.00 | 1.50 | 1000 GFLOP/s | 2.00 | 1.50..2.00 | 0.500 | 1.00 "
        "| 0.50..2.00 | as good as any |" in text
    )
    assert "| add_2^20 | 2.00 | 1.50..3.00 | 1.50 | 2.00 GB/s | - | - | - | - | - | - |" in text
    assert "| 8x9x10 | b/1 | 100 | c | 50.0 | 2.00 |" in text
    assert "- lonely: broke" in text


@pytest.mark.parametrize(
    ("ratio", "level"),
    [(0.44, "below usable"), (0.45, "usable"), (0.7, "good"), (0.85, "as good as any"), (None, "-")],
)
def test_levels(ratio, level):
    assert report.level(ratio, (0.45, 0.7, 0.85)) == level


def test_frameworks_take_turns():
    order = []

    def named(name):
        return Prepared(lambda: order.append(name), lambda: None, units=2)

    times = timing.measure({"a": named("a"), "b": named("b")}, samples=4)
    assert [len(one["samples"]) for one in times.values()] == [4, 4]
    # After the calls that warm up, another one begins each turn: a b, b a, a b, b a.
    runs = [name for name, _ in itertools.groupby(order)]
    assert runs == ["a", "b", "a", "b", "a", "b", "a"]
    assert order.count("a") == order.count("b") == timing.WARM_CALLS + 4 * timing.MOST_CALLS
    assert times["a"]["calls"] == timing.MOST_CALLS
    assert times["a"]["device_ms"] is None


def test_a_device_with_a_clock_is_asked_once_a_sample():
    order = []

    def stop():
        order.append("stop")
        return 0.004

    prepared = Prepared(
        lambda: order.append("call"),
        lambda: None,
        2,
        start_clock=lambda: order.append("start"),
        stop_clock=stop,
    )
    assert timing.measure({"a": prepared}, samples=3)["a"]["device_ms"] == 2.0
    assert order[-9:] == ["start", "call", "stop"] * 3
    assert order.count("start") == 3


def test_a_cpu_has_no_clock_of_its_own():
    with pytest.raises(RuntimeError, match="only GPUs have a clock"):
        _core.start_device_clock("cpu")
    workload = next(one for one in workloads.WORKLOADS if one.kind == "launch")
    assert OnDevice("cpu").prepare(workload, dry=True).start_clock is None


def test_workloads_are_named_once_and_counted_right():
    names = [one.name for one in workloads.WORKLOADS]
    assert len(names) == len(set(names))
    found = {one.name: one for one in workloads.WORKLOADS}
    assert found["matmul_4096x512x14336"].flops == 2 * 4096 * 512 * 14336
    assert found["add_2^20"].bytes == 12 << 20
    assert found["conv_dw_224x224x3_64_k7s2"].flops == 2 * 32 * 112 * 112 * 64 * 3 * 49
    assert {one.family for one in workloads.select(["launch", "attention_f"])} == {"launch", "attention"}
    with pytest.raises(ValueError, match="starts with 'gemv'; families: matmul"):
        workloads.select(["gemv"])


@pytest.mark.parametrize("kind", sorted({one.kind for one in workloads.WORKLOADS} - {"training"}))
def test_every_kind_runs_on_the_cpu(kind):
    workload = next(one for one in workloads.WORKLOADS if one.kind == kind)
    values = OnDevice("cpu").prepare(workload, dry=True).values()
    assert values
    assert all(np.isfinite(one).all() for one in values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "gemv"], "starts with 'gemv'"),
        (["--samples", "19"], "--samples must be at least 20; got 19"),
    ],
)
def test_wrong_options_say_so(options, message, capsys):
    with pytest.raises(SystemExit):
        cli.main(options)
    assert message in capsys.readouterr().err


def test_without_a_gpu_there_are_no_numbers(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(_core, "has_gpu_backend", lambda: False)
    assert cli.main(["--json", str(tmp_path / "numbers.json")]) == cli.NOTHING_TO_MEASURE
    printed = capsys.readouterr()
    assert "no numbers: this build of Corten has no GPU backend" in printed.err
    assert printed.out == ""
    assert not (tmp_path / "numbers.json").exists()


def test_a_software_driver_gives_no_numbers(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(_core, "has_gpu_backend", lambda: True)
    monkeypatch.setattr(_core, "open_device", lambda name: "gpu:0")
    software = {"name": "llvmpipe", "kind": "software", "refusal": None}
    monkeypatch.setattr(_core, "adapters", lambda: [software])
    assert cli.main(["--json", str(tmp_path / "numbers.json")]) == cli.NOTHING_TO_MEASURE
    assert "llvmpipe is a driver that computes on the CPU" in capsys.readouterr().err
    assert not (tmp_path / "numbers.json").exists()
    assert cli.adapter("gpu:0", dry=True) == software


@pytest.mark.timeout(1200)  # hundreds of shaders, which a software driver compiles slowly on a busy machine
def test_all_of_it_runs_once(gpu, capsys, tmp_path):
    assert cli.main(["--dry-run", "--sweep", "--device", gpu, "--json", str(tmp_path / "numbers.json")]) == 0
    printed = capsys.readouterr()
    assert all(f"{one.name}: done" in printed.err for one in workloads.WORKLOADS)
    assert printed.out == f"{gpu}: everything was done once; no times are taken in a dry run\n"
    assert not (tmp_path / "numbers.json").exists()


def test_what_is_wrong_is_told_and_not_timed(gpu, capsys, monkeypatch):
    monkeypatch.setattr(cli, "TOLERANCE", -1.0)
    assert cli.main(["--dry-run", "--device", gpu, "--only", "launch_1000_add"]) == 1
    assert "launch_1000_add: wrong: " in capsys.readouterr().err


def test_tiles_are_forced(gpu):
    every = sweep.tiles()
    assert {"128x128x8:8x8", "64x64x16:4x4", "16x64x8:4x4*4"} <= set(every)
    assert _core.gpu_tile(1, 4096, 4096, 4096) == "128x128x8:8x8"
    _core.force_gpu_tile("32x64x16:4x4/4")
    assert _core.gpu_tile(1, 4096, 4096, 4096) == "32x64x16:4x4"
    _core.force_gpu_tile(None)
    assert _core.gpu_tile(1, 40, 40, 40) == "32x32x8:4x4*4"
    with pytest.raises(ValueError, match="none that the kernels can be made with"):
        _core.force_gpu_tile("7x7x7:7x7")
    assert all(name.split("/")[0] in every for name in sweep.candidates(128, 4096, 128))


def test_a_measurement_is_whole(gpu, tmp_path, monkeypatch):
    # What a real GPU would give, of one small workload.
    monkeypatch.setattr(cli, "adapter", lambda device, dry: dict(_core.adapters()[0]))
    monkeypatch.setattr(sweep, "PRODUCTS", [(20, 30, 40)])
    monkeypatch.setattr(sweep, "tiles", lambda: ["32x32x16:4x4", "16x64x16:4x4"])
    small = workloads.matmul(24, 40, 36)
    monkeypatch.setattr(cli, "select", lambda prefixes: [small])
    path = tmp_path / "gpu.json"
    assert (
        cli.main(["--no-peer", "--sweep", "--json", str(path), "--markdown", str(tmp_path / "gpu.md")]) == 0
    )
    document = json.loads(path.read_text(encoding="utf-8"))
    assert [row["workload"] for row in document["results"]] == [small.name]
    assert len(document["results"][0]["corten"]["samples"]) == 20
    assert set(document["tiles"][0]["tiles"]) == {"32x32x16:4x4/1", "16x64x16:4x4/1"}
    assert "without a peer: not asked for" in (tmp_path / "gpu.md").read_text(encoding="utf-8")
