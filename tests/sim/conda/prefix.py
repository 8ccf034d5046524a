"""Put the stand-in where conda would be: `python -m tests.sim.conda.prefix PREFIX`."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
LIBRARIES = ("rattler", "yaml")
PROGRAM = """#!{python} -sE
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "lib" / "stand-in"))
from conda_stand_in.program import run

run(ROOT)
"""


def make_prefix(prefix: Path, python: Path, *, carry: bool, root: Path = Path("/")) -> None:
    """Write `prefix`/bin/conda, to be run by the interpreter `python`.

    The libraries are copied with `carry`, for another machine, whose root folder here is `root`; else they are linked.
    """
    place = root / prefix.relative_to("/")
    library = place / "lib" / "stand-in"
    library.mkdir(parents=True)
    shutil.copytree(HERE, library / "conda_stand_in", ignore=shutil.ignore_patterns("__pycache__"))
    for name in LIBRARIES:
        source = _folder(name)
        if carry:
            shutil.copytree(source, library / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (library / name).symlink_to(source)
    (place / "envs").mkdir()
    (place / "conda-meta").mkdir()
    (place / "conda-meta" / "history").touch()
    program = place / "bin" / "conda"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=python))
    program.chmod(0o755)


def _folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"this interpreter has no {name}; `make setup` installs it")
    return Path(spec.origin).parent


if __name__ == "__main__":
    make_prefix(Path(sys.argv[1]).absolute(), Path(sys.executable), carry=False)
