#!/usr/bin/env python3
"""What `cmake --install` puts where, and what the shared library shows of itself."""

import os
import re
import shutil
import subprocess
import unittest

import package_rig as rig

PROGRAMS = ("fanmill-broker", "fanmill-worker")


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tree = cls.enterClassContext(rig.InstallTree())
        cls.files = cls.tree.files()

    def assert_files(self, *names):
        self.assertEqual([name for name in names if name not in self.files], [])

    def test_headers(self):
        headers = {path.relative_to(rig.SOURCE / "lib").as_posix()
                   for path in (rig.SOURCE / "lib/include").rglob("*.h*")}
        self.assertEqual({name for name in self.files if name.startswith("include/")}, headers)

    def test_libraries_and_what_finds_them(self):
        lib = rig.cache("CMAKE_INSTALL_LIBDIR")
        expected = {f"{lib}/cmake/fanmill/fanmill-config.cmake",
                    f"{lib}/cmake/fanmill/fanmill-config-version.cmake", f"{lib}/pkgconfig/fanmill.pc"}
        for kind in rig.kinds():
            expected |= {f"{lib}/cmake/fanmill/fanmill-{kind}-targets.cmake",
                         f"{lib}/cmake/fanmill/fanmill-{kind}-targets-{rig.cache('CMAKE_BUILD_TYPE').lower()}.cmake"}
        if "static" in rig.kinds():
            expected.add(f"{lib}/libfanmill.a")
        if "shared" in rig.kinds():
            expected |= {f"{lib}/libfanmill.so", f"{lib}/libfanmill.so.{rig.soversion()}",
                         f"{lib}/libfanmill.so.{rig.version()}"}
        # And nothing else: no archive of a layer, no test's library.
        self.assertEqual({name for name in self.files if name.startswith(f"{lib}/")}, expected)

    def test_schemas_and_documents(self):
        self.assert_files(*(f"share/fanmill/schemas/{name}.capnp" for name in ("channel", "fanmill", "object")),
                          *(f"share/doc/fanmill/{name}" for name in (
                              "README.md", "CHANGELOG.md", "LICENSE", "copyright", "docs/guide.md",
                              "docs/protocol.md", "examples/01_hello.cpp",
                              "examples/workers/python/collatz_worker.py")))
        self.assertEqual([name for name in self.files if "__pycache__" in name], [])

    def test_the_programs_run_and_know_their_version(self):
        for program in PROGRAMS:
            said = rig.run(self.tree.prefix / "bin" / program, "--version")
            self.assertTrue(said.startswith(f"{program} {rig.version()}\n"), said)

    def test_nothing_knows_where_it_was_built(self):
        for name in sorted(self.files):
            # Debug information may; the .deb is rid of it.
            if re.search(r"\.(cmake|pc|hpp)$|/man1/|completion", name):
                text = (self.tree.prefix / name).read_text()
                for place in (rig.SOURCE, rig.BUILD, self.tree.prefix):
                    self.assertNotIn(str(place), text, name)


