#include <fanmill/function.hpp>

#include <algorithm>
#include <fanmill/error.hpp>
#include <utility>

#include "core/limits.hpp"

namespace fanmill::inline v0 {

Functions& Functions::add(std::string name, Function function) {
  if (name.empty()) {
    throw FarmError(ErrorCode::invalid_argument, "a function among several needs a name");
  }
  if (std::any_of(all_.begin(), all_.end(),
                  [&](const Named& named) { return named.name == name; })) {
    throw FarmError(ErrorCode::invalid_argument, "two functions have the name \"" + name + "\"");
  }
  if (all_.size() == limits::functions_max) {
    throw FarmError(
        ErrorCode::invalid_argument,
        "a worker serves at most " + std::to_string(limits::functions_max) + " functions");
  }
  all_.push_back({std::move(name), std::move(function)});
  return *this;
}

}  // namespace fanmill::inline v0
