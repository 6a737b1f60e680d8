// Patterns are sought in a child, whose limits are no matter of what this process has.
#include "exec/match.hpp"

#include <sys/mman.h>

#include "catch.hpp"

using namespace fanmill::exec;

TEST_CASE("a pattern is sought, also by a process that has mapped more than its child may add",
          "[processes]") {
  constexpr std::size_t much = std::size_t{4} << 30;
  void* mapped =
      ::mmap(nullptr, much, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(mapped != MAP_FAILED);
  // Long enough to need fresh memory.
  const std::string text(100'000, 'a');
  CHECK(seek("^" + text + "$", text) == Match::found);
  CHECK(seek("b", text) == Match::not_found);
  CHECK(seek("(", text) == Match::failed);
  ::munmap(mapped, much);
}
