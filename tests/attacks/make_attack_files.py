"""Makes a file for each known attack on readers of models and data.

The tests make them in a temporary folder; to look at them:

    python -m tests.attacks.make_attack_files FOLDER

Each gets a folder of its own. None of them does harm by lying there, but other programs should not be given
them: some run code in readers that trust their files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.attacks import (
    adapters,
    archives,
    arrays,
    configurations,
    data_files,
    hdf5_files,
    models,
    tokenizers,
)
from tests.attacks.table import ATTACKS, Attack

__all__ = ["ATTACKS", "Attack", "make_all"]

#: The modules whose attacks are in the table.
MODULES = (adapters, archives, arrays, configurations, data_files, hdf5_files, models, tokenizers)


def make_all(folder: Path) -> list[Path]:
    """Writes all attack files below a folder."""
    made = []
    for number, attack in enumerate(ATTACKS):
        place = folder / f"{number:03d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / "attack.txt").write_text(f"{attack.name} (for {attack.reader})\n")
        made.append(attack.make(place))
    return made


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("\n".join(str(path) for path in make_all(Path(sys.argv[1]))))
