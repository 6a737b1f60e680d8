#include "base/descriptor.hpp"

#include <fcntl.h>
#include <poll.h>

#include <array>
#include <cerrno>

#include "base/wakeup.hpp"
#include "catch.hpp"

using namespace fanmill;

namespace {

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

bool is_readable(int number) {
  pollfd ready{number, POLLIN, 0};
  return ::poll(&ready, 1, 0) == 1;
}

}  // namespace

TEST_CASE("a descriptor closes what it holds at its end and when it takes another",
          "[unit][base]") {
  const int first = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int second = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    Descriptor one(first);
    Descriptor two(second);
    one = std::move(two);
    CHECK_FALSE(is_open(first));
    CHECK(one.get() == second);
    CHECK(is_open(second));
  }
  CHECK_FALSE(is_open(second));
}

TEST_CASE("what can't be written is told with its errno", "[unit][base]") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Descriptor read_end(ends[0]);
  const Descriptor write_end(ends[1]);
  CHECK(write_all(write_end.get(), "abc") == 0);
  std::array<char, 8> bytes{};
  CHECK(::read(read_end.get(), bytes.data(), bytes.size()) == 3);
  CHECK(write_all(read_end.get(), "abc") == EBADF);
  CHECK(write_all(read_end.get(), "") == 0);
}

TEST_CASE("a wakeup is readable from its signal until it is cleared", "[unit][base]") {
  const Wakeup wakeup;
  CHECK_FALSE(is_readable(wakeup.fd()));
  wakeup.signal();
  wakeup.signal();
  CHECK(is_readable(wakeup.fd()));
  wakeup.clear();
  CHECK_FALSE(is_readable(wakeup.fd()));
}
