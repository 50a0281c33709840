"""python -m tests.sim SEEDS [FIRST]: more worlds than the tests run, on all cores. Without FIRST: a month, too."""

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.sim import month
from tests.sim.promises import broken

MONTH_DAYS = 30


def one(seed: int) -> tuple[int, list[str]]:
    with tempfile.TemporaryDirectory(prefix="hjemvakt-sim-") as directory:
        return seed, broken(seed, Path(directory))


def a_month() -> list[str]:
    with tempfile.TemporaryDirectory(prefix="hjemvakt-sim-") as directory:
        return month.grown(month.run(MONTH_DAYS, Path(directory)))


def main() -> int:
    if not 2 <= len(sys.argv) <= 3 or not all(word.isdecimal() for word in sys.argv[1:]):
        print("How many seeds, and the first one? For example: python -m tests.sim 5000 1000", file=sys.stderr)
        return 2
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else 0
    bad = 0
    with ProcessPoolExecutor() as pool:
        lived = pool.submit(a_month) if len(sys.argv) == 2 else None
        for seed, sentences in pool.map(one, range(first, first + count)):
            bad += bool(sentences)
            for sentence in sentences:
                print(f"seed {seed}: {sentence}", flush=True)
        for sentence in lived.result() if lived else []:
            bad += 1
            print(f"a month of {MONTH_DAYS} days: {sentence}", flush=True)
    print(f"{count} seeds, {bad} with a broken promise")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
