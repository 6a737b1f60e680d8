// PlainArguments: a command line for CLI11 in which the words of others stay whole.
//
// CLI11 takes a word "[a,b]" for a list, and gives "a" and "b"; a second `--` it drops. Behind `--` or `:::` stand programs,
// their arguments and items, which are none of its business: such words are marked before it sees
// them, and the marks are taken away again by `plain`.
#pragma once

#include <string>
#include <vector>

namespace fanmill {

class PlainArguments {
 public:
  PlainArguments(int count, char** arguments);
  PlainArguments(const PlainArguments&) = delete;
  PlainArguments& operator=(const PlainArguments&) = delete;

  [[nodiscard]] int count() const { return static_cast<int>(pointers_.size()); }
  /// As main() is given them; valid as long as this object.
  [[nodiscard]] const char* const* values() const { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<const char*> pointers_;
};

/// What was typed, of words that CLI11 has read behind `--` or `:::`.
std::vector<std::string> plain(std::vector<std::string> words);

}  // namespace fanmill
