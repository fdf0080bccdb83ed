"""New raw data, prepared aside and compared with what the champion was trained on, before anything trains on it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from genloop import plugins
from genloop.choices import Prepare
from genloop.config import Params
from genloop.deliveries.check import Delivery, Finding, check_delivery
from genloop.dvc_settings import share_cache
from genloop.errors import GenloopError
from genloop.gate.choices import Gate
from genloop.outputs import read_choices
from genloop.recipe import dvc_hash
from genloop.retraining.pipeline import pull
from genloop.retraining.plan import Plan
from genloop.tracking.lookup import Logbook
from genloop.tracking.promotion import champion
from genloop.tracking.registry import Version
from genloop.versions import Lock, hash_in, parse_lock
from genloop.workspace import environment_without, git

PREPARED = "prepared"


@dataclass(frozen=True)
class Earlier:
    """Prepared records of before, by DVC's hash, with the hash of the choices that prepared them."""

    whose: str
    records: str
    choices: str | None


def changed_data(plan: Plan) -> list[str]:
    """Return the data sets whose raw data changed, whatever else did."""
    return [name for name in plan.names("prepare") if f"data/raw/{name}" in plan.stages[f"prepare@{name}"]]


def check_arrivals(plan: Plan, params: Params, accepted: Iterable[str]) -> list[Delivery]:
    """Return what is found in data sets whose raw data changed; in what is ``accepted`` nothing counts as broken."""
    found = [_checked(name, params) for name in changed_data(plan)]
    taken = set(accepted)
    return [_accepted(delivery) if delivery.data in taken else delivery for delivery in found]


def _accepted(delivery: Delivery) -> Delivery:
    told = (
        Finding(find.what, f"{find.told} (accepted)" if find.broken else find.told, False) for find in delivery.findings
    )
    return Delivery(delivery.data, delivery.new, delivery.gone, tuple(told))


def _checked(name: str, params: Params) -> Delivery:
    """Prepare a data set aside, and compare it with the champion's data; without a champion with those of before."""
    modality, raw = params.data[name].modality, Path(f"data/raw/{name}")
    if not raw.exists():
        pull([str(raw)])
    with tempfile.TemporaryDirectory(prefix="genloop-") as scratch:
        before, now = Path(scratch) / "before", Path(scratch) / "now"
        try:
            plugins.raw(modality).prepare(raw, read_choices(_choices(name), Prepare), now)
        except GenloopError as error:
            return Delivery(name, 0, 0, (Finding("raw data", str(error), broken=True),))
        holder = champion(name)
        earlier = (champions_data(holder) if holder else None) or _committed(name)
        if earlier is None:
            return _told(name, "the first data; there is nothing to compare them with")
        if earlier.choices != dvc_hash(_choices(name)):
            return _told(name, f"not compared with {earlier.whose}, which were prepared by other choices")
        if not bring(earlier.records, before):
            return _told(name, f"not compared with {earlier.whose}: neither DVC's cache nor its remote has them")
        return check_delivery(name, modality, before, now, params.gate.get(name, Gate()).drift)


def _choices(name: str) -> Path:
    return Path(f"data/config/{name}/prepare.json")


def _told(name: str, line: str) -> Delivery:
    return Delivery(name, 0, 0, (Finding("data", line, broken=False),))


def champions_data(holder: Version) -> Earlier | None:
    """Return what a champion was trained on, as far as MLflow keeps what it was made of."""
    lock = Logbook().lock_of(holder.mlflow[0])
    return _in_lock(holder.data, f"the data of the champion {holder.label}", lock) if lock else None


def _committed(name: str) -> Earlier | None:
    return _in_lock(name, "the data of before", parse_lock(git("show", "HEAD:./dvc.lock") or ""))


def _in_lock(name: str, whose: str, lock: Lock) -> Earlier | None:
    records = hash_in(lock, f"data/{PREPARED}/{name}")
    used = {dep["path"]: dep.get("md5") for dep in lock.get(f"prepare@{name}", {}).get("deps", ())}
    return Earlier(whose, records, used.get(_choices(name).as_posix())) if records else None


def bring(md5: str, out: Path) -> bool:
    """Bring a folder by DVC's hash of it, from the cache or the remote; return whether one of them has it."""
    project = out.with_name(f"{out.name}-project")
    project.mkdir()
    stated = f"outs:\n- md5: {md5}\n  hash: md5\n  path: {PREPARED}\n"
    (project / f"{PREPARED}.dvc").write_text(stated)
    _dvc(project, "init", "--quiet", "--no-scm")
    share_cache(Path.cwd(), project)
    if _dvc(project, "pull", "--quiet", f"{PREPARED}.dvc"):
        return False
    (project / PREPARED).rename(out)
    return True


def _dvc(folder: Path, *arguments: str) -> int:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=folder, env=environment_without("DVC_"), capture_output=True).returncode
