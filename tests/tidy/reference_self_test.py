#!/usr/bin/env python3
"""A check that never fails is untested: plants headers that each lack one contract, or puzzle Doxygen,
and sees exactly that found by reference_test.py; and plants one with all that is allowed and sees
nothing found."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import reference_test  # noqa: E402

BEGINNING = "// A noun: what it is.\n#pragma once\n\n"

CLEAN = """// A noun: what it is, with a template<T> and an @ in its words.
//
//     code()   that keeps its form
//
//   a table   as well
#pragma once

namespace fanmill::inline v0 {
namespace detail {
struct Machinery {
  int field = 0;
};
}  // namespace detail

/// An enum.
enum class Colour {
  red,  ///< one
  /// Another.
  blue,
};

/// A concept.
template <typename T>
concept Small = sizeof(T) < 8;

/// A class.
template <Small T>
class FANMILL_EXPORT Noun {
 public:
  /// Makes one.
  Noun() = default;
  Noun(const Noun&) = delete;
  Noun& operator=(const Noun&) = delete;
  Noun(Noun&& other) noexcept = default;
  Noun& operator=(Noun&&) noexcept = default;
  ~Noun();

  ///@{
  /// Both.
  [[nodiscard]] int first() const noexcept;
  template <typename U>
  requires Small<U> int second(U value) const;
  ///@}
  friend bool operator==(const Noun&, const Noun&) = default;

 private:
  friend class Other;
  struct Inner {
    int field;
  };
  Inner own();
  Inner own_;
};

/// A function.
FANMILL_EXPORT int count(const Noun<int>& noun);
/// A constant.
inline constexpr int most = 3;
/// An alias.
using Alias = Noun<int>;
}  // namespace fanmill::inline v0

#define FANMILL_DETAIL_EACH(a) \\
  a
