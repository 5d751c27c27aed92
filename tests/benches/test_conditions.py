"""The conditions are measured and told; none of them is asserted here but the bits."""

import sys

import pytest
from benches.comparison import conditions, page, table


@pytest.fixture
def run():
    return conditions.Conditions(
        rounds=1,
        seconds=0.01,
        steps=100,
        threads=2,
        corten_python=sys.executable,
        peers_python="no-such-python",
    )


def test_same_bits_and_flat_memory(run, monkeypatch):
    monkeypatch.setattr(conditions, "SAME_BITS", ["train_mlp_b128"])
    bits, flat = conditions.measured(run, ["bits", "flat"])
    assert (bits.measured, bits.held) == ("byte-equal", True)
    assert flat.what == "memory over 100 steps: train_mlp_b128"
    assert flat.measured.endswith(" MB")


def test_a_busy_core_and_more_threads(run, monkeypatch):
    monkeypatch.setattr(conditions, "TRAINING", ["fit_linreg_epoch"])
    monkeypatch.setattr(conditions, "SCALING", ["fit_linreg_epoch"])
    busy, peer, scaling, _ = conditions.measured(run, ["busy", "scaling"])
    assert busy.expected == "at most 1.6 times"
    assert isinstance(busy.held, bool)
    assert peer.what == "busy: not measured"
    assert "torch, fit_linreg_epoch: no-such-python: No such file" in peer.measured
    assert " ms, " in scaling.measured


def test_a_cold_start(run, monkeypatch):
    monkeypatch.setattr(conditions, "COLD", ["first_step_mlp_b128"])
    cold, peer = conditions.measured(run, ["cold"])
    assert "ms warm" in cold.measured
    assert peer.held is None


def test_the_quietest_rounds_count_and_noise_is_told():
    assert conditions.change([2.0, 2.1], [3.0, 3.1], 1.5) == "2.00 -> 3.00 ms, 1.50 times"
    assert conditions.change([2.0, 9.0], [3.0, 3.1], 1.5).endswith("; rounds far apart, measure again")


def test_the_report_says_what_held():
    found = [conditions.Finding("a", "b", "c", held) for held in (True, False, None)]
    assert [line[-1] for line in conditions.rows(found)[1]] == ["yes", "NO", "-"]
    assert "condition" in table.plain(*conditions.rows(found))


def test_the_command_line(monkeypatch, capsys, tmp_path):
    found = [conditions.Finding("a", "b", "c", True)]
    monkeypatch.setattr(conditions, "measured", lambda run, names: found)
    path = tmp_path / "page.md"
    assert conditions.main(["--quick", "--markdown", str(path)]) == 0
    assert "| a | b | c | yes |" in path.read_text(encoding="utf-8")
    assert "yes" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        conditions.main(["weather"])
    assert "unknown condition 'weather'; known: busy, scaling" in capsys.readouterr().err
    assert page.put(path, "conditions", "x") is None
