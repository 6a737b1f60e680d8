#!/usr/bin/env python3
"""cpack's .deb: what lies in it, what it depends on, and a farm out of its unpacked files."""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import package_rig as rig

# What must be there; beside it only what lies below the folders of EVERYTHING_BELOW.
CONTENTS = """
    usr/bin/fanmill-broker
    usr/bin/fanmill-worker
    usr/include/fanmill/fanmill.hpp
    usr/include/fanmill/detail/run.hpp
    usr/include/fanmill/plugin.h
    usr/include/fanmill/task_limits.hpp
    usr/LIB/cmake/fanmill/fanmill-config.cmake
    usr/LIB/cmake/fanmill/fanmill-config-version.cmake
    usr/LIB/libfanmill.a
    usr/LIB/libfanmill.so
    usr/LIB/libfanmill.so.SOVERSION
    usr/LIB/libfanmill.so.VERSION
    usr/LIB/pkgconfig/fanmill.pc
    usr/share/bash-completion/completions/fanmill-broker
    usr/share/bash-completion/completions/fanmill-worker
    usr/share/doc/fanmill/CHANGELOG.md
    usr/share/doc/fanmill/LICENSE
    usr/share/doc/fanmill/README.md
    usr/share/doc/fanmill/copyright
    usr/share/doc/fanmill/docs/guide.md
    usr/share/doc/fanmill/docs/protocol.md
    usr/share/doc/fanmill/examples/01_hello.cpp
    usr/share/fanmill/schemas/channel.capnp
    usr/share/fanmill/schemas/fanmill.capnp
    usr/share/fanmill/schemas/object.capnp
    usr/share/man/man1/fanmill-broker.1
    usr/share/man/man1/fanmill-broker-keys.1
    usr/share/man/man1/fanmill-broker-run.1
    usr/share/man/man1/fanmill-worker.1
    usr/share/man/man1/fanmill-worker-pipe.1
    usr/share/man/man1/fanmill-worker-run.1
    usr/share/man/man1/fanmill-worker-supervise.1
"""
EVERYTHING_BELOW = ("usr/include/fanmill/", "usr/LIB/cmake/fanmill/", "usr/share/doc/fanmill/docs/",
                    "usr/share/doc/fanmill/examples/", "usr/share/fanmill/schemas/", "usr/share/man/man1/",
                    "usr/share/zsh/")

COMPUTES = shutil.which("dpkg-shlibdeps") and shutil.which("file")


def spelled(text):
    return (text.replace("LIB", rig.cache("CMAKE_INSTALL_LIBDIR")).replace("SOVERSION", rig.soversion())
            .replace("VERSION", rig.version()))


class Deb(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        rig.run("cpack", "--config", rig.BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", cls.folder)
        [cls.deb] = cls.folder.glob("*.deb")
        listing = rig.run("dpkg-deb", "-c", cls.deb).splitlines()
        # drwxr-xr-x root/root  0 2026-11-21 01:00 ./usr/bin/name [-> target]
        cls.files = {re.split(r" \./| -> ", line)[1]: line for line in listing if not line.startswith("d")}
        cls.unpacked = cls.folder / "unpacked"
        rig.run("dpkg-deb", "-x", cls.deb, cls.unpacked)

    def field(self, name):
        return rig.run("dpkg-deb", "-f", self.deb, name).strip()

    def test_contents(self):
        expected = set(spelled(CONTENTS).split())
        self.assertEqual(expected - set(self.files), set(), "missing")
        more = {name for name in set(self.files) - expected
                if not name.startswith(tuple(map(spelled, EVERYTHING_BELOW)))}
        self.assertEqual(more, set(), "nobody said that these are to be there")

    def test_everybody_may_read_and_nobody_but_root_write(self):
        for name, line in self.files.items():
            mode, owner = line.split()[:2]
            self.assertEqual(owner, "root/root", line)
            if not mode.startswith("l"):
                self.assertEqual(mode[4:], mode[4:7] * 2, line)
                self.assertEqual(mode[5], "-", line)

    def test_control(self):
        self.assertEqual(self.field("Package"), "fanmill")
        self.assertEqual(self.field("Version"), rig.version())
        self.assertEqual(self.field("Architecture"), rig.run("dpkg", "--print-architecture").strip())
        self.assertEqual(self.deb.name, f"fanmill_{rig.version()}_{self.field('Architecture')}.deb")

    @unittest.skipUnless(COMPUTES, "dpkg-shlibdeps (dpkg-dev) or file is not installed")
    def test_dependencies_are_computed(self):
        depends = self.field("Depends")
        for package in ("libc6", "libstdc++6", "libzmq5", "libcapnp"):
            self.assertRegex(depends, rf"(^|, ){re.escape(package)}[\w.-]*( |,|$)")
        self.assertNotIn("-dev", depends)

    @unittest.skipUnless(COMPUTES, "dpkg-shlibdeps (dpkg-dev) or file is not installed")
    def test_the_loader_is_told_of_the_library(self):
        control = self.folder / "control"
        rig.run("dpkg-deb", "-e", self.deb, control)
        # A script in some versions of CMake, a trigger in others.
        told = [file for file in control.iterdir() if file.name in ("postinst", "triggers")]
        self.assertTrue(any("ldconfig" in file.read_text() for file in told), told)
        self.assertIn(f"libfanmill {rig.soversion()} fanmill", (control / "shlibs").read_text())

    def test_binaries_are_stripped(self):
        for name in ("bin/fanmill-broker", spelled("LIB/libfanmill.so.VERSION"), spelled("LIB/libfanmill.a")):
            self.assertNotIn(".debug_info", rig.run("readelf", "-SW", self.unpacked / "usr" / name))

    def test_nothing_knows_where_it_was_built(self):
        for name, line in self.files.items():
            if line.startswith("-"):
                bytes = (self.unpacked / name).read_bytes()
                for place in (rig.SOURCE, rig.BUILD, self.folder):
                    self.assertNotIn(str(place).encode(), bytes, name)

    def test_a_farm_out_of_the_package(self):
        """The guide's program against the unpacked files, by hand: compile, link, run."""
        usr = self.unpacked / "usr"
        lib = usr / rig.cache("CMAKE_INSTALL_LIBDIR")
        program = self.folder / "hello"
        flags = rig.run("pkg-config", "--cflags", "--libs", "fanmill",
                        PKG_CONFIG_PATH=str(lib / "pkgconfig")).split()
        rig.run(rig.compilers()[0], "-std=c++20", rig.HELLO / "hello.cpp", "-o", program, *flags)
        rig.hello_runs(program, LD_LIBRARY_PATH=str(lib))
        broker = subprocess.run(
            [usr / "bin/fanmill-broker", "run", "--quiet", "--local", "1", "--", usr / "bin/fanmill-worker", "echo"],
            input="1\n2\n", capture_output=True, text=True, timeout=rig.PATIENCE)
        self.assertEqual((broker.returncode, broker.stdout), (0, "1\n2\n"), broker.stderr)


if __name__ == "__main__":
    rig.skip_unless_installable()
    if not shutil.which("dpkg-deb"):
        print("skipped: dpkg-deb is not installed")
        sys.exit(77)
    if rig.kinds() != ["shared", "static"]:
        print("skipped: this build holds one kind of the library only")
        sys.exit(77)
    unittest.main()
