#include "joblog.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fanmill/error.hpp>
#include <optional>
#include <string_view>

namespace fanmill::broker {
namespace {

constexpr std::string_view header =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

[[noreturn]] void refuse_file(const std::string& path) {
  throw FarmError(ErrorCode::io_error, "--joblog " + path + ": " + std::strerror(errno));
}

std::string read_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return {};
  if (file < 0) refuse_file(path);
  std::string text;
  std::array<char, 1U << 16> buffer{};
  ssize_t got = 0;
  while ((got = read(file, buffer.data(), buffer.size())) != 0) {
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) {
      const int error = errno;
      close(file);
      errno = error;
      refuse_file(path);
    }
  }
  close(file);
  return text;
}

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

struct PastLine {
  std::uint64_t seq = 0;
  JoblogPast::End end;
};

std::optional<PastLine> past_line(std::string_view line) {
  std::array<std::string_view, 8> columns;  // the ninth is the command, tabs and all
  for (std::string_view& column : columns) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) return std::nullopt;
    column = line.substr(0, tab);
    line.remove_prefix(tab + 1);
  }
  const auto seq = number_in<std::uint64_t>(columns[0]);
  const auto exit = number_in<int>(columns[6]);
  const auto signal = number_in<int>(columns[7]);
  if (!seq || !exit || !signal) return std::nullopt;
  return PastLine{*seq, {*exit, *signal}};
}

}  // namespace

std::string to_text(const JoblogLine& line) {
  std::array<char, 128> times{};
  std::snprintf(times.data(), times.size(), "%.3f\t%10.3f", line.started, line.wall);
  std::string text = std::to_string(line.seq) + '\t' + (line.host.empty() ? ":" : line.host) +
                     '\t' + times.data() + '\t' + std::to_string(line.sent) + '\t' +
                     std::to_string(line.received) + '\t' + std::to_string(line.exit) + '\t' +
                     std::to_string(line.signal) + '\t' + line.command;
  // One line for each command, whatever is in it.
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text + '\n';
}

JoblogPast::JoblogPast(const std::string& path) {
  const std::string text = read_file(path);
  std::uint64_t number = 0;
  std::string_view rest = text;
  for (std::size_t end = 0; (end = rest.find('\n')) != std::string_view::npos;) {
    const std::string_view line = rest.substr(0, end + 1);
    rest.remove_prefix(end + 1);
    number += 1;
    if (number == 1 && line == header) continue;
    const std::optional<PastLine> past = past_line(line);
    if (!past || number == 1) {
      throw FarmError(ErrorCode::malformed_payload,
                      "--joblog " + path + ", line " + std::to_string(number) +
                          " is none of a job log (Seq, Host, Starttime, JobRuntime, Send, "
                          "Receive, Exitval, Signal, Command, with tabs between): name another "
                          "file, or leave out --resume to begin it anew");
    }
    ends_[past->seq].push_back(past->end);
  }
  torn_ = !rest.empty();
  whole_bytes_ = text.size() - rest.size();
}

std::span<const JoblogPast::End> JoblogPast::ends_of(std::uint64_t seq) const {
  const auto found = ends_.find(seq);
  if (found == ends_.end()) return {};
  return found->second;
}

Joblog::Joblog(const std::string& path, std::size_t keep)
    : path_(path), file_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (file_ < 0) refuse_file(path_);
  // Not a regular file (/dev/stderr): there is nothing to cut.
  if (ftruncate(file_, static_cast<off_t>(keep)) != 0 && errno != EINVAL) refuse_file(path_);
  if (keep == 0) append(std::string(header));
}

Joblog::~Joblog() { close(file_); }

void Joblog::append(const std::string& lines) {
  std::string_view rest = lines;
  while (!rest.empty()) {
    const ssize_t written = write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) refuse_file(path_);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace fanmill::broker
