#include "output_streams.hpp"

#include <algorithm>
#include <fanmill/error.hpp>
#include <fstream>
#include <system_error>
#include <utility>

namespace fanmill::broker {
namespace {

// Opened for each chunk: of as many commands as there are slots, not all files could be open.
void append(const std::filesystem::path& path, std::string_view text, std::ios::openmode mode) {
  std::ofstream file(path, std::ios::binary | mode);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file)
    throw FarmError(ErrorCode::io_error, "--results: " + path.string() + " can't be written");
}

}  // namespace

std::string with_prefix(std::string_view text, std::string_view before) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines += before;
    lines += text.substr(0, end);
    text.remove_prefix(end);
  }
  return lines;
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw FarmError(ErrorCode::io_error, "--results: " + folder.string() + ": " + error.message());
}

std::filesystem::path OutputStreams::file_of(const CommandItem& item) const {
  return std::filesystem::path(options_.results) / std::to_string(item.words.seq) / "stdout";
}

void OutputStreams::take(const CommandItem& item, std::uint32_t attempt, std::string_view chunk) {
  Stream& stream = streams_[item.words.seq];
  // A worker that was given up still writes, though another one has begun.
  if (attempt < stream.attempt) return;
  if (attempt > stream.attempt) begin(item, stream, attempt);
  put(item, stream, chunk);
}

void OutputStreams::begin(const CommandItem& item, Stream& stream, std::uint32_t attempt) const {
  write(item, stream, stream.line);
  if (stream.bytes > 0) {
    options_.say(name_of(item) + ": attempt " + std::to_string(attempt) +
                 " begins its output anew; " + std::to_string(stream.bytes) + " bytes of attempt " +
                 std::to_string(stream.attempt) + " were written before");
  }
  stream = {.attempt = attempt};
  if (options_.results.empty()) return;
  make_folder(file_of(item).parent_path());
  append(file_of(item), "", std::ios::trunc);
}

void OutputStreams::put(const CommandItem& item, Stream& stream, std::string_view chunk) const {
  if (!options_.results.empty()) append(file_of(item), chunk, std::ios::app);
  stream.bytes += chunk.size();
  stream.line += chunk;
  std::size_t whole = stream.line.rfind('\n') + 1;  // 0: there is none
  if (whole == 0 && stream.line.size() > line_bytes_max) whole = stream.line.size();
  if (whole == 0) return;
  write(item, stream, std::string_view(stream.line).substr(0, whole));
  stream.line.erase(0, whole);
}

void OutputStreams::write(const CommandItem& item, Stream& stream, std::string_view lines) const {
  if (lines.empty()) return;
  const bool goes_on = std::exchange(stream.is_within_line, !lines.ends_with('\n'));
  if (!options_.tag) {
    options_.write(lines);
    return;
  }
  const std::size_t first = goes_on ? std::min(lines.find('\n'), lines.size() - 1) + 1 : 0;
  std::string text(lines.substr(0, first));
  text += with_prefix(lines.substr(first), item.words.text + "\t");
  options_.write(text);
}

void OutputStreams::end(const CommandItem& item, std::uint32_t attempt, std::string_view beginning,
                        std::uint64_t size) {
  Stream& stream = streams_[item.words.seq];
  if (stream.attempt != attempt) begin(item, stream, attempt);
  // The rest was lost on its way, but the beginning came once more with the result.
  if (stream.bytes < beginning.size())
    put(item, stream, beginning.substr(static_cast<std::size_t>(stream.bytes)));
  if (stream.bytes < size) {
    options_.say(name_of(item) +
                 ": its output is incomplete, as its worker's connection was lost: " +
                 std::to_string(stream.bytes) + " of " + std::to_string(size) + " bytes are here");
  }
  end(item);
}

bool OutputStreams::end(const CommandItem& item) {
  const auto found = streams_.find(item.words.seq);
  if (found == streams_.end()) return false;
  write(item, found->second, found->second.line);
  streams_.erase(found);
  return true;
}

}  // namespace fanmill::broker
