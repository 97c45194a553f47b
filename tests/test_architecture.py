"""The arrows between folders: who may know whom, as the README's tour says."""

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "segd"

NOT_FOR_CORE = {
    "asyncio", "gzip", "io", "multiprocessing", "os", "pathlib", "random", "select", "selectors", "shutil", "signal",
    "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading", "time", "uuid",
}  # fmt: skip
LIBRARIES_OF_CORE = {"msgspec", "publicsuffixlist", "re2"}


def imported(path: Path) -> set[str]:
    """The modules that the Python files at or under a path import, by their full names."""
    found: set[str] = set()
    for file in [path] if path.is_file() else path.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: imports name the whole package here"
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def parts(modules: set[str]) -> set[str]:
    """`segd.core`, `segd.store` …: the parts of segd among modules."""
    return {".".join(name.split(".")[:2]) for name in modules if name.split(".")[0] == "segd"}


def test_core_knows_nothing_else_of_segd():
    assert parts(imported(PACKAGE / "core")) == {"segd.core"}


def test_folders_of_core_know_only_those_above_them():
    order = ["time", "language", "events", "deciding", "users", "why"]
    assert {path.name for path in (PACKAGE / "core").iterdir() if path.is_dir()} - {"__pycache__"} == set(order)
    for place, folder in enumerate(order):
        known = {name.split(".")[2] for name in imported(PACKAGE / "core" / folder) if name.startswith("segd.core.")}
        assert known & set(order) <= set(order[: place + 1]), folder


def test_core_has_no_clock_and_does_no_input_or_output():
    found = imported(PACKAGE / "core")
    roots = {name.split(".")[0] for name in found} - {"segd"}
    assert roots - sys.stdlib_module_names == LIBRARIES_OF_CORE
    assert not roots & NOT_FOR_CORE
    assert "datetime.datetime.now" not in found
    for file in (PACKAGE / "core").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            assert not isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith), file
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("now", "utcnow", "today") or _is_ours(node), f"{file}:{node.lineno}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("open", "print", "input"), f"{file}:{node.lineno}"


def _is_ours(node: ast.Attribute) -> bool:
    """`moment.now` is the instant that is asked about, not a clock."""
    return not (isinstance(node.value, ast.Name) and node.value.id in ("datetime", "date"))


def test_folders_know_only_what_lies_below_them():
    assert parts(imported(PACKAGE / "files")) <= {"segd.core", "segd.files"}
    assert parts(imported(PACKAGE / "store")) <= {"segd.core", "segd.files", "segd.store"}
    assert parts(imported(PACKAGE / "actors")) <= {"segd.core", "segd.actors"}
    assert parts(imported(PACKAGE / "web")) <= {"segd.core", "segd.web"}
    assert parts(imported(PACKAGE / "stories")) <= {"segd.core", "segd.stories"}
    assert parts(imported(PACKAGE / "config.py")) <= {"segd.core"}
    assert parts(imported(PACKAGE / "backtest.py")) <= {"segd.core", "segd.files"}


def test_only_the_bridge_knows_asyncio():
    for file in PACKAGE.rglob("*.py"):
        if file.name not in ("bridge.py", "session.py"):
            assert not {name.split(".")[0] for name in imported(file)} & {"asyncio", "asyncpg", "uvloop"}, file
