"""Takes the build folder's path out of the bill of materials in wheels.

    python scripts/portable_bill.py dist

maturin calls the crates of the workspace by where they lie. Without that the same sources give the same
wheel in every folder, and nobody learns the names of the builder's folders.
"""

import argparse
import base64
import hashlib
import os
import re
import sys
import zipfile
from pathlib import Path

# As in `path+file:///home/me/corten/rust/core#corten-core@0.1.0`.
_PLACE = re.compile(rb'path\+file://[^"#]*?/(?=rust/[a-z]+#)')
_BILL = re.compile(r"[^/]+\.dist-info/sboms/[^/]+\.json")


def portable(bill: bytes) -> bytes:
    """A bill in which crates of the workspace are called by their folder in the repository.

    Raises:
        ValueError: It says in another way where something was built.
    """
    text = _PLACE.sub(b"", bill)
    if b"file:///" in text:
        raise ValueError("the bill of materials names a folder that is not one of the workspace's crates")
    return text


def entry(name: str, data: bytes) -> bytes:
    """The line of a file in the wheel's RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}".encode()


def rewrite(wheel: Path) -> None:
    """Makes the bills of a wheel portable, and RECORD true; all else stays as it is.

    Raises:
        ValueError: See `portable`.
    """
    with zipfile.ZipFile(wheel) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    bills = {info.filename: portable(data) for info, data in members if _BILL.fullmatch(info.filename)}
    draft = wheel.with_suffix(".draft")
    with zipfile.ZipFile(draft, "w") as archive:
        for info, data in members:
            if info.filename.endswith(".dist-info/RECORD"):
                lines = data.splitlines()
                data = b"".join(
                    (entry(name, bills[name]) if (name := line.decode().split(",")[0]) in bills else line)
                    + b"\n"
                    for line in lines
                )
            archive.writestr(info, bills.get(info.filename, data), compress_type=info.compress_type)
    os.replace(draft, wheel)


def main() -> None:
    """Rewrites the wheels of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder with the wheels")
    wheels = sorted(parser.parse_args().folder.glob("*.whl"))
    if not wheels:
        sys.exit("there is no wheel in the folder")
    for wheel in wheels:
        rewrite(wheel)


if __name__ == "__main__":
    main()
