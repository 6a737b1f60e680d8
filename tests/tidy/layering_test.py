#!/usr/bin/env python3
"""Reads the tree and fails for whatever breaks the layering or the rules of size.

Usage: layering_test.py [TREE]   (default: $FANMILL_SOURCE, else the tree this file lies in)

The rules are the tables right below. Each finding is one line: file:line, what, and what to do.
layering_self_test.py plants one violation of every rule and sees it found.
"""

import os
import re
import sys
from pathlib import Path

# A layer of lib/src -> the layers it may include, besides itself and the public headers. A public
# header knows the standard library only; what it drags in counts as if written in the layer.
LAYERS = {
    "base": set(),
    "core": {"base"},
    "codec": {"base", "core"},
    "journal": {"base", "core"},
    "exec": {"base"},
    "launch": {"base"},
    "net": {"base", "core", "codec", "journal", "exec", "launch"},
    "api": {"base", "core", "codec", "journal", "exec", "launch", "net"},
}

# A library outside the project -> the folders of ours that may include it.
FOREIGN = {
    "zmq": (re.compile(r"^zmq\w*\.(h|hpp)$"), {"lib/src/net"}),
    "Cap'n Proto": (re.compile(r"^(capnp|kj)/|\.capnp\.h$|^fanmill/capnp\.hpp$"), {"lib/src/codec"}),
    "nlohmann-json": (re.compile(r"^nlohmann/"),
                      {"lib/src/codec", "lib/src/net", "lib/src/api", "broker", "worker"}),
    "CLI11": (re.compile(r"^CLI/"), {"broker", "worker"}),
}

# The one public header that may know Cap'n Proto: the bridge to a user's own struct types. No other
# may include it, or whoever includes that would need Cap'n Proto, too.
CAPNP_BRIDGE = "lib/include/fanmill/capnp.hpp"

# The core is a value: told the time, doing nothing but deciding.
CORE_HEADERS_BANNED = {
    "thread", "mutex", "shared_mutex", "condition_variable", "future", "semaphore", "latch",
    "barrier", "stop_token", "random", "fstream", "iostream", "filesystem", "ctime",
}
CORE_CALLS_BANNED = [
    (re.compile(r"\bnow\s*\("), "a call of now()",
     "take the time as a parameter: step(now, event)"),
    (re.compile(r"\b(steady_clock|system_clock|high_resolution_clock|clock_gettime)\b"),
     "a clock", "take the time as a parameter; only the shell and the simulator read clocks"),
    (re.compile(r"\b(rand|srand|random_device|getenv|getpid)\s*\("),
     "a source of chance or of the environment", "let the shell ask and pass the answer in an event"),
]
UNORDERED = re.compile(r"\bunordered_(multi)?(map|set)\b")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
SLEEPLESS_TESTS = ("tests/base", "tests/core", "tests/codec", "tests/sim")

LINES_MAX = 800
README_LINES_MAX = 150

