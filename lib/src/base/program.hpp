// Program: a command made ready, and starting it as a child of this process.
//
// A child is started with nothing of ours but what SpawnOptions name: no handlers, no signal mask,
// no descriptors. It costs one vfork, whatever the size of this process.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/descriptor.hpp"

namespace fanmill {

/// The environment of a process: what the programs that it starts find, before what each command
/// adds. Copies share it.
class Environment {
 public:
  /// Call it on a thread on which reading the environment is safe.
  static Environment of_this_process();

  /// "NAME=VALUE", by name, each once.
  [[nodiscard]] const std::vector<std::string>& entries() const { return *entries_; }

 private:
  explicit Environment(std::vector<std::string> entries)
      : entries_(std::make_shared<const std::vector<std::string>>(std::move(entries))) {}

  std::shared_ptr<const std::vector<std::string>> entries_;
};

struct Command {
  /// Program and arguments, no shell in between. A program without a slash is looked for in PATH,
  /// one with a slash is relative to `working_directory`. Not empty.
  std::vector<std::string> arguments;
  /// Added to the environment, or put in place of what is there; the last of a name counts.
  std::vector<std::pair<std::string, std::string>> environment;
  /// Empty: this process's.
  std::string working_directory;
};

struct StartFailure {
  int error_number = 0;  ///< errno's
  std::string text;      ///< "can't start ./solver: Permission denied (...)"
};

/// One of setrlimit's limits. One above the hard limit that a process has is cut to that.
struct ResourceLimit {
  int resource = 0;  ///< RLIMIT_...
  rlimit limit{};

  /// To this process, for good. It only makes system calls.
  void apply() const noexcept;
};

struct SpawnOptions {
  /// What becomes its standard input, output and error; -1: this process's own.
  int input = -1;
  int output = -1;
  int errors = -1;
  /// Sent to the child when the thread that started it is gone; 0: none. The kernel forgets it for
  /// a program that is setuid or has capabilities.
  int death_signal = 0;
  /// A cgroup's folder (version 2); -1: this process's cgroup.
  int cgroup = -1;
  /// The child moves there and is not started in it: after a write to cgroup.kill Linux with kill
  /// sequences (seen with 6.18) ends at once what a process of another cgroup starts in it.
  bool cgroup_was_killed = false;
  std::span<const ResourceLimit> limits = {};
  /// Added to this process's niceness, 0 to 19.
  int niceness = 0;
};

/// A command, ready to be started any number of times: everything that needs memory or the
/// environment is done.
class PreparedCommand {
 public:
  /// `command.arguments` must not be empty.
  explicit PreparedCommand(Command command,
                           Environment environment = Environment::of_this_process());
  PreparedCommand(const PreparedCommand&) = delete;
  PreparedCommand& operator=(const PreparedCommand&) = delete;

  [[nodiscard]] const std::string& program() const { return command_.arguments.front(); }

  struct Spawned {
    pid_t pid = -1;    ///< also the number of its process group
    Descriptor pidfd;  ///< readable, in the sense of poll, when it has ended
  };
  /// Returns when the program runs or could not be executed. Must be called on a thread that lives
  /// at least as long as the child shall, if there is a death signal.
  [[nodiscard]] std::variant<Spawned, StartFailure> spawn(const SpawnOptions& options) const;
  /// The words of a failure whose cause is the host's, before there is a child.
  [[nodiscard]] StartFailure host_failure(int error_number) const;

 private:
  [[nodiscard]] std::string search_path() const;
  [[nodiscard]] std::string describe_failure(int error_number, bool at_directory) const;

  Command command_;
  Environment environment_;
  std::vector<std::string> added_;       // to it; "NAME=VALUE", by name
  std::vector<std::string> candidates_;  // full names to try, in order
  std::vector<char*> argument_pointers_;
  std::vector<char*> environment_pointers_;
  std::vector<const char*> candidate_pointers_;
};

/// Both ends close themselves when a program is executed, and neither is 0, 1 or 2.
struct Pipe {
  Descriptor read;
  Descriptor write;
  [[nodiscard]] bool valid() const { return read.valid() && write.valid(); }
};

/// Not valid, with errno set, when descriptors run out.
Pipe make_pipe();
/// Owns `number`, moved out of the way of 0, 1 and 2.
Descriptor lifted(int number);
/// Back to what a fresh program has: no handlers, nothing ignored. Between fork and exec; it only
/// makes system calls.
void drop_signal_handlers() noexcept;

}  // namespace fanmill
