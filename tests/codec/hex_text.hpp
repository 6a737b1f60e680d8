// Bytes as people read them: the frozen files and the transcript of docs/protocol.md.
#pragma once

#include <string>
#include <string_view>

#include "codec/samples.hpp"

namespace fanmill::codec_test {

/// One line for each 16 bytes, "6d 66 ..." without offsets.
std::string hex_lines(std::string_view bytes);
/// With offsets before and characters behind, as hexdump prints them.
std::string hex_dump(std::string_view bytes);

/// A frozen file: '#' comments, "header:" and its bytes, then "payload:" and its bytes if there are
/// two frames. `parse` throws std::runtime_error for anything else.
std::string frozen_text(const Sample& sample, const OwnedFrames& frames);
OwnedFrames parse_frozen(const std::string& text);

}  // namespace fanmill::codec_test
