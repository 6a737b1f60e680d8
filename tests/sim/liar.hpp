// An accepted peer that lies: about attempts that it was never given, about what it did, about who
// it is. It gives true answers for its own attempts now and then, so that it goes on to be trusted
// with some.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "process.hpp"

namespace fanmill::sim {

class Liar : public Process {
 public:
  using Process::Process;

  void start() override;
  void receive(const Wire& wire) override;
  void connection_lost() override;
  void executor_ended(std::uint64_t) override {}
  void stop_requested(bool drain) override;
  void due() override;

 private:
  void on(const core::Welcome& welcome);
  void on(const core::Task& task);
  void on(const core::Tasks& tasks);
  void on(const core::Kill& kill);
  void on(const core::Part& part);
  void on(const core::Goodbye& goodbye);
  void on(const core::Who&) { greet(false); }
  template <typename Other>
  void on(const Other&) {}
  void greet(bool lie);
  void act();
  void answer(const core::Task& task);
  void tell_lie();
  void lie_about_output();
  void lie_about_parts();
  void send_garbage();
  AttemptId some_attempt();
  Duration pause();

  SessionId session_;
  std::uint32_t greeting_ = 0;
  std::uint32_t incarnation_ = 0;
  Duration beat_ = limits::hello_repeat;
  std::size_t frame_bytes_max_ = limits::frame_bytes_max;
  std::vector<core::Task> held_;
  std::map<AttemptId, std::string> parts_;  // of tasks that are not whole
  std::vector<core::Result> told_;
};

}  // namespace fanmill::sim
