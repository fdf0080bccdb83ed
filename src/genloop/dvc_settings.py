"""DVC's own settings, read and written by DVC's own code."""

from pathlib import Path


def share_cache(checkout: Path, folder: Path) -> None:
    """Give another folder of DVC a checkout's cache and remotes; in its own settings relative paths lead elsewhere."""
    from dvc.config import Config

    known = Config(str(checkout / ".dvc"))
    own = Config(str(folder / ".dvc"))
    cache = known["cache"].get("dir") or str(checkout / ".dvc" / "cache")
    with own.edit("local") as settings:
        settings["cache"] = {"dir": str(cache)}
        settings["core"] = {key: known["core"][key] for key in ("remote",) if key in known["core"]}
        settings["remote"] = {
            name: {key: str(value) if key == "url" else value for key, value in remote.items()}
            for name, remote in known["remote"].items()
        }
