#include "command_output.hpp"

#include <algorithm>
#include <fanmill/error.hpp>
#include <fanmill/json.hpp>
#include <fanmill/object.hpp>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "json_text.hpp"

namespace fanmill::broker {
namespace {

/// About what it takes in memory.
std::size_t bytes_of(const ItemEnd& end) {
  std::size_t bytes = sizeof end;
  for (const TaskEnd& task : end.ends) {
    bytes +=
        sizeof task + task.command.size() + task.result.output.size() + task.result.errors.size();
  }
  return bytes;
}

std::string error_words(const ItemEnd& end) {
  std::string words = end.error;
  for (const TaskEnd& task : end.ends) {
    if (task.solved || task.killed) continue;
    words += (words.empty() ? "" : "; ") + task.command + ": " + task.error;
  }
  return words;
}

std::string result_members(const TaskEnd& task) {
  const CommandResult& result = task.result;
  std::string json = R"("command":)" + json_of(task.command) + R"(,"exit":)" +
                     std::to_string(task.exit) + R"(,"output":)" + json_of(result.output) +
                     R"(,"wall":)" + to_json(encode(result.wall)) + R"(,"cpu":)" +
                     to_json(encode(result.cpu)) + R"(,"memory":)" + std::to_string(result.memory) +
                     R"(,"host":)" + json_of(result.host);
  if (result.output_bytes) json += R"(,"output_bytes":)" + std::to_string(*result.output_bytes);
  if (result.output_file) json += R"(,"output_file":)" + json_of(*result.output_file);
  return json;
}

/// As far as it is here.
std::uint64_t received_of(const CommandResult& result) {
  return result.streamed ? result.output_size() : result.output.size();
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file)
    throw FarmError(ErrorCode::io_error, "--results: " + path.string() + " can't be written");
}

}  // namespace

std::string to_json_line(const CommandItem& item, const ItemEnd& end) {
  std::string json = R"({"item":)" + item.json + R"(,"seq":)" + std::to_string(item.words.seq);
  if (!end.solved) json += R"(,"error":)" + json_of(error_words(end));
  std::string results;
  std::size_t solved = 0;
  for (const TaskEnd& task : end.ends) {
    if (!task.solved) continue;
    results += (solved++ == 0 ? "{" : ",{") + result_members(task) + "}";
  }
  const bool several = item.policy && (item.policy->kind == GroupPolicy::Kind::all ||
                                       item.policy->kind == GroupPolicy::Kind::count);
  if (several) {
    json += R"(,"results":[)" + results + "]";
  } else if (end.solved && solved > 0) {
    json += "," + results.substr(1, results.size() - 2);
  }
  return json + "}";
}

void CommandOutput::stream(const CommandItem& item, std::uint32_t attempt, std::string_view chunk) {
  streams_.take(item, attempt, chunk);
}

void CommandOutput::item_ended(const CommandItem& item, ItemEnd& end) {
  const bool is_streamed = options_.stream && end_stream(item, end);
  if (!options_.results.empty()) {
    keep(item, end, is_streamed);
    log(item, end);
  }
  for (TaskEnd& task : end.ends) {
    if (!task.result.streamed) continue;
    task.result.output_bytes = task.result.output_size();
    task.result.output.clear();
  }
  backlog_.add(bytes_of(end));
}

/// Whether something of the item was passed on. It has one command, whose result tells how much that
/// should be.
bool CommandOutput::end_stream(const CommandItem& item, const ItemEnd& end) {
  for (const TaskEnd& task : end.ends) {
    if (!task.solved || !task.result.streamed) continue;
    const CommandResult& result = task.result;
    streams_.end(item, *result.streamed, result.output, result.output_size());
    return true;
  }
  return streams_.end(item);
}

void CommandOutput::put(std::string_view text) {
  report_.make_way();
  standard_output_.write(text);
}

void CommandOutput::write(const CommandItem& item, const ItemEnd& end) {
  backlog_.remove(bytes_of(end));
  report_.item_ended(end.solved);
  const std::string text = output_of(item, end);
  if (!text.empty()) put(text);
  for (const TaskEnd& task : end.ends) {
    if (!task.result.output_file) continue;
    report_.say(name_of(item) + ": only the beginning of its output is here; all of it is on " +
                task.result.host + " in " + *task.result.output_file);
  }
  if (!end.solved) tell_failure(item, end);
  // A line in the job log says that --resume need not run the item again. So it waits until the
  // item's output is safe: in the folder of results, or, without one, here.
  if (options_.results.empty()) log(item, end);
  if (!end.solved && options_.halt)
    throw FarmError(ErrorCode::stopped, "stopped, as an item has failed (--halt)");
}

std::string CommandOutput::output_of(const CommandItem& item, const ItemEnd& end) const {
  if (options_.json) return to_json_line(item, end) + "\n";
  std::string text;
  for (const TaskEnd& task : end.ends) {
    if (!task.solved) continue;
    text +=
        options_.tag ? with_prefix(task.result.output, item.words.text + "\t") : task.result.output;
  }
  return text;
}

void CommandOutput::tell_failure(const CommandItem& item, const ItemEnd& end) {
  std::string words = name_of(item) + ": " + error_words(end);
  for (const TaskEnd& task : end.ends) {
    if (task.solved || task.result.errors.empty()) continue;
    words += "\n" + with_prefix(task.result.errors, "  ");
    while (words.ends_with('\n')) words.pop_back();
  }
  report_.say(words);
}

/// All lines of an item in one piece, and those of its winners first: an item that stands in the
/// job log is decided, wherever the run was cut off.
void CommandOutput::log(const CommandItem& item, const ItemEnd& end) {
  if (joblog_ == nullptr) return;
  std::string won;
  std::string others;
  for (const TaskEnd& task : end.ends) {
    (task.solved ? won : others) += to_text({.seq = item.words.seq,
                                             .host = task.result.host,
                                             .started = task.result.started,
                                             .wall = task.result.wall,
                                             .sent = task.input_bytes,
                                             .received = received_of(task.result),
                                             .exit = task.exit,
                                             .signal = task.signal,
                                             .command = task.command});
  }
  joblog_->append(won + others);
}

void CommandOutput::keep(const CommandItem& item, const ItemEnd& end, bool is_streamed) const {
  const std::filesystem::path folder =
      std::filesystem::path(options_.results) / std::to_string(item.words.seq);
  make_folder(folder);
  std::string output;
  std::string errors;
  for (const TaskEnd& task : end.ends) {
    if (task.solved) output += task.result.output;
    // Beside a solution, what those said that did not find it is noise.
    if (task.solved || !end.solved) errors += task.result.errors;
  }
  if (!is_streamed) write_file(folder / "stdout", output);
  write_file(folder / "stderr", errors);
  write_file(folder / "outcome.json", to_json_line(item, end) + "\n");
}

}  // namespace fanmill::broker
