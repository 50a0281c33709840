"""How much processor time other processes have used: of a benchmark that shares its machine, the only fair figure."""

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def seconds(pid: int) -> float:
    """Of one process, and of its children that have ended."""
    used = _stat(pid)[11:15]
    return sum(map(int, used)) / TICKS_PER_S


def of_tree(pid: int) -> float:
    """Of it and all that it started."""
    parents = {int(each.name): _parent(int(each.name)) for each in Path("/proc").iterdir() if each.name.isdecimal()}
    tree, grown = {pid}, True
    while grown:
        more = {each for each, parent in parents.items() if parent in tree} - tree
        grown = bool(more)
        tree |= more
    return sum(seconds(each) for each in tree)


def _parent(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[1]) if len(stat) > 1 else 0


def _stat(pid: int) -> list[str]:
    """From the third field on, in proc(5)'s order; nothing of a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
