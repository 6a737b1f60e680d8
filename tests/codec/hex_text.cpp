#include "codec/hex_text.hpp"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <stdexcept>

namespace fanmill::codec_test {
namespace {

std::string hex_byte(char byte) {
  char text[3];
  std::snprintf(text, sizeof text, "%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  return text;
}

}  // namespace

std::string hex_lines(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text += hex_byte(bytes[i]);
    text += i % 16 == 15 || i + 1 == bytes.size() ? '\n' : ' ';
  }
  return text;
}

std::string hex_dump(std::string_view bytes) {
  std::ostringstream text;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    const std::string_view line = bytes.substr(at, 16);
    char offset[32];
    std::snprintf(offset, sizeof offset, "%04zx ", at);
    text << offset;
    for (std::size_t i = 0; i < 16; ++i) {
      text << (i == 8 ? "  " : " ") << (i < line.size() ? hex_byte(line[i]) : "  ");
    }
    text << "  ";
    for (const char byte : line) text << (byte >= 0x20 && byte < 0x7f ? byte : '.');
    text << '\n';
  }
  return text.str();
}

std::string frozen_text(const Sample& sample, const OwnedFrames& frames) {
  std::ostringstream text;
  text << "# fanmill protocol version 1, " << sample.name;
  if (!sample.remark.empty()) text << ": " << sample.remark;
  text << "\n# Frozen: every later release must read and write exactly these bytes.\n";
  text << "header:\n" << hex_lines(frames.header);
  if (frames.payload) text << "payload:\n" << hex_lines(*frames.payload);
  return text.str();
}

OwnedFrames parse_frozen(const std::string& text) {
  OwnedFrames frames;
  std::string* to = nullptr;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line == "header:") {
      to = &frames.header;
    } else if (line == "payload:") {
      to = &frames.payload.emplace();
    } else {
      std::istringstream words(line);
      for (std::string word; words >> word;) {
        std::size_t used = 0;
        const int byte = std::stoi(word, &used, 16);
        if (to == nullptr || word.size() != 2 || used != 2) {
          throw std::runtime_error("not a frozen file: " + line);
        }
        *to += static_cast<char>(byte);
      }
    }
  }
  return frames;
}

}  // namespace fanmill::codec_test
