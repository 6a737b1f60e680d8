#!/usr/bin/env python3
"""A check that never fails is untested: plants one violation of every rule of layering_test.py into
a small tree and sees exactly that one found; and plants what is allowed and sees nothing found."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import layering_test  # noqa: E402

CLEAN = {
    "lib/include/fanmill/error.hpp":
        "#pragma once\n#include <string>\nnamespace fanmill::inline v0 {}\n"
        "namespace fanmill::inline v0::detail {}\n",
    "lib/include/fanmill/manager.hpp":
        "#pragma once\n#include <stop_token>\n#include <fanmill/error.hpp>\n",
    "lib/include/fanmill/capnp.hpp": "#pragma once\n#include <capnp/message.h>\n",
    "lib/src/base/assert.hpp": "#pragma once\n#include <string>\n",
    "lib/src/base/assert.cpp": '#include "base/assert.hpp"\n#include <unistd.h>\n#include <mutex>\n',
    "lib/src/core/manager.hpp":
        '#pragma once\n#include "base/assert.hpp"\n#include <fanmill/error.hpp>\n#include <vector>\n',
    "lib/src/core/manager.cpp":
        '#include "core/manager.hpp"\n#include <unordered_map>\n'
        "// There is no now() here, and sleep(1) neither.\n"
        'const char* words = "now() of steady_clock";\n'
        "std::unordered_map<int, int> index;  // never iterated\n",
    "lib/src/codec/encode.cpp":
        "namespace fanmill::codec {}\nnamespace fanmill::inline v0::detail {}\n"
        '#include "core/manager.hpp"\n#include <capnp/message.h>\n#include "fanmill.capnp.h"\n',
    "lib/src/journal/record.cpp": '#include "core/manager.hpp"\n',
    "lib/src/exec/warden.cpp": '#include "base/assert.hpp"\n#include <sys/wait.h>\n#include <net/if.h>\n',
    "lib/src/launch/local.cpp": '#include "base/assert.hpp"\n',
    "lib/src/net/loop.cpp": '#include "codec/encode.hpp"\n#include <zmq.hpp>\n#include <thread>\n',
    "lib/src/net/frame.hpp": "#pragma once\n",
    "lib/src/api/manager.cpp": '#include <fanmill/manager.hpp>\n#include "net/loop.hpp"\n',
    "broker/main.cpp": "#include <CLI/CLI.hpp>\n#include <fanmill/manager.hpp>\n",
    "examples/first.cpp": "#include <fanmill/manager.hpp>\n#include <gmpxx.h>\n",
    "tests/net/loop.cpp": "#include <zmq.hpp>\nvoid wait() { usleep(1); }\n",
    "schemas/fanmill.capnp": "struct Hello {\n  # struct Comment is none\n}\n",
    "docs/protocol.md": "### Hello\n",
    "README.md": "# fanmill\n" * 150,
    "build/core/long.cpp": "\n" * 900,
}

# name of the rule -> (file, its text, what the finding must say)
PLANTED = {
    "base includes core": ("lib/src/base/x.cpp", '#include "core/manager.hpp"\n',
                           "lib/src/base/x.cpp:1: layer base includes core/manager.hpp"),
    "core includes codec": ("lib/src/core/x.cpp", '\n#include "codec/encode.hpp"\n',
                            "lib/src/core/x.cpp:2: layer core includes codec"),
    "core includes net by a relative path":
        ("lib/src/core/x.cpp", '#include "../net/frame.hpp"\n', "of layer net"),
    "journal includes codec": ("lib/src/journal/x.cpp", '#include "codec/encode.hpp"\n',
                               "layer journal includes"),
    "exec includes core": ("lib/src/exec/x.cpp", '#include "core/manager.hpp"\n',
                           "layer exec includes"),
    "launch includes core": ("lib/src/launch/x.cpp", '#include <core/manager.hpp>\n',
                             "layer launch includes"),
    "net includes api": ("lib/src/net/x.cpp", '#include "api/manager.hpp"\n', "layer net includes"),
    "an unknown layer": ("lib/src/misc/x.cpp", "int x;\n", "lib/src/misc is no layer"),
    "a source outside of the layers": ("lib/src/x.cpp", "int x;\n", "is no layer"),
    "zmq in core": ("lib/src/core/x.cpp", "#include <zmq.h>\n", "lib/src/core includes zmq.h"),
    "zmq in api": ("lib/src/api/x.cpp", "#include <zmq_addon.hpp>\n", "includes zmq_addon.hpp"),
    "zmq in the broker": ("broker/x.cpp", "#include <zmq.hpp>\n", "broker includes zmq.hpp"),
    "capnp in net": ("lib/src/net/x.cpp", "#include <capnp/serialize.h>\n", "(Cap'n Proto)"),
    "kj in core": ("lib/src/core/x.cpp", "#include <kj/string.h>\n", "(Cap'n Proto)"),
    "a schema in api": ("lib/src/api/x.cpp", '#include "fanmill.capnp.h"\n', "(Cap'n Proto)"),
    "json in core": ("lib/src/core/x.cpp", "#include <nlohmann/json.hpp>\n", "(nlohmann-json)"),
    "CLI11 in api": ("lib/src/api/x.cpp", "#include <CLI/CLI.hpp>\n", "(CLI11)"),
    "a public header includes zmq": ("lib/include/fanmill/x.hpp", "#include <zmq.hpp>\n",
                                     "a public header includes zmq.hpp"),
    "a public header includes capnp": ("lib/include/fanmill/x.hpp", "#include <capnp/any.h>\n",
                                       "a public header includes capnp/any.h"),
    "a public header includes kj": ("lib/include/fanmill/x.hpp", "#include <kj/array.h>\n",
                                    "a public header includes kj/array.h"),
    "the bridge includes a schema": ("lib/include/fanmill/capnp.hpp", '#include "fanmill.capnp.h"\n',
                                     "a public header includes fanmill.capnp.h"),
    "the bridge includes zmq": ("lib/include/fanmill/capnp.hpp", "#include <zmq.hpp>\n",
                                "a public header includes zmq.hpp"),
    "another public header includes the bridge":
        ("lib/include/fanmill/x.hpp", "#include <fanmill/capnp.hpp>\n",
         "a public header includes fanmill/capnp.hpp"),
    "a detail header includes the bridge":
        ("lib/include/fanmill/detail/x.hpp", '#include "../capnp.hpp"\n',
         "a public header includes ../capnp.hpp"),
    "api includes the bridge": ("lib/src/api/x.cpp", "#include <fanmill/capnp.hpp>\n",
                                "(Cap'n Proto)"),
    "a public header includes an internal one":
        ("lib/include/fanmill/x.hpp", '#include "core/manager.hpp"\n', "a public header includes"),
    "a public header without the version's namespace":
        ("lib/include/fanmill/x.hpp", "namespace fanmill {\nint x;\n}\n",
         "lib/include/fanmill/x.hpp:1: a public header opens namespace fanmill"),
    "the same below it":
        ("lib/include/fanmill/x.hpp", "namespace fanmill::detail {}\n", "without its version"),
    "a source that defines what stands there opens another":
        ("lib/src/codec/x.cpp", "namespace fanmill::detail {\n}\n",
         "lib/src/codec/x.cpp:1: a source opens namespace fanmill::detail"),
    "an example includes an internal header":
        ("examples/x.cpp", '#include "core/manager.hpp"\n', "an example includes"),
    "core includes thread": ("lib/src/core/x.cpp", "#include <thread>\n", "core includes <thread>"),
    "core includes mutex": ("lib/src/core/x.hpp", "#include <mutex>\n", "core includes <mutex>"),
    "core includes random": ("lib/src/core/x.cpp", "#include <random>\n", "<random>"),
    "core includes fstream": ("lib/src/core/x.cpp", "#include <fstream>\n", "<fstream>"),
    "core includes iostream": ("lib/src/core/x.cpp", "#include <iostream>\n", "<iostream>"),
    "core includes a thread through a public header":
        ("lib/src/core/x.cpp", "int x;\n#include <fanmill/manager.hpp>\n",
         "lib/src/core/x.cpp:2: core includes <stop_token> (through lib/include/fanmill/manager.hpp)"),
    "core asks for the time": ("lib/src/core/x.cpp", "auto t = Clock::now ();\n",
                               "lib/src/core/x.cpp:1: a call of now()"),
    "core names a clock": ("lib/src/core/x.cpp", "using C = std::chrono::steady_clock;\n", "a clock"),
    "core draws a number": ("lib/src/core/x.cpp", "int x = rand();\n", "a source of chance"),
    "core has an unordered container":
        ("lib/src/core/x.cpp", "std::unordered_set<int> s;\n", "an unordered container"),
    "a core test sleeps": ("tests/core/x.cpp", "std::this_thread::sleep_for(1s);\n",
                           "tests/core/x.cpp:1: a test sleeps"),
    "a simulator test sleeps": ("tests/sim/x.cpp", "usleep(1);\n", "a test sleeps"),
    "a long C++ file": ("tests/net/x.cpp", "\n" * 801, "801 lines"),
    "a long Python file": ("tests/cli/x.py", "\n" * 801, "801 lines"),
    "a long README": ("README.md", "\n" * 151, "README.md:151: 151 lines"),
    "a message without words": ("schemas/fanmill.capnp", "struct Hello {}\nstruct Who {}\n",
                                "schemas/fanmill.capnp:2: message Who is not in docs/protocol.md"),
}


def findings_of(files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = Path(root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return layering_test.findings(root)


class Layering(unittest.TestCase):
    def test_what_is_allowed_is_not_found(self):
        self.assertEqual(findings_of(CLEAN), [])

    def test_each_planted_violation_is_found_and_nothing_else(self):
        for rule, (name, text, expected) in PLANTED.items():
            with self.subTest(rule):
                found = findings_of({**CLEAN, name: text})
                self.assertEqual(len(found), 1, found)
                self.assertIn(expected, found[0])
                self.assertIn("; ", found[0], "a finding says what to do")

    def test_a_schema_without_the_document_is_found(self):
        files = {k: v for k, v in CLEAN.items() if k != "docs/protocol.md"}
        self.assertEqual(len(findings_of(files)), 1)

    def test_every_rule_has_a_planted_violation(self):
        for check in layering_test.CHECKS:
            with self.subTest(check.__name__):
                self.assertTrue(any(self.finds(check, name, text)
                                    for name, text, _ in PLANTED.values()))

    def finds(self, check, name, text):
        with tempfile.TemporaryDirectory() as root:
            for file, words in {**CLEAN, name: text}.items():
                path = Path(root) / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(words)
            tree = layering_test.Tree(root)
            check(tree)
            return bool(tree.findings)


if __name__ == "__main__":
    unittest.main()