/// A macro.
#define FANMILL_EACH(a) FANMILL_DETAIL_EACH(a)
"""


def in_namespace(text):
    return f"{BEGINNING}namespace fanmill::inline v0 {{\n{text}\n}}  // namespace fanmill::inline v0\n"


# header -> (its text, the line, what the finding must say). All are read in one run, so names differ.
PLANTED = {
    "no_comment.hpp": ("#pragma once\nnamespace fanmill::inline v0 {}\n", 1, "the header has no comment"),
    "class.hpp": (in_namespace("class Unexplained {};"), 5, "class fanmill::Unexplained has no contract"),
    "plain_comment.hpp": (in_namespace("// Why.\nstruct Plain {};"), 6, "struct fanmill::Plain has"),
    "function.hpp": (in_namespace("/// Said.\nint said();\nint unsaid(int a);"), 7,
                     "function fanmill::unsaid(int a) has no contract"),
    "template.hpp": (in_namespace("template <typename T>\nrequires(sizeof(T) > 1) int templated(T t);"), 6,
                     "fanmill::templated"),
    "constant.hpp": (in_namespace("inline constexpr int limit = 1;"), 5, "variable fanmill::limit"),
    "alias.hpp": (in_namespace("using Number = int;"), 5, "typedef fanmill::Number"),
    "concept.hpp": (in_namespace("template <typename T>\nconcept Big = sizeof(T) > 8;"), 6,
                    "concept fanmill::Big"),
    "enum.hpp": (in_namespace("enum class Mood {\n  good,  ///< well\n};"), 5, "enum fanmill::Mood"),
    "value.hpp": (in_namespace("/// Said.\nenum class Level {\n  low,  ///< well\n  high,  // badly\n};"), 6,
                  "value high of fanmill::Level has no contract"),
    "member_enum.hpp": (in_namespace("/// Said.\nstruct Holder {\n  /// Said.\n  enum class Kind { one };\n};"),
                        8, "value one of fanmill::Holder::Kind"),
    "field.hpp": (in_namespace("/// Said.\nstruct Options {\n  int size = 1;  // bytes\n};"), 7,
                  "variable fanmill::Options::size has no contract"),
    "method.hpp": (in_namespace("/// Said.\nclass Thing {\n public:\n  void act();\n};"), 8,
                   "function fanmill::Thing::act() has no contract"),
    "inherited.hpp": (in_namespace("/// Said.\nclass Base {\n protected:\n  void hook();\n};"), 8,
                      "fanmill::Base::hook"),
    "constructor.hpp": (in_namespace("/// Said.\nclass Made {\n public:\n  Made(int a);\n};"), 8,
                        "fanmill::Made::Made(int a)"),
    "copy.hpp": (in_namespace("/// Said.\nclass Copied {\n public:\n  Copied(const Copied& other);\n};"), 8,
                 "fanmill::Copied::Copied(const Copied &other)"),
    "equal.hpp": (in_namespace(
        "/// Said.\nclass Alike {\n public:\n  friend bool operator==(const Alike& a, const Alike& b);\n};"), 8,
        "friend fanmill::Alike::operator==(const Alike &a, const Alike &b)"),
    "nested.hpp": (in_namespace("/// Said.\nclass Outer {\n public:\n  struct Within {};\n};"), 8,
                   "struct fanmill::Outer::Within"),
    "group.hpp": (in_namespace("///@{\n/// Both.\nint one_of();\nint two_of();\n///@}\nint outside();"), 10,
                  "fanmill::outside()"),
    "namespace.hpp": (in_namespace("namespace words {\n/// Said.\nint place();\n}"), 5,
                      "namespace fanmill::words"),
    "macro.hpp": (BEGINNING + "#define FANMILL_UNEXPLAINED 1\n", 4, "macro FANMILL_UNEXPLAINED"),
    "markup.hpp": (in_namespace("/// Gives the <order> of them.\nint marked();"), 5,
                   "Doxygen: Unsupported xml/html tag <order>"),
    "command.hpp": (in_namespace("/// Gives @frobnicate.\nint commanded();"), 5, "Doxygen: "),
    "overlooked.hpp": (in_namespace("#if 0\n/// Said.\nclass Overlooked {};\n#endif"), 7,
                       "Doxygen overlooks Overlooked"),
}


def findings_of(headers):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in headers.items():
            (Path(folder) / name).write_text(text)
        return reference_test.findings(Path(folder))


class Reference(unittest.TestCase):
    def test_what_is_allowed_is_not_found(self):
        self.assertEqual(findings_of({"noun.hpp": CLEAN, "version.hpp": VERSION}), [])

    def test_each_planted_lack_is_found_and_nothing_else(self):
        found = findings_of({**{name: text for name, (text, _, _) in PLANTED.items()},
                             "version.hpp": VERSION})
        for name, (_, line, expected) in PLANTED.items():
            with self.subTest(name):
                of_it = [one for one in found if f"/{name}:" in one]
                self.assertEqual(len(of_it), 1, of_it)
                self.assertIn(f"lib/include/fanmill/{name}:{line}: ", of_it[0])
                self.assertIn(expected, of_it[0])
                self.assertIn("; ", of_it[0], "a finding says what to do")
        self.assertEqual(len(found), len(PLANTED), found)

    def test_a_library_without_words_about_its_namespace_is_found(self):
        found = findings_of({"version.hpp": VERSION.replace("/// All of it.\n", "")})
        self.assertEqual(len(found), 1, found)
        self.assertIn("namespace fanmill has no contract", found[0])


VERSION = f"{BEGINNING}/// All of it.\nnamespace fanmill::inline v0 {{}}\n"

if __name__ == "__main__":
    reference_test.skip_without_doxygen()
    if reference_test.version() != reference_test.VERSION_THAT_DECIDES:
        print(f"skipped: doxygen {reference_test.VERSION_THAT_DECIDES} decides, this is "
              f"{reference_test.version()}")
        sys.exit(77)
    unittest.main()
