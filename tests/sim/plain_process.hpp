// The worker that docs/protocol.md promises to be possible in about a hundred lines: one thread, no
// heartbeats, no memory of results. While it computes it hears nothing. ZeroMQ reconnects behind
// its back.
#pragma once

#include <deque>

#include "process.hpp"

namespace fanmill::sim {

class PlainProcess : public Process {
 public:
  using Process::Process;

  void start() override;
  void receive(const Wire& wire) override;
  void executor_ended(std::uint64_t detail) override;
  void stop_requested(bool drain) override;
  void due() override;
  [[nodiscard]] std::string leftovers() const override;

 private:
  void take(const Wire& wire);
  void on(const core::Welcome& welcome);
  void on(const core::Refuse& refuse);
  void on(const core::Who& who);
  void on(const core::Task& task);
  void on(const core::Kill& kill);
  void on(const core::Heartbeat& heartbeat);
  void on(const core::Goodbye& goodbye);
  template <typename Other>
  void on(const Other&) {}
  void greet();
  void leave();

  std::deque<Wire> unread_;
  std::optional<core::Task> computing_;
  Work work_;
  std::uint32_t tasks_count_ = 0;
  std::uint32_t silences_ = 0;
  bool welcome_ = false;
  bool leaving_ = false;
  std::uint32_t greeting_ = 0;
  std::uint32_t incarnation_ = 0;
  SessionId session_;
  std::size_t frame_bytes_max_ = limits::frame_bytes_max;
  Duration silence_max_ = limits::hello_repeat;
  Instant heard_;
};

}  // namespace fanmill::sim
