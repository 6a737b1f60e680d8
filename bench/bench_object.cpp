// What it costs to make a payload of a C++ value and a value of a payload: fanmill's objects, which
// describe themselves, beside Cap'n Proto by hand, whose reader must have the schema, and beside a
// plain copy of as many bytes. Prints one table for each direction.
//
//     bench_object [--rounds 15]
#include <bench_object.capnp.h>
#include <capnp/message.h>
#include <capnp/serialize.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <fanmill/object.hpp>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bench_table.hpp"

namespace {

using bench::Clock;
using Words = kj::Array<capnp::word>;

using Small = std::tuple<std::int64_t, std::string, double>;

struct Ten {
  std::int64_t id = 0;
  std::int32_t count = 0;
  double x = 0;
  double y = 0;
  double z = 0;
  std::string name;
  std::string city;
  bool active = false;
  std::optional<double> weight;
  std::vector<std::int64_t> tags;
};
FANMILL_FIELDS(Ten, id, count, x, y, z, name, city, active, weight, tags)

using Doubles = std::vector<double>;

// The compiler must take `value` for used and all memory for changed.
template <typename T>
void use(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

// ---- Cap'n Proto by hand: built in a first segment on the stack, then laid out flat for sending.

template <typename Schema, typename Fill>
Words build(const Fill& fill) {
  capnp::word scratch[128] = {};
  capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, 128));
  fill(message.initRoot<Schema>());
  return capnp::messageToFlatArray(message);
}

Words by_hand(const Small& value) {
  return build<bench_schema::Small>([&](bench_schema::Small::Builder to) {
    to.setId(std::get<0>(value));
    to.setName(std::get<1>(value));
    to.setWeight(std::get<2>(value));
  });
}

Words by_hand(const Ten& value) {
  return build<bench_schema::Ten>([&](bench_schema::Ten::Builder to) {
    to.setId(value.id);
    to.setCount(value.count);
    to.setX(value.x);
    to.setY(value.y);
    to.setZ(value.z);
    to.setName(value.name);
    to.setCity(value.city);
    to.setActive(value.active);
    to.setHasWeight(value.weight.has_value());
    to.setWeight(value.weight.value_or(0));
    to.setTags(kj::arrayPtr(value.tags.data(), value.tags.size()));
  });
}

Words by_hand(const Doubles& value) {
  return build<bench_schema::Doubles>([&](bench_schema::Doubles::Builder to) {
    to.setValues(kj::arrayPtr(value.data(), value.size()));
  });
}

capnp::ReaderOptions unbounded() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = UINT64_MAX;
  return options;
}

void read_by_hand(const Words& words, Small& value) {
  capnp::FlatArrayMessageReader message(words, unbounded());
  const auto from = message.getRoot<bench_schema::Small>();
  value = {from.getId(), from.getName(), from.getWeight()};
}

void read_by_hand(const Words& words, Ten& value) {
  capnp::FlatArrayMessageReader message(words, unbounded());
  const auto from = message.getRoot<bench_schema::Ten>();
  value.id = from.getId();
  value.count = from.getCount();
  value.x = from.getX();
  value.y = from.getY();
  value.z = from.getZ();
  value.name = from.getName();
  value.city = from.getCity();
  value.active = from.getActive();
  if (from.getHasWeight()) value.weight = from.getWeight();
  value.tags.reserve(from.getTags().size());
  for (const std::int64_t tag : from.getTags()) value.tags.push_back(tag);
}

void read_by_hand(const Words& words, Doubles& value) {
  capnp::FlatArrayMessageReader message(words, unbounded());
  const auto from = message.getRoot<bench_schema::Doubles>().getValues();
  value.reserve(from.size());
  for (const double number : from) value.push_back(number);
}

// ---- Measuring.

/// Nanoseconds for one call; as many calls as take about 10 ms, but one at least.
double nanoseconds(const std::function<void()>& call) {
  double took = 0;
  for (std::uint64_t calls = 1;; calls *= 2) {
    const Clock::time_point begin = Clock::now();
    for (std::uint64_t i = 0; i < calls; ++i) call();
    took = bench::seconds_since(begin);
    if (took > 0.01) return took * 1e9 / static_cast<double>(calls);
  }
}

