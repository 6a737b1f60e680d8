#!/usr/bin/env python3
"""Programs against the install tree, by find_package (as C++20) and by pkg-config (as C++23): each
kind of the library, with every compiler of this host. Each is built and run as a farm of two
processes. With FANMILL_PACKAGE=full (scripts/test full) both ways in both standards.

The tree is moved before it is used: a package that is unpacked elsewhere must work.
"""

import itertools
import os
import unittest
from pathlib import Path

import package_rig as rig


def standards(one):
    return (20, 23) if os.environ.get("FANMILL_PACKAGE") == "full" else (one,)


class Consumers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tree = cls.enterClassContext(rig.InstallTree())
        cls.tree.move()

    def configure(self, build, *settings):
        rig.run("cmake", "-S", rig.HELLO, "-B", build, "-G", "Ninja",
                f"-DCMAKE_PREFIX_PATH={self.tree.prefix}", *settings)

    def test_find_package(self):
        for compiler, standard, kind in itertools.product(rig.compilers(), standards(20), rig.kinds()):
            name = f"{Path(compiler).name}-{standard}-{kind}"
            with self.subTest(name):
                build = self.tree.folder / name
                self.configure(build, f"-DCMAKE_CXX_COMPILER={compiler}",
                               f"-DCMAKE_CXX_STANDARD={standard}",
                               f"-DBUILD_SHARED_LIBS={'ON' if kind == 'shared' else 'OFF'}")
                rig.run("cmake", "--build", build)
                rig.hello_runs(build / "hello")
                needed = rig.run("readelf", "-d", build / "hello")
                self.assertEqual("libfanmill.so" in needed, kind == "shared", needed)
                # Nobody who links the shared library links what stands behind it.
                self.assertEqual("libzmq" in needed, kind == "static", needed)

    def test_nobody_chooses_a_kind(self):
        build = self.tree.folder / "unchosen"
        self.configure(build)
        rig.run("cmake", "--build", build)
        self.assertEqual("libfanmill.so" in rig.run("readelf", "-d", build / "hello"),
                         "shared" in rig.kinds())

    def configure_lines(self, name, *lines):
        """What CMake says to a project of these lines."""
        project = self.tree.folder / name
        project.mkdir()
        (project / "CMakeLists.txt").write_text("\n".join(
            ["cmake_minimum_required(VERSION 3.25)", "project(hello LANGUAGES CXX)", *lines]) + "\n")
        return rig.run("cmake", "-S", project, "-B", project / "build",
                       f"-DCMAKE_PREFIX_PATH={self.tree.prefix}")

    def test_a_component_chooses_the_kind(self):
        for kind in rig.kinds():
            said = self.configure_lines(
                f"component-{kind}", f"find_package(fanmill REQUIRED COMPONENTS {kind})",
                'message(STATUS "kind: ${fanmill_KIND}, schemas: ${fanmill_SCHEMAS_DIR}.")')
            self.assertIn(f"kind: {kind}, schemas: {self.tree.prefix}/share/fanmill/schemas.", said)

    def test_an_unknown_component_is_refused(self):
        with self.assertRaisesRegex(AssertionError, "its components are `static` and\\s+`shared`"):
            self.configure_lines("component", "find_package(fanmill REQUIRED COMPONENTS dynamic)")

    def test_another_minor_version_is_refused(self):
        major, minor = rig.version().split(".")[:2]
        with self.assertRaisesRegex(AssertionError, "compatible with requested\\s+version"):
            self.configure_lines("version", f"find_package(fanmill {major}.{int(minor) + 1} REQUIRED)")

    def pkg_config(self, *questions):
        return rig.run("pkg-config", *questions, "fanmill",
                       PKG_CONFIG_PATH=str(self.tree.libdir / "pkgconfig")).split()

    def test_pkg_config(self):
        for compiler, standard, kind in itertools.product(rig.compilers(), standards(23), rig.kinds()):
            name = f"pkg-config-{Path(compiler).name}-{standard}-{kind}"
            with self.subTest(name):
                program = self.tree.folder / name
                # clang 14 knows C++23 by its working name only.
                dialect = "-std=c++2b" if standard == 23 else f"-std=c++{standard}"
                libraries = self.pkg_config("--libs", *(["--static"] if kind == "static" else []))
                if kind == "static":
                    # What -static would do, but for this library alone.
                    libraries = [word.replace("-lfanmill", "-l:libfanmill.a") for word in libraries]
                rig.run(compiler, dialect, rig.HELLO / "hello.cpp", "-o", program,
                        *self.pkg_config("--cflags"), *libraries)
                rig.hello_runs(program, LD_LIBRARY_PATH=str(self.tree.libdir))

    def test_the_guide_shows_this_very_program(self):
        guide = (rig.SOURCE / "docs/guide.md").read_text()
        readme = (rig.SOURCE / "README.md").read_text()
        self.assertIn(f"```cpp\n{(rig.HELLO / 'hello.cpp').read_text()}```\n", guide)
        for document in (guide, readme):
            self.assertIn(f"```cmake\n{(rig.HELLO / 'CMakeLists.txt').read_text()}```\n", document)

    def test_pkg_config_tells_version_and_schemas(self):
        self.assertEqual(self.pkg_config("--modversion"), [rig.version()])
        schemas = Path(self.pkg_config("--variable=schemasdir")[0])
        self.assertTrue((schemas / "fanmill.capnp").is_file(), schemas)


if __name__ == "__main__":
    rig.skip_unless_installable()
    os.umask(0o022)
    unittest.main()
