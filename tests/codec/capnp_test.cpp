// Structs of a user's own Cap'n Proto schema as tasks and results.
#include <fanmill/capnp.hpp>

#include <bridge.capnp.h>
#include <fanmill/function.hpp>
#include <fanmill/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <tuple>

#include "catch.hpp"
#include "codec/object_check.hpp"

namespace fanmill::codec_test {
namespace {

using shop_schema::Anything;
using shop_schema::Order;
using shop_schema::Receipt;

static_assert(Transmissible<Capnp<Order>> && Transmissible<std::vector<Capnp<Order>>>);

Capnp<Order> some_order() {
  return Capnp<Order>::build([](Order::Builder order) {
    order.setItem("lamp");
    order.setCount(3);
    order.initParts(2)[1].setName("shade");
    auto weights = order.initWeights(1000);
    for (unsigned i = 0; i < weights.size(); ++i) weights.set(i, i);
  });
}

void check_some_order(const Capnp<Order>& order) {
  CHECK(order->getItem() == "lamp");
  CHECK(order->getCount() == 3);
  CHECK(order->getParts()[1].getName() == "shade");
  CHECK(order->getWeights()[999] == 999);
}

Capnp<Receipt> sell(const Capnp<Order>& order) {
  return Capnp<Receipt>::build(
      [&](Receipt::Builder receipt) { receipt.setTotal(20 * order->getCount()); });
}

bool lies_in(const void* data, const Payload& payload) {
  const char* begin = payload.bytes.data();
  return !std::less<>()(data, static_cast<const void*>(begin)) &&
         std::less<>()(data, static_cast<const void*>(begin + payload.bytes.size()));
}

TEST_CASE("a struct of the user's schema is a raw payload: its type's id and a message",
          "[unit][object]") {
  const Payload payload = encode(sell(some_order()));
  CHECK(payload.encoding == Encoding::raw);
  const unsigned char bytes[] = {0x55, 0x7c, 0x01, 0xe2, 0x3d, 0xb8, 0xf4, 0xa9,  // the id
                                 0,    0,    0,    0,    2,    0,    0,    0,     // one segment
                                 0,    0,    0,    0,    1,    0,    0,    0,     // its root
                                 60,   0,    0,    0,    0,    0,    0,    0};
  CHECK(payload.bytes.view() ==
        std::string_view(reinterpret_cast<const char*>(bytes), sizeof bytes));
}

TEST_CASE("a message is read in the payload that it came in", "[unit][object]") {
  std::optional<Payload> payload = encode(some_order());
  const auto order = decode<Capnp<Order>>(*payload);
  CHECK(lies_in(order->getItem().begin(), *payload));
  CHECK(encode(order).bytes.data() == payload->bytes.data());
  payload.reset();  // the message is an owner, too
  const Capnp<Order> copy = order;
  check_some_order(copy);
}

// Its reader was left behind, in bytes that nobody owned any more, and to send it crashed.
TEST_CASE("a message that was moved from is the message that it was", "[unit][object]") {
  Capnp<Order> order = some_order();
  std::optional<Capnp<Order>> taken = std::move(order);
  CHECK(encode(order) == encode(*taken));  // NOLINT(bugprone-use-after-move): what is shown here
  taken.reset();
  check_some_order(order);
}

TEST_CASE("within other types a message is bytes, and is not copied either", "[unit][object]") {
  using Task = std::tuple<int, std::optional<Capnp<Order>>, std::vector<Capnp<Receipt>>>;
  const Payload payload = encode(Task(1, some_order(), {sell(some_order()), {}}));
  CHECK(payload.encoding == Encoding::object);
  const auto task = decode<Task>(payload);
  check_some_order(*std::get<1>(task));
  CHECK(lies_in((*std::get<1>(task))->getItem().begin(), payload));
  CHECK(std::get<2>(task)[0]->getTotal() == 60);
  CHECK(std::get<2>(task)[1]->getTotal() == 0);
  const auto back = decode<Task>(Payload::json(to_json(payload)));
  check_some_order(*std::get<1>(back));
  // Alone again, without what it came with.
  CHECK(encode(*std::get<1>(task)) == encode(some_order()));
}

TEST_CASE("a message of another type is refused in words that name both ids", "[unit][object]") {
  const std::string expected =
      "expected Cap'n Proto struct bridge.capnp:Order (id 0xd7c2f5b0a1e94c31), got ";
  CHECK(refusal<Capnp<Order>>(encode(sell(some_order()))) ==
        expected + "one of id 0xa9f4b83de2017c55");
  CHECK(refusal<Capnp<Order>>(Payload::raw("just some words")) ==
        expected + "15 bytes, which are no message");
  CHECK(refusal<Capnp<Order>>(Payload::raw("only words, though 24...")) ==
        expected + "bytes that do not begin with a type's id");
  CHECK(refusal<Capnp<Order>>(encode(17)) ==
        "expected Cap'n Proto struct bridge.capnp:Order (id 0xd7c2f5b0a1e94c31), got integer 17");
  CHECK(refusal<std::vector<Capnp<Order>>>(encode(std::vector{sell(some_order())})) ==
        "element 0: " + expected + "one of id 0xa9f4b83de2017c55");
}

TEST_CASE("a message cut short is refused when it is opened", "[unit][object]") {
  const std::string whole = encode(some_order()).bytes.str();
  for (std::size_t size = 16; size < whole.size(); size += 8 * 100) {
    CHECK_THROWS_AS(decode<Capnp<Order>>(Payload::raw(whole.substr(0, size))), FarmError);
  }
}

// Where it is damaged deeper inside, Cap'n Proto says so to whoever reads there.
TEST_CASE("damaged messages give an error or a value, never anything else", "[unit][object]") {
  const std::string valid = encode(some_order()).bytes.str();
  std::mt19937_64 random(7);
  int refused = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::string bytes = valid;
    bytes[8 + random() % 120] ^= static_cast<char>(1 << random() % 8);
    try {
      const auto order = decode<Capnp<Order>>(Payload::raw(bytes));
      encode(Capnp<Order>(*order));  // reads everything
    } catch (const FarmError& error) {
      // A damaged pointer may look like a capability's.
      REQUIRE((error.code() == ErrorCode::malformed_payload ||
               error.code() == ErrorCode::invalid_argument));
      refused += 1;
    }
  }
  CHECK(refused > 0);
  CHECK(refused < 3'000);
}

TEST_CASE("a message of several segments is read, too", "[unit][object]") {
  // As another language may send it.
  capnp::MallocMessageBuilder message(4, capnp::AllocationStrategy::FIXED_SIZE);
  message.setRoot(*some_order());
  REQUIRE(message.getSegmentsForOutput().size() > 1);
  const auto words = capnp::messageToFlatArray(message);
  std::string bytes = encode(some_order()).bytes.str().substr(0, 8);
  bytes.append(reinterpret_cast<const char*>(words.begin()), words.asBytes().size());
  check_some_order(decode<Capnp<Order>>(Payload::raw(bytes)));
}

TEST_CASE("a message with capabilities is not sent", "[unit][object]") {
  // A capability needs Cap'n Proto's RPC to be made; a pointer to one is enough to be refused.
  capnp::MallocMessageBuilder message;
  message.initRoot<Anything>();
  const auto segment = message.getSegmentsForOutput()[0];
  auto* words = reinterpret_cast<std::uint64_t*>(const_cast<capnp::word*>(segment.begin()));
  words[1] = 3;
  capnp::SegmentArrayMessageReader reader(message.getSegmentsForOutput());
  CHECK(test::words_of(ErrorCode::invalid_argument, [&] {
          Capnp<Anything>{reader.getRoot<Anything>()};
        }).ends_with(": capabilities can't be sent; only data can"));
}

// A message of whose lists each has two pointers to the next: 2^levels places for a copy.
Payload doubled(int levels) {
  const auto list_of_two = [](int words_ahead) {
    return std::uint64_t{1} | std::uint64_t(words_ahead) << 2 | std::uint64_t{6 | 2 << 3} << 32;
  };
  std::vector<std::uint64_t> words{0, std::uint64_t{1} << 48, list_of_two(0)};
  for (int level = 1; level < levels; ++level) {
    words.push_back(list_of_two(1));
    words.push_back(list_of_two(0));
  }
  words.resize(words.size() + 2);
  words[0] = std::uint64_t{words.size() - 1} << 32;
  std::string bytes = encode(Capnp<Anything>()).bytes.str().substr(0, 8);
  return Payload::raw(bytes.append(reinterpret_cast<const char*>(words.data()), 8 * words.size()));
}

// To copy it took minutes and more memory than there is.
TEST_CASE("a message that leads to the same places very often is not copied", "[unit][object]") {
  const auto few = decode<Capnp<Anything>>(doubled(10));
  CHECK(encode(Capnp<Anything>(*few)).bytes.size() > 8 * 1024);
  const auto many = decode<Capnp<Anything>>(doubled(60));
  CHECK(test::words_of(ErrorCode::malformed_payload, [&] { Capnp<Anything>{*many}; }) ==
        "a Cap'n Proto message leads to the same places too often to be copied");
}

TEST_CASE("a list of elements without size is not copied if it claims to be long",
          "[unit][object]") {
  const std::uint64_t words[] = {std::uint64_t{3} << 32, std::uint64_t{1} << 48,
                                 1 | std::uint64_t{7} << 32, std::uint64_t{0x1fff'ffff} << 2};
  const std::string id = encode(Capnp<Anything>()).bytes.str().substr(0, 8);
  const Payload payload =
      Payload::raw(id + std::string(reinterpret_cast<const char*>(words), sizeof words));
  const auto long_list = decode<Capnp<Anything>>(payload);
  CHECK_THROWS_AS(Capnp<Anything>{*long_list}, FarmError);
}

TEST_CASE("what is large or deep without being led to twice is copied", "[unit][object]") {
  const auto large = Capnp<Order>::build([](Order::Builder order) {
    auto parts = order.initParts(600'000);
    for (unsigned i = 0; i < parts.size(); i += 2) parts[i].setName("x");
  });
  CHECK(large->getParts()[599'998].getName() == "x");
  check_some_order(Capnp<Order>(*some_order()));
  const auto nothing = Capnp<Anything>::build(
      [](Anything::Builder to) { to.getAny().initAs<capnp::List<capnp::Text>>(3'000'000); });
  CHECK(encode(nothing).bytes.size() > 24'000'000);
  // Each level is a struct in a pointer.
  const auto nested = [](int levels) {
    return Capnp<Anything>::build([&](Anything::Builder to) {
      for (int level = 1; level < levels; ++level) to = to.getAny().initAs<Anything>();
    });
  };
  const Capnp<Anything> deep = decode<Capnp<Anything>>(encode(nested(64)));
  Anything::Reader at = *deep;
  for (int level = 1; level < 64; ++level) at = at.getAny().getAs<Anything>();
  CHECK(at.getAny().isNull());
  CHECK(test::words_of(ErrorCode::malformed_payload, [&] { nested(65); }) ==
        "a Cap'n Proto message is nested too deep");
}

TEST_CASE("a worker's function takes and gives messages", "[unit][object]") {
  const Function function(sell);
  const FunctionResult result = function(encode(some_order()), {});
  CHECK(decode<Capnp<Receipt>>(result.payload)->getTotal() == 60);
  const Function some([](const Capnp<Order>& order) { return std::optional(sell(order)); });
  const FunctionResult answer = some(encode(some_order()), {});
  CHECK((*decode<std::optional<Capnp<Receipt>>>(answer.payload))->getTotal() == 60);
  CHECK_FALSE(decode<std::optional<Capnp<Receipt>>>(Payload()));
}

}  // namespace
}  // namespace fanmill::codec_test
