"""Writing a file at once or not at all: an interruption leaves the old one, not half a new one."""

import os
from pathlib import Path


def replace(path: Path, content: str | bytes) -> None:
    """Write `content` beside `path`, then let it take the place of what is there.

    Args:
        path: in a folder that exists.
        content: text is stored as UTF-8 with the line ends it has, on every platform.

    Raises `OSError` if the folder cannot be written; the old file is then as it was.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
    >>> replace(path, "one line")
    >>> path.read_text(encoding="utf-8"), [p.name for p in path.parent.iterdir()]
    ('one line', ['notes.txt'])
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(fresh, path)
    except BaseException:  # Ctrl-C too
        fresh.unlink(missing_ok=True)
        raise
