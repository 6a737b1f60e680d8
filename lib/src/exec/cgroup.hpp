// Cgroup: one control group (version 2) of our own, below the one that this process is in.
//
// It exists where the kernel has a cgroup2 mount in which this user may make folders: as root, in a
// container with its own hierarchy, in a systemd unit with Delegate=yes. Its controllers (memory,
// pids, cpu) are there or not, each for itself: to kill, none is needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/descriptor.hpp"

namespace fanmill::exec {

class Cgroup {
 public:
  /// A new group `name`; nothing if that is not possible here.
  static std::optional<Cgroup> make(const std::string& name);
  /// Removes a group whose owner was killed, if there is one, with all that lives in it.
  static void remove_left(const std::string& name);
  /// The same for all whose names begin with `prefix`.
  static void remove_all_left(const std::string& prefix);
  Cgroup(Cgroup&&) noexcept = default;
  Cgroup& operator=(Cgroup&& other) noexcept;
  /// Removes it, if it is empty.
  ~Cgroup();

  /// For SpawnOptions::cgroup.
  [[nodiscard]] int directory() const { return directory_.get(); }
  /// This process goes into it.
  void enter() const;
  /// SIGKILL to every process in it, in one step of the kernel: nothing that forks can escape.
  [[nodiscard]] bool kill() const;
  [[nodiscard]] bool was_killed() const { return was_killed_; }
  /// After a kill: a new group takes its place, under the same name and without limits, if nobody is in
  /// it any more. Whether there is one.
  bool renew();
  /// Whether a process lives in it.
  [[nodiscard]] bool is_populated() const;

  /// Set what its controllers allow; 0: no limit. False where that controller is not there.
  bool limit_memory(std::uint64_t bytes) const;
  bool limit_processes(std::uint64_t count) const;
  /// How often the kernel has ended a process of it for want of memory.
  [[nodiscard]] std::uint64_t oom_kills() const;

 private:
  explicit Cgroup(std::string folder);

  std::string folder_;
  Descriptor directory_;
  Descriptor kill_;
  mutable bool was_killed_ = false;
  bool may_start_in_ = false;  // a new one
};

}  // namespace fanmill::exec
