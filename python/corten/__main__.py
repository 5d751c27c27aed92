"""The command line: `corten info`, also as `python -m corten info`."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: The command and its arguments; None takes those of the process.

    Returns:
        The exit status: 0, or 2 for a command that is not known.

    Example:
        >>> main(["dance"])
        2
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments != ["info"]:
        print(
            "usage: corten info    Prints CPU features, threads and GPUs, and what of it is used.",
            file=sys.stderr,
        )
        return 0 if arguments in (["-h"], ["--help"]) else 2
    from corten.devices import information

    pairs = information()
    width = max(len(subject) for subject, _ in pairs)
    for subject, text in pairs:
        print(f"{subject:<{width}}  {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
