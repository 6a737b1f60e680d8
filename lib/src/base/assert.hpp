// FANMILL_ASSERT(condition, context...): on in every build. For bugs only; what can happen on a bad
// day is an outcome or an Error. Prints expression, context and place, then aborts; the handler is
// replaceable by tests.
#pragma once

#include <sstream>
#include <string>

namespace fanmill {

/// Called with the whole report. It must not return: the default prints to standard error and
/// aborts.
using AssertHandler = void (*)(const std::string& report);
/// Returns the handler that was set before. Not thread-safe: set it before threads start.
AssertHandler set_assert_handler(AssertHandler handler) noexcept;
[[noreturn]] void assert_failed(const char* expression, const char* file, int line,
                                const std::string& context);

template <typename... Context>
std::string assert_context(const Context&... context) {
  std::ostringstream text;
  ((text << context << ' '), ...);
  return text.str();
}

}  // namespace fanmill

#define FANMILL_ASSERT(condition, ...)                                  \
  do {                                                                  \
    if (!(condition)) [[unlikely]]                                      \
      ::fanmill::assert_failed(#condition, __FILE__, __LINE__,          \
                               ::fanmill::assert_context(__VA_ARGS__)); \
  } while (false)
