"""python -m tests.sim.weeks SEEDS [FIRST [FINDINGS]]: larger weeks of teams than the one that the tests play."""

import sys
import tempfile
from pathlib import Path

from tests.sim.week_promises import broken

FINDINGS = 10_000
MEMORY = Path("/dev/shm")  # programs are killed, never the power: no commit waits for a disk


def main() -> int:
    words = sys.argv[1:]
    if not 1 <= len(words) <= 3 or not all(word.isdecimal() for word in words):
        print("How many weeks, and the first one? For example: python -m tests.sim.weeks 3 100", file=sys.stderr)
        return 2
    count, first, findings = (*map(int, words), *(0, FINDINGS)[len(words) - 1 :])
    bad = 0
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory(prefix="hvw-", dir=MEMORY if MEMORY.is_dir() else None) as directory:
            sentences = broken(seed, Path(directory), findings=findings)
        bad += bool(sentences)
        for sentence in sentences:
            print(f"week {seed}: {sentence}", flush=True)
    print(f"{count} weeks of {findings} findings, {bad} with a broken promise")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
