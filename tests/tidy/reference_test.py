#!/usr/bin/env python3
"""Makes the reference of the public headers with Doxygen (cmake/Doxyfile) and fails for every warning
of Doxygen's and every public name without a contract.

Public is what lib/include/fanmill declares, detail/ and namespace detail aside: each header, namespace,
class, struct, member that is not private, function, enum and its values, alias, concept, constant and
macro. A contract is a comment that Doxygen takes for the name's: ///, behind a field or value ///<, or
one for several names between ///@{ and ///@}. Exempt are destructors and friend classes, and what
cmake/reference_filter.py comments itself: a defaulted operator==, a defaulted or deleted copy or move.

Each finding is one line: file:line, what, and what to do. reference_self_test.py plants some. Other
versions of Doxygen understand C++ differently: their findings are shown, but skip the test.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

SOURCE = Path(os.environ.get("FANMILL_SOURCE", Path(__file__).resolve().parents[2]))
HEADERS = "lib/include/fanmill"
VERSION_THAT_DECIDES = "1.9.4"  # Debian 12's

DETAIL = re.compile(r"(^|::)detail(::|$)")
WARNING = re.compile(r"^(?P<file>[^:]*):(?P<line>\d+): (?:warning|error): (?P<words>.*)$")
# A type at the outermost level, by which it shows if Doxygen lost its way in a header.
TYPE = re.compile(r"^(?:class|struct|enum class|concept)\s+(?:FANMILL_EXPORT\s+)?(\w+)\b(?!\s*;)")
DETAIL_NAMESPACE = re.compile(r"^(?P<open>namespace (?:.*::)?detail \{)|^\}  // namespace (?:.*::)?detail$")

CURE = ("say before it, with ///, what it promises: meaning, unit, range, owner, thread, what it throws "
        "(behind a field or a value ///<; for several names ///@{ ... ///@})")


def version():
    """Doxygen's version; None if it is not installed."""
    if not shutil.which("doxygen"):
        return None
    return subprocess.run(["doxygen", "--version"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.split()[0]


def skip_without_doxygen():
    if version() is None:
        print("skipped: doxygen is not installed (scripts/setup installs it)")
        sys.exit(77)


def run_doxygen(inputs, folder):
    """Doxygen's warnings, as lines. Its XML is in folder/xml then."""
    configuration = (SOURCE / "cmake/Doxyfile").read_text() + (
        f"INPUT = {' '.join(inputs)}\nGENERATE_HTML = NO\nGENERATE_XML = YES\n"
        "XML_PROGRAMLISTING = NO\n")
    done = subprocess.run(
        ["doxygen", "-"], input=configuration, cwd=SOURCE, text=True, errors="replace",
        env={**os.environ, "FANMILL_REFERENCE": str(folder), "FANMILL_VERSION": "test"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # Twice or more where a comment stands in several pages.
    lines = list(dict.fromkeys(line for line in done.stdout.splitlines() if line.strip()))
    if done.returncode != 0 and not lines:
        lines = [f"doxygen ended with status {done.returncode}; run it by hand with cmake/Doxyfile"]
    return lines


class Contracts:
    """Reads Doxygen's XML of the headers in `root` and notes what has no contract."""

    def __init__(self, xml, root):
        self.root = root
        self.headers = sorted(path.name for path in root.glob("*.hpp"))
        self.missing = {}  # (file, line, what): a macro, for one, is told of twice
        self.seen = {name: set() for name in self.headers}
        compounds = [ElementTree.parse(xml / f"{entry.get('refid')}.xml").getroot()[0]
                     for entry in ElementTree.parse(xml / "index.xml").getroot()
                     if entry.get("kind") not in ("dir", "page")]
        hidden = {node.findtext("compoundname") for node in compounds if not is_public(node)}
        for node in compounds:
            name = node.findtext("compoundname")
            if not DETAIL.search(name) and not any((name + "::").startswith(h + "::") for h in hidden):
                self.compound(node)
        for name in self.headers:
            self.overlooked(name)

    def compound(self, node):
        kind, name = node.get("kind"), node.findtext("compoundname")
        header = self.header_of(node)
        # A namespace has no one place; the library's own, which all headers open, counts as the first's.
        if kind == "namespace" and name.split("::")[0] != "fanmill" or kind != "namespace" and not header:
            return
        if kind == "file":
            self.seen[header].add(header)
            if not documented(node):
                self.miss(node, header, "the header has no comment that says what it is",
                          "begin it with one, before #pragma once")
        else:
            self.note(node, f"{kind} {name}")
        for member in node.iter("memberdef"):
            self.member(member, name)

    def member(self, node, owner):
        kind, name = node.get("kind"), node.findtext("name")
        if not is_public(node) or not self.header_of(node):
            return
        if kind == "friend" and node.findtext("type").split()[-1:] in (["class"], ["struct"]):
            return
        if name.startswith("~"):
            return
        self.note(node, f"{'macro' if kind == 'define' else kind} {node.findtext('qualifiedname') or name}"
                        f"{node.findtext('argsstring') or ''}")
        for value in node.findall("enumvalue"):
            if not documented(value):
                self.miss(node, self.header_of(node), f"value {value.findtext('name')} of {owner}::{name}")

    def note(self, node, what):
        header = self.header_of(node)
        if header:
            self.seen[header].add(re.split(r"::|\s", node.findtext("compoundname")
                                           or node.findtext("name"))[-1])
        if not documented(node):
            self.miss(node, header or "version.hpp", what)

    def miss(self, node, header, what, cure=None):
        location = node.find("location")
        line = int(location.get("line") or 1) if location is not None else 1
        words = what if cure else f"{what} has no contract"
        self.missing[header, max(line, 1), words] = cure or CURE

    def overlooked(self, name):
        """A header or type that is not in the XML at all."""
        if name not in self.seen[name]:
            self.missing[name, 1, "the header has no comment that says what it is"] = \
                "begin it with one, before #pragma once"
        detail = False
        for number, line in enumerate((self.root / name).read_text().splitlines(), 1):
            border = DETAIL_NAMESPACE.match(line)
            if border:
                detail = bool(border["open"])
            found = TYPE.match(line)
            if found and not detail and found[1] not in self.seen[name]:
                self.missing[name, number, f"Doxygen overlooks {found[1]}"] = \
                    "write what stands before it in a way that it understands, or change the filter"

    def header_of(self, node):
        """The name of the public header that the node lies in, or None."""
        location = node.find("location")
        name = Path(location.get("file")).name if location is not None else None
        return name if name in self.seen else None


def is_public(node):
    """A class that inherits sees what is protected."""
    return node.get("prot", "public") in ("public", "protected")


def documented(node):
    return any("".join(part.itertext()).strip() for part in (
        node.find(tag) for tag in ("briefdescription", "detaileddescription")) if part is not None)


def findings(root, also=()):
    """The findings for the headers in folder `root`, and in the pages `also`; each begins with
    lib/include/fanmill/NAME:LINE."""
    with tempfile.TemporaryDirectory() as folder:
        warnings = run_doxygen([*also, str(root)], folder)
        missing = Contracts(Path(folder) / "xml", root).missing
    found = [f"{HEADERS}/{name}:{line}: {what}; {cure}"
             for (name, line, what), cure in sorted(missing.items())]
    places = {(name, str(line)) for name, line, _ in missing}
    for warning in warnings:
        match = WARNING.match(warning)
        if not match:
            found.append(f"{HEADERS}: Doxygen: {warning}")
        elif (Path(match["file"]).name, match["line"]) not in places or "not documented" not in warning:
            place = match["file"].replace(f"{root}/", f"{HEADERS}/").replace(f"{SOURCE}/", "")
            found.append(f"{place}:{match['line']}: Doxygen: {match['words']}; mend the comment")
    return found


def main():
    skip_without_doxygen()
    found = findings(SOURCE / HEADERS, also=["docs/reference.md"])
    for line in found:
        print(line)
    if found and version() != VERSION_THAT_DECIDES:
        print(f"skipped: doxygen {version()} says this; {VERSION_THAT_DECIDES} decides")
        return 77
    print(f"{len(found)} findings" if found else "every public name has a contract")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
