"""`make bench`: every figure in one run, as tables. `python -m tests.bench NAME` runs one of them."""

import importlib
import sys
import traceback

BENCHES = (
    "decoding",
    "detection",
    "naive_detection",
    "statistics",
    "assessing",
    "ingest",
    "hydrate",
    "reads",
    "replay",
    "compressed",
    "gateway",
    "outbox",
    "backlog",
    "agent",
    "radio",
    "sockets",
    "trust",
    "past_one",
    "page",
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
    failed = [name for name in wanted or BENCHES if not _measured(name)]
    return 1 if failed else 0


def _measured(name: str) -> bool:
    """A failure is said; the other tables take minutes, and are measured all the same."""
    try:
        show(name, importlib.import_module(f"tests.bench.{name}").rows())
    except Exception:  # noqa: BLE001 - the outer edge of one table
        print(f"\n## {name}\nnot measured:", file=sys.stderr)
        traceback.print_exc()
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
