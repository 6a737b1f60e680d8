#include "json_run.hpp"

#include <chrono>
#include <cstdio>
#include <fanmill/fanmill.hpp>
#include <string>
#include <utility>
#include <vector>

#include "farm_host.hpp"
#include "input_reader.hpp"

namespace fanmill::broker {
namespace {

/// One line of the input: its text as a JSON payload, or what is wrong with it.
struct InputLine {
  std::uint64_t number = 0;  // from 1
  Payload payload;
  std::string error;  // "line 3: JSON, column 4: ..."; empty if the line is good
};

InputLine read_line(const TextLine& text) {
  InputLine line{.number = text.number, .payload = {}, .error = text.error};
  if (!line.error.empty()) return line;
  try {
    json_to_object(text.text);  // checks it; what travels is the text, which every worker reads
    line.payload = Payload::json(text.text);
  } catch (const FarmError& error) {
    line.error = "line " + std::to_string(text.number) + ": " + error.what();
  }
  return line;
}

std::string error_words(const InputLine& line, const std::vector<TaskError>& errors) {
  if (!line.error.empty()) return line.error;
  std::string words = "line " + std::to_string(line.number) + ": no result";
  for (const TaskError& error : errors) words += "; " + to_string(error);
  return words;
}

/// A result as it goes to standard output. An item without one has an error in its place.
struct OutputLine {
  std::string json;
  std::string error;
};

class Output {
 public:
  Output(const RunArguments& arguments, Report& report)
      : unordered_(arguments.unordered), keep_going_(arguments.keep_going), report_(report) {}

  /// Throws FarmError if the output can't be written, or the line is an error that ends the run.
  void write(const OutputLine& line, std::size_t item, std::uint64_t input_line) {
    report_.item_ended(line.error.empty());
    if (!line.error.empty() && !keep_going_) {
      throw FarmError(ErrorCode::invalid_argument,
                      line.error + " (--keep-going goes on with the others)");
    }
    if (!line.error.empty()) report_.say(line.error);
    std::string text;
    if (!unordered_) {
      // Items that were given up when the run was drained: line n stays the result of item n.
      for (; next_item_ < item; ++next_item_) text += "null\n";
      next_item_ = item + 1;
      text += line.error.empty() ? line.json : "null";
    } else {
      text = R"({"item":)" + std::to_string(item) + R"(,"line":)" + std::to_string(input_line);
      text += line.error.empty() ? R"(,"result":)" + line.json
                                 : std::string(R"(,"error":)") + quoted(line.error);
      text += '}';
    }
    text += '\n';
    report_.make_way();
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
      throw FarmError(ErrorCode::io_error, "standard output can't be written");
    }
    // Somebody may read along, and the next result may be long in coming.
    if (std::fflush(stdout) != 0)
      throw FarmError(ErrorCode::io_error, "standard output can't be written");
  }

 private:
  static std::string quoted(const std::string& text) { return to_json(encode(text)); }

  bool unordered_;
  bool keep_going_;
  std::size_t next_item_ = 0;
  Report& report_;
};

void run_list(Manager& manager, const RunArguments& arguments, Inlet<InputLine>& inlet,
              Report& report) {
  Output output(arguments, report);
  auto job = fanmill::job<Payload>()
                 .function(arguments.function)
                 .retries(arguments.retries)
                 .time_limit(std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::duration<double>(arguments.time_limit)));
  job = looking_ahead(job, arguments);
  if (!arguments.unordered) job = job.in_order();
  // A line that is no JSON is an item without tasks: it fails where it stands, in its turn.
  const auto tasks = [](const InputLine& line) {
    std::vector<Payload> list;
    if (line.error.empty()) list.push_back(line.payload);
    return list;
  };
  // A failed item's words travel in place of its result, so that they come in its turn; they are
  // marked by their encoding: no result that a line could hold is raw.
  const auto failed = [](const InputLine& line, const std::vector<TaskError>& errors) {
    return Payload::raw(error_words(line, errors));
  };
  const auto write = [&output](int&, const Payload& result, std::size_t item,
                               const InputLine& line) {
    OutputLine out;
    if (result.encoding == Encoding::raw) {
      out.error = result.bytes.str();
    } else {
      out.json = to_json(result);
    }
    output.write(out, item, line.number);
  };
  manager.run(inlet, job.group_tasks(tasks).on_failure(failed).update_results(0, write));
}

}  // namespace

int run_json_lines(const RunArguments& arguments, Report& report) {
  if (arguments.local > 0 && arguments.command.empty()) {
    report.say("--local needs the program to start: --local 4 -- fanmill-worker collatz");
    return exit_failed;
  }
  if (arguments.local == 0 && !arguments.command.empty()) {
    report.say(
        "a worker program is given but not how often to start it: add --local 4 before '--' (a "
        "command to run on each item has a {} in it)");
    return exit_failed;
  }
  Inlet<InputLine> inlet;
  return host_farm(
      arguments, report,
      {.workers = arguments.local,
       .worker_command = arguments.command,
       .observer = {},
       .discard_input = [&inlet] { inlet.discard(); },
       .work =
           [&](Manager& manager) {
             InputReader reader(
                 arguments.input,
                 {.take = [&](const TextLine& text) { return inlet.push(read_line(text)); },
                  .end = [&inlet](bool) { inlet.close(); }});
             const Closer closer(inlet);
             run_list(manager, arguments, inlet, report);
           }});
}

}  // namespace fanmill::broker
