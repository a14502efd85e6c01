"""The project as a fresh clone of it would be."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def copy_checkout(to: Path) -> Path:
    """Copy every file that is, or could be, committed: what Git ignores stays behind, `.git` too."""
    # The checkout may be another user's, as in a container: Git would not list it without `safe.directory`.
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, to / name
        if source.is_file():  # one that was deleted is still listed until that is committed
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return to
