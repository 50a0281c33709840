"""`python -m tests.bench.large 50000000`: the figures of `reads` with so many readings.

Loading takes minutes, and some 250 bytes of disk for each reading."""

import sys

from tests.bench import reads
from tests.bench.__main__ import show


def main(wanted: list[str]) -> int:
    if len(wanted) != 1 or not wanted[0].isdecimal():
        print("say how many readings, such as: python -m tests.bench.large 50000000", file=sys.stderr)
        return 2
    show("large", reads.measured(min(max(int(wanted[0]) // reads.READINGS_OF_ONE, 1), 500)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