CPP = {".cpp", ".hpp", ".h", ".cc", ".c"}
SIZED = CPP | {".py", ".ts", ".js", ".go", ".rs", ".java"}
SKIPPED_FOLDERS = {"build", "node_modules", "target", "__pycache__"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
STRUCT = re.compile(r"^\s*struct\s+([A-Z]\w*)")


def code_lines(text):
    """The lines of a C++ source with comments and literals blanked, so that words in them don't
    count. Include lines keep their quoted name."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^()\s\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![\w])\'(?:\\.|[^\'\\\n])+\'',
        re.DOTALL)

    def blank(match):
        found = match.group(0)
        if found.startswith('"'):
            start = text.rfind("\n", 0, match.start()) + 1
            if INCLUDE.match(text[start:match.end()]):
                return found
        return re.sub(r"[^\n]", " ", found)

    return pattern.sub(blank, text).split("\n")


class Tree:
    def __init__(self, root):
        self.root = Path(root)
        self.findings = []
        self.files = []
        for folder, names, files in os.walk(self.root):
            names[:] = sorted(n for n in names if n not in SKIPPED_FOLDERS and not n.startswith("."))
            for name in sorted(files):
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink():
                    self.files.append(path.relative_to(self.root).as_posix())
        self._lines = {}

    def text(self, name):
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    def code(self, name):
        if name not in self._lines:
            self._lines[name] = code_lines(self.text(name))
        return self._lines[name]

    def includes(self, name):
        """(line number, '<' or '"', what is included) for each include of a file."""
        for number, line in enumerate(self.code(name), 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1), match.group(2)

    def resolve(self, name, target):
        """The file of ours that an include means, or None."""
        beside = (Path(name).parent / target).as_posix()
        for candidate in (f"lib/include/{target}", f"lib/src/{target}", os.path.normpath(beside)):
            if (self.root / candidate).is_file():
                return candidate
        return None

    def cpp(self, *folders):
        return [f for f in self.files
                if Path(f).suffix in CPP and any(f.startswith(folder + "/") for folder in folders)]

    def find(self, name, number, what, cure):
        self.findings.append(f"{name}:{number}: {what}; {cure}")


def folder_of(name):
    """lib/src/<layer>, lib/include, broker, worker or the first folder."""
    parts = name.split("/")
    if parts[:2] == ["lib", "src"] and len(parts) > 3:
        return "/".join(parts[:3])
    if parts[:2] == ["lib", "include"]:
        return "lib/include"
    return parts[0]


def check_layers(tree):
    for name in tree.cpp("lib/src"):
        parts = name.split("/")
        layer = parts[2] if len(parts) > 3 else ""
        if layer not in LAYERS:
            tree.find(name, 1, f"{'/'.join(parts[:3])} is no layer",
                      "put the file into one of lib/src/" + ", ".join(LAYERS))
            continue
        for number, bracket, target in tree.includes(name):
            meant = tree.resolve(name, target)
            if bracket == "<" and not meant:
                continue  # The platform's: <net/if.h> is no header of our layer net.
            other = target.split("/")[0] if "/" in target else layer
            if meant and meant.startswith("lib/src/"):
                other = meant.split("/")[2]
            if other in LAYERS and other != layer and other not in LAYERS[layer]:
                may = ", ".join(sorted(LAYERS[layer])) or "the standard library only"
                tree.find(name, number, f"layer {layer} includes {target} of layer {other}",
                          f"{layer} may know {may}: move the code, or pass what is needed as a value")


def check_foreign(tree):
    for name in tree.cpp("lib/src", "broker", "worker"):
        folder = folder_of(name)
        for number, _, target in tree.includes(name):
            for library, (pattern, allowed) in FOREIGN.items():
                if pattern.search(target) and folder not in allowed:
                    tree.find(name, number, f"{folder} includes {target} ({library})",
                              f"only {', '.join(sorted(allowed))} may: translate at that seam")


def check_public_headers(tree):
    for name in tree.cpp("lib/include"):
        for number, _, target in tree.includes(name):
            if tree.resolve(name, target) == CAPNP_BRIDGE:
                tree.find(name, number, f"a public header includes {target}",
                          "that one needs Cap'n Proto: the user includes it, nobody else")
                continue
            if target.startswith("fanmill/") or re.fullmatch(r"[a-z_0-9]+", target) or (
                    name.endswith(".h") and target == "stddef.h"):
                continue
            if name == CAPNP_BRIDGE and target.startswith(("capnp/", "kj/")):
                continue
            tree.find(name, number, f"a public header includes {target}",
                      "public headers include the standard library and <fanmill/...> only: hide "
                      "the rest behind an Impl in lib/src")


def check_api_namespace(tree):
    """The names of the public API carry its version in the symbols of the shared library."""
    for name in tree.cpp("lib/include"):
        for number, line in enumerate(tree.code(name), 1):
            if re.match(r"^(inline )?namespace fanmill\b(?!::inline v0\b)", line):
                tree.find(name, number, "a public header opens namespace fanmill without its version",
                          "write `namespace fanmill::inline v0`, and so in the source that defines "
                          "its functions")
    # gcc reopens the versioned namespace that the header declared; clang makes another one beside
    # it, in which the library's functions are not found. All of fanmill::detail is public headers'.
    for name in tree.cpp("lib/src"):
        for number, line in enumerate(tree.code(name), 1):
            if re.match(r"^(inline )?namespace fanmill::detail\b", line):
                tree.find(name, number, "a source opens namespace fanmill::detail without its version",
                          "write `namespace fanmill::inline v0::detail`, as the header does")


def check_examples(tree):
    for name in tree.cpp("examples"):
        for number, _, target in tree.includes(name):
            meant = tree.resolve(name, target)
            if meant and meant.startswith("lib/src/"):
                tree.find(name, number, f"an example includes the internal header {target}",
                          "an example shows what a user has: include <fanmill/...>")


def check_core_headers(tree):
    """What core includes, directly or through headers of ours, must be free of threads and I/O."""
    reported = set()
    for name in tree.cpp("lib/src/core"):
        seen = {name}
        stack = [(name, 0, [])]
        while stack:
            at, first_line, chain = stack.pop()
            for number, _, target in tree.includes(at):
                line = first_line or number
                meant = tree.resolve(at, target)
                if meant:
                    if meant not in seen:
                        seen.add(meant)
                        stack.append((meant, line, chain + [meant]))
                    continue
                banned = target in CORE_HEADERS_BANNED or target.startswith("sys/")
                if banned and (name, target) not in reported:
                    reported.add((name, target))
                    through = f" (through {' -> '.join(chain)})" if chain else ""
                    tree.find(name, line, f"core includes <{target}>{through}",
                              "the core does no I/O, threads, clocks or chance: move it to the shell")


def check_core_calls(tree):
    for name in tree.cpp("lib/src/core"):
        raw = tree.text(name).split("\n")
        for number, line in enumerate(tree.code(name), 1):
            for pattern, what, cure in CORE_CALLS_BANNED:
                if pattern.search(line):
                    tree.find(name, number, f"{what} in the core", cure)
            if UNORDERED.search(line) and not INCLUDE.match(line):
                if "// never iterated" not in raw[number - 1]:
                    tree.find(name, number, "an unordered container in the core",
                              "use an ordered one or a slab; if it is only looked up in, end the "
                              "line with `// never iterated`")


def check_sleeps(tree):
    for name in tree.cpp(*SLEEPLESS_TESTS):
        for number, line in enumerate(tree.code(name), 1):
            if SLEEP.search(line):
                tree.find(name, number, "a test sleeps",
                          "pass a later time to step(), or wait for the event itself")


def check_sizes(tree):
    for name in tree.files:
        if Path(name).suffix in SIZED:
            count = tree.text(name).count("\n")
            if count > LINES_MAX:
                tree.find(name, LINES_MAX + 1, f"{count} lines, more than {LINES_MAX}",
                          "split it by noun")
    if "README.md" in tree.files:
        count = tree.text("README.md").count("\n")
        if count > README_LINES_MAX:
            tree.find("README.md", README_LINES_MAX + 1,
                      f"{count} lines, more than {README_LINES_MAX}", "move the rest to docs/")


def check_protocol(tree):
    schema = "schemas/fanmill.capnp"
    if schema not in tree.files:
        return
    document = "docs/protocol.md"
    text = tree.text(document) if document in tree.files else ""
    for number, line in enumerate(tree.text(schema).split("\n"), 1):
        match = STRUCT.match(line.split("#")[0])
        if match and not re.search(rf"\b{match.group(1)}\b", text):
            tree.find(schema, number, f"message {match.group(1)} is not in {document}",
                      "describe it there: sender, when, fields, what the receiver must do")


CHECKS = [check_layers, check_foreign, check_public_headers, check_api_namespace, check_examples,
          check_core_headers, check_core_calls, check_sleeps, check_sizes, check_protocol]


def findings(root):
    tree = Tree(root)
    for check in CHECKS:
        check(tree)
    return tree.findings


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.environ.get(
        "FANMILL_SOURCE", Path(__file__).resolve().parents[2])
    found = findings(root)
    for line in found:
        print(line)
    print(f"{len(found)} findings" if found else "the layering holds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
