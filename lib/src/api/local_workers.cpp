#include "api/local_workers.hpp"

#include <algorithm>
#include <fanmill/error.hpp>
#include <utility>

namespace fanmill::api {
namespace {

// A worker whose manager was killed by -9 must not stay for the usual minute: nobody else can need
// it.
constexpr const char* give_up_seconds = "3";

Command command_of(std::vector<std::string>&& arguments, const StartOptions& options,
                   const Join& join) {
  Command command{.arguments = std::move(arguments),
                  .environment = {},
                  .working_directory = options.directory.string()};
  const bool is_bare = join.server_key().empty() && join.endpoints().front().starts_with("tcp:");
  // A join file named in our own environment is that of another farm.
  command.environment = {{"FANMILL_JOIN", ""},
                         {"FANMILL_ENDPOINT", join.endpoints().front()},
                         {"FANMILL_COOKIE", join.cookie()},
                         {"FANMILL_INSECURE_PLAINTEXT", is_bare ? "1" : ""},
                         {"FANMILL_GIVE_UP_AFTER", give_up_seconds}};
  for (const auto& [name, value] : options.environment)
    command.environment.emplace_back(name, value);
  return command;
}

}  // namespace

void LocalWorkers::start(std::size_t count, std::vector<std::string> command,
                         const StartOptions& options, const Join& join) {
  if (command.empty() || command.front().empty()) {
    throw FarmError(ErrorCode::invalid_argument,
                    "start_workers: the command is empty; give a program and its arguments");
  }
  const std::string program = command.front();
  launch::SupervisorOptions supervision{.term_grace = options.stop_grace};
  supervision.on_notice = [this](const launch::Notice& notice) {
    if (notice.kind == launch::Notice::Kind::finished ||
        notice.kind == launch::Notice::Kind::gave_up)
      on_ended_();
  };
  launch::Supervisor supervisor = launch::Supervisor::open(std::move(supervision)).value_or_raise();
  supervisor.start(command_of(std::move(command), options, join), count);
  started_.push_back({program, std::move(supervisor)});
}

bool LocalWorkers::are_over() const {
  return !started_.empty() &&
         std::all_of(started_.begin(), started_.end(),
                     [](const Started& started) { return started.supervisor.unfinished() == 0; });
}

std::string LocalWorkers::why() const {
  std::string text = "no worker is left:";
  for (const Started& started : started_) {
    const auto failures = started.supervisor.failures();
    text += " " + started.program;
    if (failures.empty()) {
      text +=
          " ended with exit status 5, which means that it does not want to be started again; its "
          "standard error may "
          "tell why.";
    } else {
      text += ": " + failures.front().text;
    }
  }
  return text;
}

}  // namespace fanmill::api
