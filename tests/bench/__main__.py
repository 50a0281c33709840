"""`make bench`: every figure in one run, as tables. `python -m tests.bench NAME` runs one of them."""

import importlib
import sys

BENCHES = (
    "decoding",
    "detection",
    "naive_detection",
    "statistics",
    "ingest",
    "hydrate",
    "reads",
    "gateway",
    "outbox",
    "backlog",
    "agent",
    "radio",
    "sockets",
)


def show(name: str, rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print(f"\n## {name}")
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def main(wanted: list[str]) -> int:
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        print(f"there is no bench {unknown[0]!r}; choose from: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for name in wanted or BENCHES:
        show(name, importlib.import_module(f"tests.bench.{name}").rows())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
