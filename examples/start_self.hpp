// How the examples on channels start further processes of their own program.
#pragma once

#include <spawn.h>
#include <sys/wait.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

extern char** environ;

// Processes of this program. When it goes, those that are left are waited for.
class Processes {
 public:
  explicit Processes(std::string program) : program_(std::move(program)) {}
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;
  ~Processes() {
    for (const pid_t pid : pids_) ::waitpid(pid, nullptr, 0);
  }

  void start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program_);
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_t pid = 0;
    if (::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, pointers.data(), environ) != 0)
      throw std::runtime_error("can't start " + program_);
    pids_.push_back(pid);
  }

 private:
  std::string program_;
  std::vector<pid_t> pids_;
};
