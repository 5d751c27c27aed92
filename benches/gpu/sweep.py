"""Which tile is best for which product: what the table in `rust/wgpu/src/tile.rs` is made from."""

import itertools
import statistics
from collections.abc import Iterator
from typing import Any

import numpy as np

import corten
from corten import _core, ops

from .timing import timed, warmed
from .with_corten import OnDevice, Prepared
from .workloads import matmul

#: Products of each class of sizes: rows, depth, columns.
PRODUCTS = [
    (128, 128, 128),
    (256, 256, 256),
    (512, 512, 512),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (4096, 4096, 4096),
    (128, 4096, 128),
    (64, 784, 128),
    (256, 2048, 2048),
    (16, 4096, 4096),
    (4096, 4096, 16),
    (4096, 512, 14336),
]
FEW_SAMPLES, SAMPLES = 5, 20
FINALISTS = 3
#: Forward passes with fewer tiles than this gain from cutting the depth.
FEW_TILES = 256


def is_made(name: str) -> bool:
    """Whether the kernels have that tile."""
    try:
        _core.force_gpu_tile(name)
    except ValueError:
        return False
    finally:
        _core.force_gpu_tile(None)
    return True


def tiles() -> list[str]:
    """Every tile that the kernels can be made with, of those that may be worth it."""
    edges, depths, lanes, teams = (16, 32, 64, 128), (8, 16, 32), (4, 8), ("", "*2", "*4")
    names = (
        f"{rows}x{columns}x{depth}:{of_rows}x{of_columns}{together}"
        for rows, columns, depth, of_rows, of_columns, together in itertools.product(
            edges, edges, depths, lanes, lanes, teams
        )
    )
    return [name for name in names if is_made(name)]


def candidates(rows: int, depth: int, columns: int) -> Iterator[str]:
    """Tiles for a product; where they are few, with several teams of lanes and with the depth in parts."""
    for tile in tiles():
        height, width = (int(n) for n in tile.split(":")[0].split("x")[:2])
        if height >= 2 * max(rows, 16) or width >= 2 * max(columns, 16):
            continue
        few = -(-rows // height) * -(-columns // width) < FEW_TILES
        if few or "*" not in tile:
            yield tile + "/1"
        if few:
            yield from (f"{tile}/{parts}" for parts in (4, 16) if depth >= 128 * parts)


def rate(prepared: Prepared, flops: float, samples: int) -> float:
    """GFLOP/s, by the median."""
    _, calls = warmed(prepared)
    return flops / statistics.median(timed(prepared, calls) for _ in range(samples)) / 1e9


def sweep(device: str, report: Any = None) -> list[dict[str, Any]]:
    """Measures all tiles on all products; the quickest three of each once more, in full."""
    found = []
    for rows, depth, columns in PRODUCTS:
        workload = matmul(rows, depth, columns)
        flops = float(workload.flops or 0)
        prepared = OnDevice(device).prepare(workload)
        rates: dict[str, float] = {}
        try:
            for name in candidates(rows, depth, columns):
                _core.force_gpu_tile(name)
                try:
                    rates[name] = rate(prepared, flops, FEW_SAMPLES)
                except (NotImplementedError, MemoryError):
                    continue
            finalists = sorted(rates, key=lambda name: -rates[name])[:FINALISTS]
            for name in finalists:
                _core.force_gpu_tile(name)
                rates[name] = rate(prepared, flops, SAMPLES)
        finally:
            _core.force_gpu_tile(None)
        best = max(finalists, key=lambda name: rates[name])
        one = {
            "product": f"{rows}x{depth}x{columns}",
            "best": best,
            "chosen": _core.gpu_tile(1, rows, columns, depth),
            "chosen_rate": rate(prepared, flops, SAMPLES),
            "tiles": rates,
        }
        found.append(one)
        if report:
            report(
                f"{one['product']}: {best}, {rates[best]:.0f} GFLOP/s ({one['chosen_rate']:.0f} as chosen)"
            )
    return found


def check(device: str, every: int = 1) -> list[str]:
    """Tries every so many of the tiles on a product that none of them fits; gives those that are wrong."""
    random = np.random.default_rng(0)
    a, b = (random.standard_normal(shape, dtype=np.float32) for shape in ((37, 70), (70, 45)))
    expected = a @ b
    x, y = (corten.tensor(one, device=device) for one in (a, b))
    wrong = []
    try:
        for i, tile in enumerate(tiles()[::every]):
            _core.force_gpu_tile(f"{tile}/{1 + i % 3}")
            if not np.allclose(ops.matmul(x, y).numpy(), expected, rtol=1e-4, atol=1e-4):
                wrong.append(tile)
    finally:
        _core.force_gpu_tile(None)
    return wrong
