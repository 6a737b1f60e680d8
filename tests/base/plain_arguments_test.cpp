// Words that CLI11 would take for lists.
#include "base/plain_arguments.hpp"

#include <CLI/CLI.hpp>

#include "catch.hpp"

using namespace fanmill;

TEST_CASE("words behind -- and ::: come through CLI11 as they were typed", "[base]") {
  const std::vector<std::string> typed{"[a,b]", "[]", "\x1f[x]", "{}", ":::", "[1]", "--", ""};
  for (const char* begin : {"--", ":::"}) {
    std::vector<std::string> line{"program", "--list", "[1,2]", begin};
    line.insert(line.end(), typed.begin(), typed.end());
    std::vector<char*> pointers;
    for (std::string& word : line) pointers.push_back(word.data());

    CLI::App app;
    std::vector<std::string> words;
    std::vector<int> list;
    app.add_option("words", words);
    app.add_option("--list", list)->allow_extra_args(true);
    const PlainArguments arguments(static_cast<int>(pointers.size()), pointers.data());
    // Without a `--` of their own they would end the list.
    if (begin == std::string("--")) {
      app.parse(arguments.count(), arguments.values());
      CHECK(plain(words) == typed);
    } else {
      std::vector<std::string> marked(arguments.values(), arguments.values() + arguments.count());
      CHECK(plain(marked) == line);
    }
  }
}
