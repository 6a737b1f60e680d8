#!/usr/bin/env python3
"""fanmill inside somebody else's project, by add_subdirectory: only the library is built, and the
project's hello runs as a farm of two processes.

That compiles the library anew, so it is done with FANMILL_PACKAGE=built (.ci/run), with the build's
own compiler as C++20; with FANMILL_PACKAGE=full (scripts/test full) also with the other compilers
as C++23 and as a shared library. Otherwise the project is configured and its own sources are
compiled against the library. The folders are kept in the build's, so that a second run compiles
what has changed.
"""

import os
import shutil
import unittest
from pathlib import Path

import package_rig as rig

MODE = os.environ.get("FANMILL_PACKAGE", "")
OURS_ALONE = ("fanmill-broker", "fanmill-worker", "test_core", "01_hello", "bench_farm")


class Subdirectory(unittest.TestCase):
    def project(self, name):
        """The project as a user has it: fanmill lies in third_party."""
        project = rig.BUILD / "package-tests" / name
        (project / "third_party").mkdir(parents=True, exist_ok=True)
        shutil.copy(rig.HELLO / "hello.cpp", project)
        for name in ("CMakeLists.txt", "durations.cpp"):
            shutil.copy(rig.SOURCE / "tests/package/subdirectory" / name, project)
        place = project / "third_party/fanmill"
        if not place.is_symlink():
            place.symlink_to(rig.SOURCE, target_is_directory=True)
        return project

    def configured(self, compiler, standard, shared):
        """The folder of the project's build."""
        name = f"{Path(compiler).name}-{standard}-{'shared' if shared else 'static'}"
        project = self.project(name)
        build = project / "build"
        settings = [f"-DCMAKE_CXX_COMPILER={compiler}", f"-DCMAKE_CXX_STANDARD={standard}"]
        if shared:
            settings.append("-DBUILD_SHARED_LIBS=ON")
        launcher = shutil.which("ccache")
        if launcher:
            settings.append(f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}")
        # Not optimised: what is shown here does not depend on it.
        rig.run("cmake", "-S", project, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=", *settings)
        targets = rig.run("ninja", "-C", build, "-t", "targets", "all")
        for target in OURS_ALONE:
            self.assertNotIn(target, targets)
        return build

    def build_and_run(self, compiler, standard, shared):
        build = self.configured(compiler, standard, shared)
        rig.run("cmake", "--build", build, patience=rig.PATIENCE * 5)
        rig.hello_runs(build / "hello")

    @unittest.skipIf(MODE, "the other tests build all of it")
    def test_the_project_compiles(self):
        build = self.configured(rig.compilers()[0], 20, shared=False)
        objects = [f"CMakeFiles/hello.dir/{source}.cpp.o" for source in ("hello", "durations")]
        rig.run("ninja", "-C", build, *objects)

    @unittest.skipUnless(MODE, "only with FANMILL_PACKAGE=built or full")
    def test_the_build_s_own_compiler(self):
        self.build_and_run(rig.compilers()[0], 20, shared=False)

    @unittest.skipUnless(MODE == "full", "only with FANMILL_PACKAGE=full")
    def test_other_compilers_and_kinds(self):
        for compiler in rig.compilers():
            for shared in (False, True):
                with self.subTest(compiler, shared=shared):
                    self.build_and_run(compiler, 23, shared)


if __name__ == "__main__":
    rig.skip_unless_installable()
    unittest.main()