struct Way {
  const char* name;
  std::function<void()> call;
  std::vector<double> times = {};
};

/// One row: the median of each way, and the ratio of the last to Cap'n Proto by hand. The ways
/// alternate, so that what else the machine does meets all of them.
void measure(const char* name, std::size_t bytes, std::size_t bytes_by_hand, int rounds, Way copy,
             Way hand, Way ours) {
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    for (Way* way : {&copy, &hand, &ours}) way->times.push_back(nanoseconds(way->call));
    ratios.push_back(ours.times.back() / hand.times.back());
  }
  std::printf("| %s | %zu | %zu | %.0f | %.0f | %.0f | %.2f (%.2f to %.2f) |\n", name, bytes,
              bytes_by_hand, bench::median(copy.times), bench::median(hand.times),
              bench::median(ours.times), bench::median(ratios), bench::quantile(ratios, 0.1),
              bench::quantile(ratios, 0.9));
  std::fflush(stdout);
}

/// A new block of memory with a copy of `bytes`: what any encoding costs at least.
void copy_bytes(const fanmill::Bytes& bytes) {
  const std::unique_ptr<char[]> memory(new char[bytes.size()]);
  std::memcpy(memory.get(), bytes.data(), bytes.size());
  use(memory);
}

template <typename T>
void measure_encode(const char* name, const T& value, int rounds) {
  const fanmill::Payload payload = fanmill::encode(value);
  measure(name, payload.bytes.size(), by_hand(value).asBytes().size(), rounds,
          {"memcpy", [&] { copy_bytes(payload.bytes); }}, {"by hand", [&] { use(by_hand(value)); }},
          {"fanmill", [&] { use(fanmill::encode(value)); }});
}

template <typename T, typename Read = T>
void measure_decode(const char* name, const T& value, int rounds) {
  const fanmill::Payload payload = fanmill::encode(value);
  const Words words = by_hand(value);
  measure(name, payload.bytes.size(), words.asBytes().size(), rounds,
          {"memcpy", [&] { copy_bytes(payload.bytes); }},
          {"by hand",
           [&] {
             T read;
             read_by_hand(words, read);
             use(read);
           }},
          {"fanmill", [&] { use(fanmill::decode<Read>(payload)); }});
}

void print_heading(const char* title) {
  std::printf("%s, nanoseconds:\n\n", title);
  std::puts(
      "| value | bytes | bytes by hand | memcpy | Cap'n Proto by hand | fanmill | fanmill / by "
      "hand "
      "(p10 to p90) |");
  std::puts("|---|---|---|---|---|---|---|");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Encode and decode of objects, beside Cap'n Proto by hand and a plain copy.");
  int rounds = 15;
  app.add_option("--rounds", rounds, "alternating rounds for each row")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const Small small(123'456'789, "a short name", 0.5);
  const Ten ten{.id = 123'456'789,
                .count = 42,
                .x = 1.5,
                .y = -2.5,
                .z = 1e100,
                .name = "a name that does not fit a small string",
                .city = "Aachen",
                .active = true,
                .weight = 71.5,
                .tags = {1, 2, 3, 4}};
  Doubles doubles(1'000'000);
  std::iota(doubles.begin(), doubles.end(), 0.5);

  print_heading("Encode");
  measure_encode("tuple of integer, text, float", small, rounds);
  measure_encode("struct of ten fields", ten, rounds);
  measure_encode("a million doubles", doubles, rounds);
  std::puts("");
  print_heading("Decode");
  measure_decode("tuple of integer, text, float", small, rounds);
  measure_decode("struct of ten fields", ten, rounds);
  measure_decode("a million doubles", doubles, rounds);
  measure_decode<Doubles, fanmill::SharedSpan<double>>("the same as SharedSpan", doubles, rounds);
  return 0;
}