@unittest.skipUnless("shared" in rig.kinds(), "there is no shared library in this build")
class SharedLibrary(unittest.TestCase):
    def setUp(self):
        self.library = rig.BUILD / "lib/libfanmill.so"

    def names(self, file, *options):
        """(kind, name) of the symbols defined in a file. Lower-case kinds are local to it."""
        lines = rig.run("nm", "-C", "--defined-only", *options, file).splitlines()
        return {(kind, name) for _, kind, name in
                (line.split(maxsplit=2) for line in lines if re.match(r"^[0-9a-f]+ . ", line))}

    def test_soname(self):
        dynamic = rig.run("readelf", "-d", self.library)
        self.assertIn(f"soname: [libfanmill.so.{rig.soversion()}]", dynamic)

    def test_only_the_public_api_is_visible(self):
        """What the compiler makes of the standard library's templates is everybody's; the rest is in
        the versioned namespace. A class with an Impl hides that where it is defined."""
        wrong = []
        for kind, name in self.names(self.library, "-D"):
            # In a typeinfo's or a vtable's name, the type that it is of.
            of = re.sub(r"^(typeinfo name|typeinfo|vtable|VTT|guard variable|non-virtual thunk) (for|to) ", "", name)
            if kind in "WVu" and re.match(r"^(.* )?(std|__gnu_cxx)::", of):
                continue
            if not re.match(r"^(.* )?fanmill::v0::", of) or "::Impl::" in of:
                wrong.append(f"{kind} {name}")
        self.assertEqual(wrong, [], "hide them; what a program may use stands in namespace fanmill::inline v0")

    def test_the_whole_public_api_is_visible(self):
        """What a public header declares and a source defines lies in namespace v0, and needs
        FANMILL_EXPORT; that it is missing shows only in programs with the shared library."""
        visible = {name for _, name in self.names(self.library, "-D")}
        # In the objects a function that a source defines is strong, one that a header defines weak.
        defined = {name for archive in (rig.BUILD / "lib").glob("libfanmill_*.a")
                   for kind, name in self.names(archive) if kind == "T"}
        private = r"::Impl::|\(anonymous namespace\)|\{lambda|\[clone "
        public = re.compile(rf"^(\w[\w:<>&* ]* )?fanmill::v0::(?!.*({private}))")
        headers = "\n".join(path.read_text() for path in (rig.SOURCE / "lib/include").rglob("*.hpp"))
        # Only what a header names: sources may have helpers of their own in v0.
        missing = [name for name in sorted(defined - visible)
                   if public.match(name) and self.last_word(name) in headers]
        self.assertEqual(missing, [], "mark them with FANMILL_EXPORT (fanmill/export.hpp)")

    @staticmethod
    def last_word(name):
        return re.sub(r"(\[abi:\w+\])?\(.*", "", name).split("::")[-1]


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tree = cls.enterClassContext(rig.InstallTree())
        cls.pages = sorted((cls.tree.prefix / "share/man/man1").glob("*.1"))

    def subcommands(self, program, *words):
        """The words of each, also of those below others."""
        help = rig.run(self.tree.prefix / "bin" / program, *words, "--help")
        section = re.search(r"^subcommands:\n((?:  .*\n)+)", help, re.MULTILINE | re.IGNORECASE)
        names = re.findall(r"^  (\S+)", section[1], re.MULTILINE) if section else []
        return [found for name in names
                for found in [[*words, name], *self.subcommands(program, *words, name)]]

    def test_each_program_and_subcommand_has_a_page(self):
        expected = {f"{program}.1" for program in PROGRAMS} | {
            "-".join([program, *words]) + ".1" for program in PROGRAMS for words in self.subcommands(program)}
        self.assertEqual({page.name for page in self.pages}, expected)

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_the_pages_are_sound_roff(self):
        for page in self.pages:
            done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", page],
                                  capture_output=True, text=True, timeout=rig.PATIENCE)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page.name)

    def test_a_page_tells_what_the_help_tells(self):
        for program in PROGRAMS:
            for words in [[], *self.subcommands(program)]:
                help = rig.run(self.tree.prefix / "bin" / program, *words, "--help")
                page = self.tree.prefix / "share/man/man1" / ("-".join([program, *words]) + ".1")
                text = page.read_text().replace("\\-", "-")
                for option in re.findall(r"^  (?:-\w, *)?(--[\w-]+)", help, re.MULTILINE):
                    self.assertIn(option, text, page.name)
                self.assertIn(".SH EXAMPLES", text)

    def complete(self, *words):
        """What bash offers for the last of the words."""
        script = (f'source "{self.tree.prefix}/share/bash-completion/completions/{words[0]}"\n'
                  'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))\n'
                  f'_{words[0].replace("-", "_")}; printf "%s\\n" "${{COMPREPLY[@]}}"')
        return rig.run("bash", "-euc", script, "bash", *words).split()

    def test_bash_completes_subcommands_and_options(self):
        self.assertIn("run", self.complete("fanmill-broker", "r"))
        self.assertIn("--input", self.complete("fanmill-broker", "run", "--in"))
        self.assertNotIn("--input", self.complete("fanmill-broker", "--"))
        self.assertEqual(self.complete("fanmill-worker", "supervise", "--cop"), ["--copies"])
        self.assertEqual(self.complete("fanmill-worker", "coll"), ["collatz"])

    def test_bash_leaves_values_and_command_lines_to_others(self):
        self.assertEqual(self.complete("fanmill-broker", "run", "--input", ""), [])
        self.assertIn("bash", self.complete("fanmill-worker", "supervise", "--", "bas"))
        self.assertEqual(self.complete("fanmill-worker", "supervise", "--", "bash", "--"), [])

    def test_zsh_reads_its_completions(self):
        for program in PROGRAMS:
            completion = self.tree.prefix / f"share/zsh/site-functions/_{program}"
            self.assertTrue(completion.read_text().startswith(f"#compdef {program}\n"))
            if shutil.which("zsh"):
                rig.run("zsh", "-n", completion)


if __name__ == "__main__":
    rig.skip_unless_installable()
    if not shutil.which("nm"):
        raise SystemExit("nm is missing: binutils")
    os.umask(0o022)
    unittest.main()
