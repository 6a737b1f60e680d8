#include <filesystem>
#include <fstream>
#include <set>

#include "catch.hpp"
#include "codec/hex_text.hpp"
#include "codec/samples.hpp"

namespace fanmill::codec_test {

namespace {

std::string frozen_folder() { return source_tree() + "/schemas/frozen/v1"; }

// FANMILL_FREEZE=1 writes the files that are missing. One that is there is never written again.
void freeze_if_missing(const Sample& sample, const std::string& path) {
  if (!freezing() || std::filesystem::exists(path)) return;
  std::ofstream(path, std::ios::binary) << frozen_text(sample, encoded(sample.message));
}

}  // namespace

TEST_CASE("every sample has the frozen bytes of version 1, read and written", "[unit][codec]") {
  for (const Sample& sample : samples()) {
    const std::string path = frozen_folder() + "/" + sample.name + ".hex";
    CAPTURE(path);
    freeze_if_missing(sample, path);
    const auto text = file_text(path);
    REQUIRE(text);
    const OwnedFrames frozen = parse_frozen(*text);
    CHECK(hex_lines(encoded(sample.message).header) == hex_lines(frozen.header));
    CHECK(encoded(sample.message) == frozen);
    const auto read = decoded(frozen);
    REQUIRE(fault_of(frozen) == "no error");
    CHECK(read.value().message == sample.message);
    CHECK(read.value().version == 1);
  }
}

TEST_CASE("every frozen file has its sample", "[unit][codec]") {
  std::set<std::string> names;
  for (const Sample& sample : samples()) names.insert(sample.name + ".hex");
  for (const auto& entry : std::filesystem::directory_iterator(frozen_folder())) {
    CAPTURE(entry.path());
    CHECK(names.count(entry.path().filename().string()) == 1);
  }
}

TEST_CASE("every kind of message has a sample", "[unit][codec]") {
  std::set<std::size_t> kinds;
  for (const Sample& sample : samples()) kinds.insert(sample.message.index());
  // All but Unknown, which is no kind of this version.
  CHECK(kinds.size() == std::variant_size_v<core::Message> - 1);
}

// libzmq keeps frames of up to 33 bytes without an allocation.
TEST_CASE("heartbeat, kill, killed and what was taken are 32 bytes", "[unit][codec]") {
  for (const Sample& sample : samples()) {
    const bool small = std::holds_alternative<core::Heartbeat>(sample.message) ||
                       std::holds_alternative<core::Kill>(sample.message) ||
                       std::holds_alternative<core::Killed>(sample.message) ||
                       std::holds_alternative<core::OutputTaken>(sample.message) ||
                       std::holds_alternative<core::PartTaken>(sample.message);
    if (!small) continue;
    CAPTURE(sample.name);
    CHECK(encoded(sample.message).header.size() == 32);
    CHECK_FALSE(encoded(sample.message).payload);
  }
}

}  // namespace fanmill::codec_test
