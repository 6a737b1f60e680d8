#include "corpus.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace fanmill::fuzz {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

[[noreturn]] void refuse(std::string_view line) {
  throw std::runtime_error("no input of a corpus: " + std::string(line.substr(0, 60)));
}

std::size_t digit(std::string_view line, std::size_t at) {
  const std::size_t value = at < line.size() ? digits.find(line[at]) : std::string_view::npos;
  if (value == std::string_view::npos) refuse(line);
  return value;
}

}  // namespace

std::string escaped(std::string_view input) {
  if (input.empty()) return "\\e";
  std::string line;
  for (const char c : input) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\0') {
      line += "\\0";
    } else if (c == '\n') {
      line += "\\n";
    } else if (c == '\\') {
      line += "\\\\";
    } else if (byte < 0x20 || byte >= 0x7f || (c == '#' && line.empty())) {
      line += {'\\', 'x', digits[byte / 16U], digits[byte % 16U]};
    } else {
      line += c;
    }
  }
  return line;
}

std::string unescaped(std::string_view line) {
  std::string input;
  if (line == "\\e") return input;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] != '\\') {
      input += line[at];
      continue;
    }
    const char kind = ++at < line.size() ? line[at] : '\0';
    if (kind == '0') {
      input += '\0';
    } else if (kind == 'n') {
      input += '\n';
    } else if (kind == '\\') {
      input += '\\';
    } else if (kind == 'x') {
      input += static_cast<char>(digit(line, at + 1) * 16 + digit(line, at + 2));
      at += 2;
    } else {
      refuse(line);
    }
  }
  return input;
}

std::vector<std::string> inputs_in(const std::string& text) {
  std::vector<std::string> inputs;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line.empty() && line.front() != '#') inputs.push_back(unescaped(line));
  }
  return inputs;
}

std::string text_of_inputs(std::vector<std::string> inputs) {
  std::sort(inputs.begin(), inputs.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
  std::string text =
      "# Inputs of a fuzzer, one for each line; tests/fuzz/corpus.hpp has the form.\n";
  for (const std::string& input : inputs) text += escaped(input) + "\n";
  return text;
}

std::string bytes_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + " can't be read");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace fanmill::fuzz
