// Result<T>: a value or the Error that prevented it. For edge failures inside the library
// (STYLE.md, kind 2); the public API turns an Error into a FarmError. C++20 has no std::expected,
// and a type chosen by feature macro would differ between a library and its user, so this one is
// ours on every compiler.
#pragma once

#include <fanmill/error.hpp>
#include <string>
#include <utility>
#include <variant>

#include "base/assert.hpp"

namespace fanmill {

struct Error {
  ErrorCode code;
  std::string message;
};

[[noreturn]] inline void raise(const Error& error) { throw FarmError(error.code, error.message); }

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & {
    FANMILL_ASSERT(ok(), error_text());
    return std::get<0>(state_);
  }
  [[nodiscard]] const T& value() const& {
    FANMILL_ASSERT(ok(), error_text());
    return std::get<0>(state_);
  }
  [[nodiscard]] T&& value() && {
    FANMILL_ASSERT(ok(), error_text());
    return std::get<0>(std::move(state_));
  }
  [[nodiscard]] const Error& error() const {
    FANMILL_ASSERT(!ok(), "error() of a Result that holds a value");
    return std::get<1>(state_);
  }
  /// The value, or the error thrown as the public exception.
  T value_or_raise() && {
    if (!ok()) raise(error());
    return std::get<0>(std::move(state_));
  }

 private:
  [[nodiscard]] std::string error_text() const { return ok() ? "" : std::get<1>(state_).message; }
  std::variant<T, Error> state_;
};

/// For calls that give nothing but may fail: `return Ok{};`
struct Ok {};
using Status = Result<Ok>;

}  // namespace fanmill
