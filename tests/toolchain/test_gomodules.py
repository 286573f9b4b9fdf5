"""Programs built together from one go.mod: all that can be built is, whatever fails beside it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from toolchain import gomodules
from toolchain.gomodules import Changed, Embedded, Module, Program, build
from toolchain.log import Log, StepFailedError

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="nothing is built without Go")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gomodules, "MODULES", tmp_path)
    monkeypatch.setattr(gomodules, "WORK", tmp_path)
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "go.mod").write_text("module own\n\ngo 1.25\n")
    return folder


def program(module: Path, package: str, source: str) -> Program:
    folder = module / package
    folder.mkdir(parents=True)
    (folder / "main.go").write_text(f"package main\n\n{source}\n")
    return Program(
        module.parent / "bin" / package.rpartition("/")[2],
        "own",
        f"own/{package}",
        ((f"own/{package}.x", "1"), ("main.version", "v1.2.3")),
    )


def test_programs_are_built_at_once(module: Path, tmp_path: Path) -> None:
    source = 'var version = "?"\n\nfunc main() { println(version) }'
    programs = [program(module, name, source) for name in ("one", "two")]
    build(programs, Log(tmp_path / "log"))
    for made in programs:
        assert subprocess.run(made.target, capture_output=True).stderr == b"v1.2.3\n"
    assert not list(tmp_path.glob(".unfinished-*"))


def test_a_version_at_the_end_of_a_path_is_no_name(module: Path, tmp_path: Path) -> None:
    made = program(module, "server/v3", "func main() {}")
    build([made], Log(tmp_path / "log"))
    assert made.target.exists()


def test_one_that_does_not_compile_leaves_the_others(module: Path, tmp_path: Path) -> None:
    good = program(module, "good", "func main() {}")
    bad = program(module, "bad", 'func main() { return "nothing" }')
    bad.target.parent.mkdir()
    bad.target.write_text("of before")
    with pytest.raises(StepFailedError, match="too many return values"):
        build([good, bad], Log(tmp_path / "log"))
    assert good.target.exists()
    assert not bad.target.exists()


def test_a_vendors_file_is_embedded_from_where_it_lies(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    (vendor / "schema.json").write_text("{}")
    monkeypatch.setattr(Module, "fetch", lambda *_: vendor)
    source = 'import _ "embed"\n\n//go:embed schema.json\nvar schema string\n\n'
    plain = program(module, "plugin", f"{source}func main() {{ print(schema) }}")
    embedded = (Embedded("schema.json", Module("vendor.example", "v1.0.0", "h1:"), "schema.json"),)
    made = Program(plain.target, plain.module, plain.package, embedded=embedded)
    build([made], Log(tmp_path / "log"))
    assert subprocess.run(made.target, capture_output=True).stderr == b"{}"
    assert not (module / "plugin" / "schema.json").exists()


def test_a_file_of_ours_is_compiled_in_the_place_of_a_vendors(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    vendors = 'package library\n\nfunc Says() string { return "theirs" }\n'
    (vendor / "library.go").write_text(vendors)
    (vendor / "go.mod").write_text("module vendor.example\n\ngo 1.25\n")
    (vendor / "library.go").chmod(0o444)
    (module / "ours.go.txt").write_text(vendors.replace("theirs", "ours"))
    monkeypatch.setattr(gomodules, "COPIES", tmp_path / "copies")
    monkeypatch.setattr(Module, "fetch", lambda *_: vendor)
    required = "require vendor.example v1.0.0\n\nreplace vendor.example => ../copies/vendor\n"
    (module / "go.mod").write_text(f"module own\n\ngo 1.25\n\n{required}")
    plain = program(module, "main", "func main() { print(library.Says()) }")
    main = module / "main" / "main.go"
    imported = 'package main\n\nimport library "vendor.example"'
    main.write_text(main.read_text().replace("package main", imported))
    changed = Changed(
        "vendor", Module("vendor.example", "v1.0.0", "h1:"), "library.go", "ours.go.txt"
    )
    monkeypatch.setitem(gomodules.CHANGED, "own", (changed,))
    for _ in range(2):
        build([plain], Log(tmp_path / "log"))
        assert subprocess.run(plain.target, capture_output=True).stderr == b"ours"
    assert (vendor / "library.go").read_text() == vendors
