// Payloads of encoding `object`, by all ways to read one: a view that walks everything, the way to
// JSON and back, and `decode` to types of every kind. Whatever is refused is refused by FarmError.
#include <array>
#include <chrono>
#include <deque>
#include <fanmill/json.hpp>
#include <fanmill/object.hpp>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "fuzz.hpp"

namespace {

enum class Suit : std::int8_t { hearts = 2, spades = -3 };

struct Card {
  Suit suit = Suit::hearts;
  std::optional<std::string> name;
};
FANMILL_FIELDS(Card, suit, name)

struct Hand {
  std::vector<Card> cards;
  std::map<std::string, double> odds;
  std::chrono::milliseconds limit{0};
};
FANMILL_FIELDS(Hand, cards, (odds, "odds of winning"), (limit, fanmill::or_default))

struct Tree {
  int value = 0;
  std::vector<Tree> children;
};
FANMILL_FIELDS(Tree, value, children)

}  // namespace

namespace fanmill::fuzz {
namespace {

/// Whether it was taken.
template <typename Try>
bool taken(const Try& work) {
  try {
    work();
    return true;
  } catch (const FarmError& error) {
    const bool expected =
        error.code() == ErrorCode::malformed_payload || error.code() == ErrorCode::invalid_argument;
    if (!expected) found(std::string("an error of another code: ") + error.what());
    must(error.what()[0] != '\0', "an error without words");
    return false;
  }
}

// A payload may lead to one place by many ways; a walk by all of them need not end soon.
constexpr int places_max = 2000;

void walk(const ObjectView& view, int& places) {
  if (--places < 0) return;
  taken([&] { (void)describe(view); });
  taken([&] { (void)view.if_int64(); });
  taken([&] { (void)view.if_uint64(); });
  taken([&] { (void)view.floating(); });
  taken([&] { (void)view.text().size(); });
  taken([&] { (void)view.bytes().size(); });
  taken([&] { (void)view.big_integer().to_decimal(); });
  taken([&] { (void)view.find("x"); });
  taken([&] { (void)view.names().size(); });
  taken([&] {
    const ObjectList elements = view.elements();
    (void)elements.packed_integers();
    (void)elements.packed_floats();
    for (std::size_t i = 0; i < elements.size() && places >= 0; ++i) {
      taken([&] { walk(elements[i], places); });
    }
  });
}

/// What was taken for a T can be sent, and is then taken for the same.
template <typename T>
void try_type(const Payload& payload) {
  taken([&] {
    const Payload once = encode(decode<T>(payload));
    Payload twice;
    if (!taken([&] { twice = encode(decode<T>(once)); })) found("what was sent is refused");
    must(twice == once, "what was sent is taken for something else");
  });
}

using Trial = void (*)(const Payload&);
constexpr Trial trials[] = {
    try_type<bool>,
    try_type<std::int8_t>,
    try_type<std::uint64_t>,
    try_type<double>,
    try_type<BigInteger>,
    try_type<std::string>,
    try_type<std::filesystem::path>,
    try_type<Bytes>,
    try_type<std::vector<std::int64_t>>,
    try_type<std::vector<double>>,
    try_type<std::vector<std::uint8_t>>,
    try_type<std::vector<bool>>,
    try_type<SharedSpan<double>>,
    try_type<SharedSpan<std::int64_t>>,
    try_type<std::array<int, 2>>,
    try_type<std::set<std::string>>,
    try_type<std::deque<std::optional<std::vector<int>>>>,
    try_type<std::map<std::string, std::string>>,
    try_type<std::map<int, std::tuple<bool, double>>>,
    try_type<std::variant<int, std::string, std::vector<double>>>,
    try_type<std::chrono::milliseconds>,
    try_type<std::chrono::duration<double>>,
    try_type<std::chrono::system_clock::time_point>,
    try_type<Card>,
    try_type<Hand>,
    try_type<Tree>,
};

void try_json(const Payload& payload) {
  std::string text;
  if (!taken([&] { text = to_json(payload); })) return;
  Payload back;
  if (!taken([&] { back = json_to_object(text); })) found("JSON of ours is refused: " + text);
  must(to_json(back) == text, "JSON of ours comes back as other JSON");
}

}  // namespace
}  // namespace fanmill::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fanmill;
  using namespace fanmill::fuzz;
  if (size == 0) return 0;
  const Payload payload{Bytes(text_of(data + 1, size - 1)), Encoding::object};
  const std::size_t choice = data[0] % (std::size(trials) + 2);
  if (choice == std::size(trials)) {
    int places = places_max;
    taken([&] { walk(ObjectView(payload), places); });
  } else if (choice > std::size(trials)) {
    try_json(payload);
  } else {
    trials[choice](payload);
  }
  return 0;
}
