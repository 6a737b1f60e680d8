// words_of: what the FarmError says that something must throw.
#pragma once

#include <fanmill/error.hpp>
#include <string>

#include "catch.hpp"

namespace fanmill::test {

/// Fails the test if `call` throws nothing, or an error of another code.
template <typename Call>
std::string words_of(ErrorCode code, const Call& call) {
  try {
    call();
  } catch (const FarmError& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  FAIL("no FarmError was thrown");
  return {};
}

}  // namespace fanmill::test
