// Between the corpus in the tree and the folders that libFuzzer works with.
//
//   fuzz_corpus unpack TARGET TREE FOLDER   writes into FOLDER the target's seeds and the inputs of
//                                           TREE/tests/fuzz/corpus/TARGET.txt and found/TARGET.txt
//   fuzz_corpus pack TARGET TREE FOLDER     makes that text file of what is in FOLDER
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "corpus.hpp"
#include "seeds.hpp"

namespace fanmill::fuzz {
namespace {

namespace fs = std::filesystem;

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  if (!file.flush()) throw std::runtime_error(path + " can't be written");
}

void unpack(const std::string& target, const std::string& tree, const std::string& folder) {
  std::vector<std::string> inputs = seeds_of(target, tree);
  for (const char* kept : {"corpus/", "found/"}) {
    const std::string file = tree + "/tests/fuzz/" + kept + target + ".txt";
    if (!fs::exists(file)) continue;
    const std::vector<std::string> more = inputs_in(bytes_of_file(file));
    inputs.insert(inputs.end(), more.begin(), more.end());
  }
  fs::create_directories(folder);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    write_file(folder + "/known-" + std::to_string(i), inputs[i]);
}

void pack(const std::string& target, const std::string& tree, const std::string& folder) {
  std::vector<std::string> inputs;
  for (const auto& entry : fs::directory_iterator(folder))
    inputs.push_back(bytes_of_file(entry.path().string()));
  if (inputs.empty()) throw std::runtime_error(folder + " is empty");
  write_file(tree + "/tests/fuzz/corpus/" + target + ".txt", text_of_inputs(inputs));
}

}  // namespace
}  // namespace fanmill::fuzz

int main(int count, char** arguments) {
  const std::string order = count == 5 ? arguments[1] : "";
  try {
    if (order == "unpack") {
      fanmill::fuzz::unpack(arguments[2], arguments[3], arguments[4]);
    } else if (order == "pack") {
      fanmill::fuzz::pack(arguments[2], arguments[3], arguments[4]);
    } else {
      std::fprintf(stderr, "usage: %s unpack|pack TARGET TREE FOLDER\n", arguments[0]);
      return 2;
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
