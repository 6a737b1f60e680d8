// What the fuzzers share: an input taken as a list of choices, statements that must hold, and a list
// of what has been reached.
//
// A target is one file with `LLVMFuzzerTestOneInput`. It is linked twice: with libFuzzer (the preset
// `fuzz`), and with replay.cpp, which runs the corpus in the normal suite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.hpp"

/// libFuzzer's entry, which each target defines. Returns 0; whatever is wrong aborts.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fanmill::fuzz {

/// A finding: prints the words and aborts.
[[noreturn]] void found(const std::string& words);
inline void must(bool holds, const char* words) {
  if (!holds) [[unlikely]]
    found(words);
}
/// What an invariant checker gives: statements that do not hold.
void must_be_empty(const std::vector<std::string>& violated);

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// An input, byte after byte. Behind its end there are only zeros.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : rest_(text_of(data, size)) {}

  [[nodiscard]] bool more() const { return !rest_.empty(); }
  std::uint8_t byte();
  /// 0 to `limit` - 1; `limit` from 1 to 256.
  std::uint32_t below(std::size_t limit) { return static_cast<std::uint32_t>(byte() % limit); }
  bool one_in(std::uint32_t count) { return byte() % count == 1 % count; }
  /// Mostly small; also the ends of the range and anything between.
  std::uint64_t number();
  std::uint32_t number32() { return static_cast<std::uint32_t>(number()); }
  std::uint16_t number16() { return static_cast<std::uint16_t>(number()); }
  /// Nothing, milliseconds, or seconds; sometimes days.
  Duration duration();
  /// Milliseconds later, at the deadline if there is one, or, in so many of 256 cases, any time later.
  Instant later(Instant now, std::optional<Instant> deadline, unsigned leaps = 4);
  /// A few bytes.
  std::string text(std::size_t bytes_max);
  /// One of them, which must not be empty.
  template <typename List>
  const auto& one_of(const List& list) {
    return list[byte() % list.size()];
  }

 private:
  std::string_view rest_;
};

/// A core's story: made of the input, act by act, until either is over, and brought to its end.
template <typename Story>
int play(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  Story story(choices);
  while (choices.more() && !story.over()) story.act();
  story.finish();
  return 0;
}

/// Which alternatives of a variant the inputs have reached, in this process.
struct Reached {
  const char* what;
  std::vector<bool> alternatives;
};
std::vector<Reached>& all_reached();

/// The replay of a corpus fails if one of Variant's alternatives was never given to this: a new kind
/// of message needs an input that has it. `what` is one name for each Variant.
template <typename Variant>
void reach(const char* what, const Variant& value) {
  static const std::size_t place = [what] {
    all_reached().push_back({what, std::vector<bool>(std::variant_size_v<Variant>)});
    return all_reached().size() - 1;
  }();
  all_reached()[place].alternatives[value.index()] = true;
}

}  // namespace fanmill::fuzz
