#!/usr/bin/env python3
"""reference_filter.py HEADER: prints a public header as Doxygen is to read it (cmake/Doxyfile).

So the headers carry no notation that only Doxygen wants. Every line stays on its line, as warnings
name lines. What changes:
  - the comment before `#pragma once` becomes the file's documentation; what is indented in it
    (tables, code) keeps its form;
  - the namespace is the one that programs write, without the version that symbols carry;
  - ///@{ stands apart from the comment that follows, whose first sentence would else be missing in lists;
  - macros of the machinery (FANMILL_DETAIL_*) are left out;
  - a defaulted operator== and a defaulted or deleted copy or move without a comment get one, the
    same for all of them.
"""

import re
import sys

INDENTED = re.compile(r"^// {2,}")
DETAIL_MACRO = re.compile(r"\s*#\s*define FANMILL_DETAIL_")
NAMESPACE = re.compile(r"^(namespace fanmill)::inline v0\b")
GROUP = re.compile(r"^(\s*)///(@[{}])$")
COMMENT = re.compile(r"\s*///(?!@)")
END = r"(?: noexcept)? = (?P<how>default|delete);"
EQUAL = re.compile(r"\s*(?:friend )?(?:constexpr )?bool operator==\(.*\)(?: const)?" + END)
COPY_OR_MOVE = re.compile(
    r"\s*(?:constexpr )?(?:(?P<self>\w+)& operator=|(?P<name>\w+))"
    r"\((?:const )?(?:(?P=self)|(?P=name))&(?P<move>&?)(?: \w+)?\)" + END)
WORDS = {("", "default"): "Copies every member.", ("&", "default"): "Moves every member.",
         ("", "delete"): "Can't be copied.", ("&", "delete"): "Can't be moved."}


def words_by_rule(line):
    """The comment of a member whose contract is always the same; None for others."""
    if EQUAL.fullmatch(line):
        return "Whether all members are equal."
    match = COPY_OR_MOVE.fullmatch(line)
    return match and WORDS[match["move"], match["how"]]


def filtered(text):
    lines = text.split("\n")
    in_file_comment = lines[0].startswith("//")
    in_macro = False
    previous = ""
    for number, line in enumerate(lines):
        if in_file_comment and line.startswith("//"):
            # Markdown takes for code what is indented by four more than the text around it.
            line = "/" + INDENTED.sub(lambda match: match.group() + "    ", line)
        elif in_file_comment:
            in_file_comment = False
            if line == "#pragma once":
                line = "/// @file"
        elif in_macro or DETAIL_MACRO.match(line):
            in_macro = line.endswith("\\")
            line = ""
        elif not COMMENT.match(previous):
            words = words_by_rule(line)
            if words:
                line += "  ///< " + words
        previous = line
        lines[number] = GROUP.sub(r"\1/** \2 */", NAMESPACE.sub(r"\1", line))
    return "\n".join(lines)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as header:
        sys.stdout.write(filtered(header.read()))
