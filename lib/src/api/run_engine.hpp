// RunEngine: one run, on the thread that called it: pulls items, carries out the orders of
// core::Client, calls the typed half (detail::Runner) and passes events to the manager's loop in
// batches.
//
// It knows no user type and no socket. Whatever the typed half throws ends the run: the job is
// cancelled, its end is awaited, and then the exception goes on to the caller, so that the manager
// can run the next list at once.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <fanmill/detail/run.hpp>
#include <functional>
#include <vector>

#include "api/inbox.hpp"
#include "core/client.hpp"
#include "core/hand_over.hpp"

namespace fanmill::api {

/// What the engine needs of the manager.
struct RunPorts {
  Inbox& inbox;
  /// Hands events to the loop, and leaves none. `waits`: this thread will now wait for what comes of
  /// them.
  std::function<void(core::PostedEvents&, bool waits)> post;
  /// Started workers will not come back: throws FarmError (launch_failed) if no other is there.
  std::function<void()> check_workers;
  /// The name of the worker with this session; empty if it has gone.
  std::function<std::string(std::uint64_t session)> worker_name;
  /// How many tasks the workers that are here may hold. Empty: nobody asks.
  std::function<std::size_t()> credit;
  /// Of one task.
  std::size_t payload_bytes_max = limits::payload_bytes_max;
};

class RunEngine {
 public:
  RunEngine(RunPorts ports, JobId job, detail::Runner& runner, const detail::RunSettings& settings);

  /// Returns when the run is over; throws what ended it before.
  void run();

 private:
  void look_ahead();
  void pull_some();
  void pull_one();
  template <typename Fact>
  void step(Fact&& fact);
  [[nodiscard]] core::ClientActions& actions() { return action_lists_[filling_]; }
  void perform();
  void perform(core::TellManager&& action);
  void perform(core::CallUpdate&& action);
  void perform(core::CallConclude&& action);
  void perform(const core::ReleaseItem& action);
  void perform(const core::RunFinished& action);
  void take_in(Inbox::Contents& contents);
  void take_in(core::DeliverGroupEnd&& group_end);
  void take_in(core::ManagerAction&& delivery);
  void take_output(const core::DeliverOutput& output);
  void flush(bool waits = false);
  void flush_if_due();
  template <typename Call>
  void guarded(const Call& call);

  RunPorts ports_;
  JobId job_;
  const bool lookahead_is_fixed_;
  std::size_t lookahead_ = 0;  // as it was set last
  detail::Runner& runner_;
  core::Client client_;
  // One takes actions while those of the other are carried out. Not swapped: what was just written to one
  // would be read at once in larger pieces, which waits for all writes before.
  std::array<core::ClientActions, 2> action_lists_;
  std::size_t filling_ = 0;
  detail::PulledItem pulled_;  // the latest: its list keeps its memory
  detail::GroupEnd end_;       // likewise
  core::PostedEvents events_;  // not yet posted
  std::chrono::steady_clock::time_point flushed_;
  std::exception_ptr error_;
  bool performing_ = false;
  bool input_ended_ = false;
  bool input_paused_ =
      false;  // the input had nothing, and neither a callback nor a nudge came since
};

}  // namespace fanmill::api
