#include "task_end.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace fanmill::broker {
namespace {

using Seconds = std::chrono::duration<double>;

double now_seconds() {
  return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// What the attempt cost, where errors tell it.
template <typename Error>
void take_cost(const Error& error, CommandResult& result) {
  if constexpr (requires { error.memory; }) {
    result.wall = Seconds(error.wall).count();
    result.cpu = Seconds(error.cpu).count();
    result.memory = error.memory;
  }
}

/// The number behind `word` at the front of `text`: of "exit 3", "signal 11 (SIGSEGV)".
std::optional<int> number_behind(std::string_view word, const std::string& text) {
  if (!text.starts_with(word)) return std::nullopt;
  return std::atoi(text.c_str() + word.size());
}

/// The words of an error and, apart from them, the tail of the command's standard error.
void describe(const TaskError& error, TaskEnd& end) {
  const std::string where = error.worker.empty() ? "" : " on " + error.worker;
  const bool text_is_tail = !error.type.empty() && error.type != "could not start" &&
                            error.type != "bad task" && error.kind != TaskError::Kind::rejected &&
                            error.kind != TaskError::Kind::lost_worker;
  if (text_is_tail) {
    end.error = error.type + where;
    end.result.errors = error.text;
  } else {
    const std::string kind = error.type.empty() ? to_string(error.kind) : error.type;
    end.error = kind + where + (error.text.empty() ? "" : ": " + error.text);
  }
}

}  // namespace

TaskEnd success_of(CommandResult result) {
  TaskEnd end;
  end.solved = true;
  end.exit = result.exit;
  end.result = std::move(result);
  return end;
}

TaskEnd failure_of(const std::vector<TaskError>& errors) {
  TaskEnd end;
  if (errors.empty()) return end;
  const TaskError& error = errors.back();
  describe(error, end);
  if (errors.size() > 1) end.error += ", " + std::to_string(errors.size()) + " attempts";
  end.result.host = error.worker.substr(0, error.worker.rfind(':'));
  take_cost(error, end.result);
  end.result.started = now_seconds() - end.result.wall;
  if (const auto status = number_behind("exit ", error.type)) {
    end.exit = *status;
  } else if (const auto signal = number_behind("signal ", error.type)) {
    end.exit = 0;
    end.signal = *signal;
  } else if (error.type == "time limit" || error.type == "out of memory") {
    end.signal = SIGKILL;
  }
  return end;
}

TaskEnd killed_end() {
  TaskEnd end;
  end.killed = true;
  end.signal = SIGKILL;
  end.error = "ended, as the item was decided without it";
  end.result.started = now_seconds();
  return end;
}

}  // namespace fanmill::broker
