"""The comparison runs on a few small workloads; what is missing or fails is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benches.comparison import cli, results, rounds
from benches.comparison.process import Worker, environment

ROOT = Path(__file__).parents[2]
SMALL = ["--quick", "--only", "add_16", "gemm_f32_64", "infer_mlp_b1", "--ceiling", "not-built"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    written = [f"--{name}={folder / name}" for name in ("json", "chart", "markdown")]
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "benches" / "compare.py",
            *SMALL,
            "--frameworks",
            "corten",
            "numpy",
            *written,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_every_workload_is_measured_on_both_sides(run):
    document = json.loads((run[0] / "json").read_text(encoding="utf-8"))
    results.check(document)
    assert document["errors"] == []
    assert {(s["workload"], s["framework"]) for s in document["samples"]} == {
        (workload, framework)
        for workload in ("add_16", "gemm_f32_64x64x64", "infer_mlp_b128", "infer_mlp_b1")
        for framework in ("corten", "numpy")
    }
    assert all(row["ratio"] > 0 and row["best_peer"] == "numpy" for row in document["summary"])
    assert document["frameworks"]["numpy"]["status"] == "measured"


def test_tables_chart_and_page_are_written(run):
    folder, printed = run
    assert "gemm_f32_64x64x64" in printed
    assert "Ceilings not measured: not-built: not built" in printed
    assert (folder / "chart").read_bytes().startswith(b"\x89PNG")
    assert "| add_16 |" in (folder / "markdown").read_text(encoding="utf-8")


def test_saved_results_give_the_same_tables(run, capsys):
    assert cli.main(["--from", str(run[0] / "json")]) == 0
    assert capsys.readouterr().out == run[1]


def test_a_missing_peer_is_told_and_the_rest_is_measured(tmp_path, capsys):
    options = [
        *SMALL[:3],
        *SMALL[5:],
        "--peers-python",
        "no-such-python",
        "--json",
        str(tmp_path / "results"),
    ]
    assert cli.main([*options, "--frameworks", "corten", "jax"]) == 0
    assert "missing: jax: no-such-python: No such file or directory" in capsys.readouterr().out
    document = json.loads((tmp_path / "results").read_text(encoding="utf-8"))
    assert document["frameworks"]["jax"]["status"] == "missing"
    assert document["summary"][0]["best_peer"] is None
    assert document["summary"][0]["medians"]["corten"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--frameworks", "theano"], "unknown framework 'theano'; known: corten, numpy"),
        (["--only", "gemv"], "no workload or family starts with 'gemv'"),
        (["--rounds", "0"], "--rounds must be above 0; got 0"),
        (["--from", "nowhere.json"], "nowhere.json"),
    ],
)
def test_wrong_options_say_so(options, message, capsys):
    with pytest.raises(SystemExit):
        cli.main(options)
    assert message in capsys.readouterr().err


@pytest.fixture
def numpy_worker():
    worker = Worker("numpy", sys.executable, 1, 60)
    yield worker
    worker.close()


def test_a_worker_answers_and_survives_errors(numpy_worker):
    assert "gemm_f32_64x64x64" in numpy_worker.ready["offered"]
    assert "train_lstm_b32_t64" not in numpy_worker.ready["offered"]
    assert "KeyError" in numpy_worker.ask("measure", workload="no such", seconds=0.01)["error"]
    assert "not_offered" in numpy_worker.ask("measure", workload="gelu_erf_4M", seconds=0.01)
    sample = numpy_worker.ask("measure", workload="add_16", seconds=0.01)
    assert 0 < sample["fastest"] <= sample["lower"] <= sample["ms"] <= sample["upper"]


def test_a_dead_worker_is_an_error_with_its_end(numpy_worker):
    numpy_worker.process.kill()
    numpy_worker.process.wait()
    assert "the process ended (-9)" in numpy_worker.ask("measure", workload="add_16", seconds=0.01)["error"]
    assert not numpy_worker.usable


def test_a_hanging_worker_is_ended(numpy_worker):
    numpy_worker.timeout = 0.001
    reply = numpy_worker.ask("measure", workload="gemm_f32_64x64x64", seconds=5)
    assert reply == {"error": "no answer in 0.001 s"}


def test_a_round_starts_the_dead_again():
    options = cli.arguments().parse_args([*SMALL, "--frameworks", "numpy"])
    settings = cli.settings(options)
    turn = rounds.Round(settings)
    try:
        turn.workers["numpy"].process.kill()
        turn.workers["numpy"].process.wait()
        assert turn.measure("numpy", settings.workloads[0])["ms"] > 0
    finally:
        turn.close()


def test_settings_that_hold_a_peer_back_are_not_handed_on(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    given = environment("keras-jax", 3)
    assert "OPENBLAS_CORETYPE" not in given
    assert given["OMP_NUM_THREADS"] == "3"
    assert given["KERAS_BACKEND"] == "jax"
