"""What the tests of the package share: an install tree, the compilers, and running things.

The tests use the build that they belong to (FANMILL_BUILD); installing it takes a second or two, so
each makes a tree of its own and they can run side by side.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(os.environ.get("FANMILL_SOURCE") or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get("FANMILL_BUILD") or SOURCE / "build/release")
HELLO = SOURCE / "tests/package/hello"
HELLO_PRINTS = "1 4 9 16 25 \n"
PATIENCE = 280


def skip_unless_installable():
    """A program that is not sanitized can't link a library that is."""
    if os.environ.get("FANMILL_SANITIZE"):
        print("skipped: the package is tested without sanitizers")
        sys.exit(77)


def cache(name):
    """A variable of the build's CMake cache, or ""."""
    for line in (BUILD / "CMakeCache.txt").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split("=", 1)[1]
    return ""


def run(*command, cwd=None, patience=PATIENCE, **environment):
    """Standard output of a command that must succeed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FANMILL_")}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=kept | environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patience)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with status {done.returncode}:\n"
                             f"{done.stdout[-6000:]}{done.stderr[-6000:]}")
    return done.stdout


def version():
    return cache("CMAKE_PROJECT_VERSION")


def soversion():
    return ".".join(version().split(".")[:2])


def kinds():
    """Which kinds of the library the build has made: without a choice of the user's, both."""
    chosen = cache("BUILD_SHARED_LIBS").upper()
    if not chosen:
        return ["shared", "static"]
    return ["shared"] if chosen in ("ON", "1", "TRUE", "YES") else ["static"]


def compilers():
    """The C++ compilers of this host: the build's own, and the other one if it is there."""
    own = cache("CMAKE_CXX_COMPILER")
    found = [own]
    for name in ("g++", "clang++"):
        path = shutil.which(name)
        if path and os.path.realpath(path) not in [os.path.realpath(other) for other in found]:
            found.append(path)
    return found


def hello_runs(program, **environment):
    """Runs the two-process farm and compares what it prints."""
    printed = run(program, **environment)
    if printed != HELLO_PRINTS:
        raise AssertionError(f"{program} printed {printed!r}, not {HELLO_PRINTS!r}")


class InstallTree:
    """`cmake --install` into a folder of its own, removed at the end."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp())
        self.prefix = self.folder / "prefix"
        run("cmake", "--install", BUILD, "--prefix", self.prefix)
        self.libdir = self.prefix / cache("CMAKE_INSTALL_LIBDIR")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def files(self):
        return {path.relative_to(self.prefix).as_posix()
                for path in self.prefix.rglob("*") if not path.is_dir()}

    def move(self):
        """To another place: nothing in it may know where it was."""
        moved = self.folder / "moved"
        self.prefix.rename(moved)
        self.libdir = moved / self.libdir.relative_to(self.prefix)
        self.prefix = moved
