"""Processes that a test is answerable for: its own children and theirs, not the machine's."""

import os
from contextlib import suppress
from pathlib import Path


def descendants(root=None):
    """Command lines by process id, of what `root` (this process, unless told) has started and has
    not ended. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    parents, lines = {}, {}
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            stat = (each / "stat").read_text(errors="replace").rpartition(")")[2].split()
            lines[int(each.name)] = (each / "cmdline").read_bytes().decode(errors="replace")
            parents[int(each.name)] = int(stat[1])
    found, wanted = {}, {root or os.getpid()}
    while wanted:
        wanted = {pid for pid, parent in parents.items() if parent in wanted}
        found |= {pid: lines[pid] for pid in wanted}
    return found
