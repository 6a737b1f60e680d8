#pragma once

// The one way to include Catch2: works with 2.13 (Debian 12) and 3 (newer distributions). Where
// the two name things differently, write it as in version 3: Catch::Approx,
// Catch::Matchers::ContainsSubstring.

#if __has_include(<catch2/catch_all.hpp>)

#include <catch2/catch_all.hpp>

#else

#include <catch2/catch.hpp>

namespace Catch {

using Detail::Approx;

namespace Matchers {

inline auto ContainsSubstring(const std::string& text,
                              CaseSensitive::Choice sensitivity = CaseSensitive::Yes) {
  return Contains(text, sensitivity);
}

}  // namespace Matchers
}  // namespace Catch

#endif

/// Runs the tests that the command line names and returns the exit status. catch_main.cpp calls it;
/// a test program with a main of its own (to fork before any thread starts) calls it itself.
int run_tests(int argc, char* argv[]);
