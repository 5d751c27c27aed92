"""Runs small programs of training under many conditions and says where the bits agree.

    python scripts/reproducibility_report.py            # the table, in Markdown
    python scripts/reproducibility_report.py --store    # writes tests/reproducibility/golden.json, too

Corten must be importable. `--store` adds the hashes of this machine's instruction sets to those there are.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.reproducibility import conditions
from tests.reproducibility.programs import PROGRAMS, SIXTEEN_BITS


def rows() -> list[tuple[str, dict[str, str]]]:
    """Conditions and the hashes that the programs have under each."""
    found = [(f"{threads} threads", conditions.hashes(threads)) for threads in (1, 2, 3, 4)]
    found.append(("another run", conditions.hashes(2, number=1)))
    found += [(f"a child by {way}", conditions.hashes_from_child(way)) for way in conditions.WAYS]
    return found


def main() -> int:
    """Prints the tables; the exit status says whether all agree that must."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", action="store_true", help="store the hashes of this machine")
    arguments = parser.parse_args()
    print(f"{len(PROGRAMS)} programs on {conditions.machine()}, {conditions.label('', True)}\n")
    print("| the same programs with | byte-equal |\n|---|---|")
    found = rows()
    expected, equal = found[0][1], True
    for name, hashes in found[1:]:
        same = sum(hashes[program] == expected[program] for program in PROGRAMS)
        equal = equal and same == len(PROGRAMS)
        print(f"| {name} | {same} of {len(PROGRAMS)} |")
    if arguments.store:
        print(f"\nstored: {', '.join(conditions.store())}")
    known = conditions.stored().get(conditions.machine(), {})
    labels = {conditions.label(isa, True): isa for isa in conditions.SETS if conditions.is_there(isa)}
    sets = list(labels.values())
    print("\n| program | " + " | ".join(labels) + " |")
    print("|---" * (len(sets) + 1) + "|")
    for program in PROGRAMS:
        cells = []
        for isa in sets:
            value = conditions.hashes(1, isa)[program]
            golden = known.get(program, {}).get(conditions.label(isa, program in SIXTEEN_BITS))
            equal = equal and golden in (None, value)
            cells.append(
                value + ("" if golden is None else " =" if golden == value else f" (stored: {golden})")
            )
        print(f"| {program} | " + " | ".join(cells) + " |")
    print("\n`=`: equal to the stored hash.")
    return int(not equal)


if __name__ == "__main__":
    sys.exit(main())
