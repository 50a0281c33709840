"""`python -m tests.bench.large 50000000`: the figures of `reads` with so many readings.

Loading takes minutes, and some 250 bytes of disk for each reading. With a directory, such as
`python -m tests.bench.large 50000000 /tmp/readings`, they stay there and are measured again the next time."""

import sys
from pathlib import Path

from tests.bench import reads
from tests.bench.__main__ import show


def main(wanted: list[str]) -> int:
    if len(wanted) not in (1, 2) or not wanted[0].isdecimal():
        print("say how many readings, such as: python -m tests.bench.large 50000000", file=sys.stderr)
        return 2
    place = Path(wanted[1]) if len(wanted) > 1 else None
    show("large", reads.measured(min(max(int(wanted[0]) // reads.READINGS_OF_ONE, 1), 500), place))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
