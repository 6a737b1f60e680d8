// Turns a failed FANMILL_ASSERT into an exception for as long as it lives, so that a test can show
// that a bug would be noticed.
#pragma once

#include <stdexcept>
#include <string>

#include "base/assert.hpp"

namespace fanmill::test {

struct AssertionFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class AssertTrap {
 public:
  AssertTrap()
      : before_(
            set_assert_handler([](const std::string& report) { throw AssertionFailed(report); })) {}
  ~AssertTrap() { set_assert_handler(before_); }
  AssertTrap(const AssertTrap&) = delete;
  AssertTrap& operator=(const AssertTrap&) = delete;

 private:
  AssertHandler before_;
};

}  // namespace fanmill::test
