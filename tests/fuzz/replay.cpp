// Runs a target on inputs that are known: the corpus in the normal suite, a finding by hand.
//
//   replay_wire tests/fuzz/corpus/wire.txt...   every input of these files; fails if one has none, or if
//                                               a kind of message, event or order is never reached
//   replay_wire --input FILE                    one input, as libFuzzer keeps it
#include <cstdio>
#include <exception>

#include "corpus.hpp"
#include "fuzz.hpp"

namespace fanmill::fuzz {
namespace {

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

int missing() {
  int count = 0;
  for (const Reached& reached : all_reached()) {
    for (std::size_t i = 0; i < reached.alternatives.size(); ++i) {
      if (reached.alternatives[i]) continue;
      std::printf("no input reaches %s number %zu of %zu\n", reached.what, i,
                  reached.alternatives.size());
      count += 1;
    }
  }
  if (count > 0)
    std::printf("Add a seed to tests/fuzz/seeds.cpp and grow the corpus (docs/testing.md).\n");
  return count;
}

bool replay_file(const std::string& path) {
  const std::vector<std::string> inputs = inputs_in(bytes_of_file(path));
  for (const std::string& input : inputs) run(input);
  std::printf("%zu inputs of %s\n", inputs.size(), path.c_str());
  return !inputs.empty();
}

int replay(int count, char** arguments) {
  if (count == 3 && std::string_view(arguments[1]) == "--input") {
    run(bytes_of_file(arguments[2]));
    std::puts("nothing was found");
    return 0;
  }
  if (count < 2) {
    std::fprintf(stderr, "usage: %s CORPUS.txt... | --input FILE\n", arguments[0]);
    return 2;
  }
  bool all_have_inputs = true;
  for (int i = 1; i < count; ++i) all_have_inputs = replay_file(arguments[i]) && all_have_inputs;
  return all_have_inputs && missing() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace fanmill::fuzz

int main(int count, char** arguments) {
  try {
    return fanmill::fuzz::replay(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
