"""What samples say together, and how it is written down."""

import pytest
from benches.comparison import chart, machine, page, results, table


def sample(framework, number, ms):
    spread = {"fastest": ms, "lower": ms, "upper": ms, "calls": 9}
    return {"workload": "gemm", "framework": framework, "round": number, "ms": ms, **spread}


@pytest.fixture
def document():
    measured = {"status": "measured", "versions": {"some": "1.0"}, "python": "3.11"}
    document = {
        "schema": results.SCHEMA,
        "date": "2026-01-02T03:04:05+00:00",
        "machine": {"cpu": "A CPU", "architecture": "x", "cores": 4, "flags": ["avx2"], "system": "Linux"},
        "settings": {"rounds": 3, "seconds": 0.4, "threads": 2},
        "frameworks": {
            "corten": measured,
            "numpy": measured,
            "torch": measured,
            "mlx": {"status": "missing", "reason": "No module named 'mlx'"},
        },
        "ceilings": {"threads": 2, "fma_gflops": 200.0, "copy_gbs": 50.0, "read_gbs": 60.0},
        "workloads": [
            {"name": "gemm", "family": "matmul", "flops": 1e9, "bytes": 1e6, "ceiling": "fma"},
            {"name": "lonely", "family": "other", "flops": None, "bytes": None, "ceiling": None},
        ],
        "samples": [
            *(sample("corten", i, ms) for i, ms in enumerate((10.0, 12.0, 11.0), 1)),
            *(sample("numpy", i, ms) for i, ms in enumerate((20.0, 24.0, 23.0), 1)),
            *(sample("torch", i, ms) for i, ms in enumerate((30.0, 9.0, 31.0), 1)),
        ],
        "errors": [
            {"workload": "lonely", "framework": "torch", "round": i, "error": "broke"} for i in (1, 2)
        ],
    }
    return {**document, "summary": results.summarized(document)}


def test_the_best_peer_is_that_of_the_medians(document):
    row = document["summary"][0]
    assert row["medians"] == {"corten": 11.0, "numpy": 23.0, "torch": 30.0}
    assert row["best_peer"] == "numpy"
    assert row["ratio"] == pytest.approx(23 / 11)
    assert (row["ratio_low"], row["ratio_high"]) == pytest.approx((2.0, 23 / 11))
    assert row["spreads"]["torch"] == [9.0, 31.0]


def test_rates_are_parts_of_the_measured_ceiling(document):
    row = document["summary"][0]
    assert row["rate"] == pytest.approx(1e9 / 11e-3 / 1e9)
    assert row["of_ceiling"] == pytest.approx(row["rate"] / 200)
    document["ceilings"] = {"missing": "no compiler"}
    row = results.summarized(document)[0]
    assert row["of_ceiling"] is None
    assert row["rate"] is not None


def test_the_highest_ceiling_counts_and_a_missing_one_says_why(tmp_path):
    low, high = {"threads": 2, "fma_gflops": 5.0}, {"threads": 2, "fma_gflops": 7.0}
    assert machine.best([low, {"missing": "busy"}, high]) == high
    assert machine.best([{"missing": "busy"}]) == {"missing": "busy"}
    assert "not built" in machine.ceilings(tmp_path / "ceiling", 2)["missing"]


def test_documents_are_checked(document):
    results.check(document)
    with pytest.raises(ValueError, match="the document has no 'samples'"):
        results.check({name: value for name, value in document.items() if name != "samples"})
    with pytest.raises(ValueError, match="'ms' of an entry of samples is 'fast'"):
        results.check({**document, "samples": [{**document["samples"][0], "ms": "fast"}]})
    with pytest.raises(ValueError, match="expected schema 1; got 0"):
        results.check({**document, "schema": 0})


def test_parts_become_one(document):
    rest = {**document, "workloads": document["workloads"][1:], "samples": []}
    part = {**document, "workloads": document["workloads"][:1], "errors": []}
    assert results.merged([part, rest]) == document
    with pytest.raises(ValueError, match="'gemm' is in several"):
        results.merged([document, part])
    other = {**rest, "machine": {**document["machine"], "cpu": "Another"}}
    with pytest.raises(ValueError, match="several values of 'cpu'"):
        results.merged([part, other])


def test_the_terminal_table(document):
    header, _, line, lonely = table.plain(*table.comparison(document)).splitlines()
    assert line.split() == (
        [
            "gemm",
            "11.0",
            "10.0..12.0",
            "23.0",
            "20.0..24.0",
            "numpy",
            "2.09",
            "2.00..2.09",
            "0.90",
            "90.9",
            "GFLOP/s",
            "45",
            "%",
        ]
    )
    assert len(line) == len(header)
    assert lonely.split() == ["lonely", *["-"] * 10]


def test_the_markdown_table(document):
    header, rule, line, lonely = table.markdown(*table.medians(document)).splitlines()
    assert header == "| workload, ms | corten | numpy | torch |"
    assert rule == "| --- | ---: | ---: | ---: |"
    assert line == "| gemm | 11.0 | 23.0 | 30.0 |"
    assert lonely == "| lonely | - | - | failed |"


def test_families_have_a_geometric_mean(document):
    assert table.families(document)[1] == [["matmul", "0 of 1", "2.09", "0.90", "2.09"]]


def test_what_is_missing_or_failed_is_noted_once(document):
    assert table.notes(document) == [
        "missing: mlx: No module named 'mlx'",
        "failed: lonely on torch: broke (2 times)",
        "no peer measured: lonely",
    ]
    document["summary"][0]["spreads"]["numpy"] = [20.0, 31.0]
    assert table.notes(document)[-1].startswith("busy machine: in 1 of 2 lines rounds of Corten or of its")
    for form in (table.plain, table.markdown):
        assert "missing: mlx" in table.report(document, form)


def test_the_machine_is_named(document):
    text = table.machine(document)
    assert text.startswith("A CPU, 2 of 4 cores (avx2), Linux, 2026-01-02; 3 rounds of 0.4 s")
    assert "200 GFLOP/s" in text
    assert "some 1.0" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0.00"),
        (0.000540, "0.000540"),
        (0.5678, "0.568"),
        (12.34, "12.3"),
        (12345.6, "12346"),
    ],
)
def test_numbers_have_three_figures(value, text):
    assert table.number(value) == text


def test_the_chart_needs_something_to_compare(document, tmp_path):
    chart.draw(document, tmp_path / "new" / "chart.png")
    assert (tmp_path / "new" / "chart.png").stat().st_size > 1000
    document["samples"] = []
    document["summary"] = results.summarized(document)
    with pytest.raises(ValueError, match="chart: expected workloads"):
        chart.draw(document, tmp_path / "none.png")


def test_a_page_keeps_what_is_around_the_marks(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("before\n<!-- results: begin -->old<!-- results: end -->\nafter\n", encoding="utf-8")
    page.put(path, "results", "new")
    assert path.read_text(encoding="utf-8") == (
        "before\n<!-- results: begin -->\n\nnew\n\n<!-- results: end -->\nafter\n"
    )
    with pytest.raises(ValueError, match="expected <!-- other: begin --> and <!-- other: end -->"):
        page.put(path, "other", "new")
