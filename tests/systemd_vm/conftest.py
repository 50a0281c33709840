"""The scenarios install packages and kill services: they are collected in the guest and nowhere else."""

from pathlib import Path

IN_THE_GUEST = Path("/run/hjemvakt-guest").is_dir()

collect_ignore = [] if IN_THE_GUEST else ["guest"]
