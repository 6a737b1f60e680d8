#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace fanmill {
namespace {

void print_and_abort(const std::string& report) {
  std::fputs(report.c_str(), stderr);
  std::abort();
}

AssertHandler handler = print_and_abort;

}  // namespace

AssertHandler set_assert_handler(AssertHandler replacement) noexcept {
  AssertHandler before = handler;
  handler = replacement == nullptr ? print_and_abort : replacement;
  return before;
}

void assert_failed(const char* expression, const char* file, int line, const std::string& context) {
  handler("fanmill: a bug: assertion failed: " + std::string(expression) + " (" + file + ":" +
          std::to_string(line) + ") " + context + "\n");
  std::abort();  // a handler that returns would let a broken state go on
}

}  // namespace fanmill
