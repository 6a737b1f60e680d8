// What will happen when: the event queue of the simulated world. Events of the same instant happen
// in the order in which they were entered.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "base/time.hpp"

namespace fanmill::sim {

struct Event {
  enum class Kind : std::uint8_t {
    reach_manager,        // whom: link
    reach_worker,         // whom: link
    link_notice_manager,  // whom: link; the manager's shell finds it gone
    link_notice_worker,   // whom: link; the worker's shell finds it gone
    link_thawed,  // whom: link; the end of a partition, detail: 1 if the connection is lost by it
    manager_turn,
    manager_due,  // a deadline of core::Manager
    manager_started,
    worker_started,  // whom: worker
    worker_due,      // whom: worker; a deadline of core::Worker
    worker_resumed,  // whom: worker
    executor_ended,  // whom: worker, detail: slot and life of the executor
    client_turn,     // whom: client
    fault,           // whom: index into the scenario
    cancel,          // whom: job
    drain,           // whom: job
    healed,
  };
  Instant at;
  std::uint64_t order = 0;
  Kind kind = Kind::manager_turn;
  std::uint32_t whom = 0;
  std::uint64_t detail = 0;
};

class Agenda {
 public:
  void add(Instant at, Event::Kind kind, std::uint32_t whom = 0, std::uint64_t detail = 0) {
    events_.push({at < now_ ? now_ : at, ++entered_, kind, whom, detail});
  }
  [[nodiscard]] bool empty() const { return events_.empty(); }
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] std::uint64_t events_taken() const { return taken_; }

  Event take() {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    ++taken_;
    return event;
  }

 private:
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::uint64_t entered_ = 0;
  std::uint64_t taken_ = 0;
  Instant now_{};
};

}  // namespace fanmill::sim
