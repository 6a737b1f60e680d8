// What an oracle throws: a promise that was broken, named, in words.
#pragma once

#include <string>

#include "base/assert.hpp"

namespace fanmill::sim {

struct Violation {
  std::string promise;
  std::string words;
};

/// Throws Violation unless `holds`. The context is put into words only then.
template <typename... Context>
void demand(bool holds, const char* promise, const Context&... context) {
  if (!holds) [[unlikely]]
    throw Violation{promise, assert_context(context...)};
}

}  // namespace fanmill::sim
