"""A folder as a small disk of its own, on which just so much is free: for benchmarks inside ``unshare -rm``."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

PAGE = 4096
EVEN = 8  # steps, beside those within files
AMPLE = "size=500m,nr_inodes=100000"


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def mount(folder: Path, content: Path) -> None:
    """Make ``folder`` a disk of its own that holds a copy of ``content``."""
    unmount(folder)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", AMPLE, "none", folder], check=True)
    shutil.copytree(content, folder, dirs_exist_ok=True, symlinks=True)


def unmount(folder: Path) -> None:
    """Make ``folder`` a folder like others again, whatever was mounted there."""
    while os.path.ismount(folder):
        subprocess.run(["umount", folder], check=True)


def leave_free(folder: Path, pages: int | None = None, names: int | None = None) -> None:
    """Leave so many pages and names free on the disk ``folder``; None: as many as there ever were."""
    used = os.statvfs(folder)
    options = AMPLE
    if pages is not None:
        size = max(used.f_blocks - used.f_bfree + pages, 1) * used.f_frsize  # 0 would be no limit
        options = f"size={size},nr_inodes=100000"
    if names is not None:
        options = f"size=500m,nr_inodes={used.f_files - used.f_ffree + names}"
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def page_points(disk: Path, since: int) -> list[int]:
    """Return how many pages to leave free: within each file that is newer than ``since``, and in even steps."""
    files = sorted((s.st_mtime_ns, s.st_size) for path in disk.rglob("*") if path.is_file() and (s := path.stat()))
    sizes = [-(-size // PAGE) for changed, size in files if changed > since and size]
    within = {sum(sizes[:index]) + size // 2 for index, size in enumerate(sizes)}
    return sorted(within | {sum(sizes) * step // EVEN for step in range(EVEN)})


def points(disk: Path, since: int) -> Iterator[dict[str, int]]:
    """Yield what to leave free, page by page and name by name."""
    for pages in page_points(disk, since):
        yield {"pages": pages}
    for names in range(sum(path.stat().st_mtime_ns > since for path in disk.rglob("*")) + 4):
        yield {"names": names}
