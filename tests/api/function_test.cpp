// Functions: what they may be made of, and what becomes of their input and result.
#include <fanmill/function.hpp>
#include <stdexcept>

#include "catch.hpp"
#include "farm_error.hpp"

using fanmill::decode;
using fanmill::encode;
using fanmill::ErrorCode;
using fanmill::FarmError;
using fanmill::Function;
using fanmill::Functions;
using fanmill::TaskContext;

namespace {

int twice(int n) { return 2 * n; }
int half(int n) noexcept { return n / 2; }

template <typename R, typename T>
R call(const Function& function, const T& input, const TaskContext& context = {}) {
  return decode<R>(function(encode(input), context).payload);
}

}  // namespace

TEST_CASE("a function is made of any callable with its types written out", "[unit][api]") {
  CHECK(call<int>(twice, 2) == 4);
  CHECK(call<int>(half, 4) == 2);
  CHECK(call<std::string>([](const std::string& text) { return text + "!"; }, "a") == "a!");
  int calls = 0;
  const Function counting([&calls](int) mutable { calls += 1; });
  CHECK(counting(encode(1), {}).payload.encoding == fanmill::Encoding::none);
  CHECK(calls == 1);
  struct Adder {
    int amount;
    int operator()(int n) const { return n + amount; }
  };
  CHECK(call<int>(Adder{3}, 1) == 4);
}

TEST_CASE("a function may take its stop token or its context", "[unit][api]") {
  std::stop_source stop;
  stop.request_stop();
  TaskContext context{.stop = stop.get_token(), .item = 3, .task = 4, .attempt = 2};
  CHECK(call<bool>([](int, std::stop_token token) { return token.stop_requested(); }, 1, context));
  CHECK(call<std::uint64_t>(
            [](int, const TaskContext& told) {
              return told.item * 100 + told.task * 10 + told.attempt;
            },
            1, context) == 342);
}

TEST_CASE("an empty optional is nothing, a full one is its value", "[unit][api]") {
  const Function positive([](int n) { return n > 0 ? std::optional(n) : std::nullopt; });
  CHECK(positive(encode(-1), {}).nothing);
  CHECK(positive(encode(-1), {}).payload == fanmill::Payload{});
  CHECK_FALSE(positive(encode(5), {}).nothing);
  CHECK(call<int>(positive, 5) == 5);
}

TEST_CASE("what a function throws passes, and a wrong input is malformed_payload", "[unit][api]") {
  const Function thrower([](int) -> int { throw std::logic_error("no"); });
  CHECK_THROWS_AS(thrower(encode(1), {}), std::logic_error);
  fanmill::test::words_of(ErrorCode::malformed_payload,
                          [] { Function{twice}(encode("text"), {}); });
}

TEST_CASE("a set of functions refuses names that are empty or there already", "[unit][api]") {
  Functions functions;
  functions.add("a", twice).add("b", half);
  CHECK(functions.all().size() == 2);
  CHECK_THROWS_AS(functions.add("", twice), FarmError);
  CHECK_THROWS_AS(functions.add("a", twice), FarmError);
}
