#include "base/plain_arguments.hpp"

#include <string_view>

namespace fanmill {
namespace {

// No word that anybody types begins with it; one that does is marked, too.
constexpr char mark = '\x1f';

}  // namespace

PlainArguments::PlainArguments(int count, char** arguments) : words_(arguments, arguments + count) {
  bool is_others = false;
  for (std::string& word : words_) {
    if (is_others && (word == "--" || word.starts_with('[') || word.starts_with(mark)))
      word.insert(0, 1, mark);
    is_others = is_others || word == "--" || word == ":::";
    pointers_.push_back(word.c_str());
  }
}

std::vector<std::string> plain(std::vector<std::string> words) {
  for (std::string& word : words) {
    if (word.starts_with(mark)) word.erase(0, 1);
  }
  return words;
}

}  // namespace fanmill
