// What a manager wants done: orders, in the order in which they must be carried out.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/job.hpp"
#include "core/message.hpp"

namespace fanmill::core {

/// Send a message. If the peer is gone the shell reports ConnectionLost; nothing else depends on
/// it.
struct Send {
  PeerId peer;
  std::uint16_t version = limits::protocol_max;
  Message message;
  // Only with Task: the peer does not take the payload's encoding; send it in this one.
  std::optional<Encoding> convert_to = {};
};
/// The manager has no more use for this peer: later messages from it are answered by Who.
struct ForgetPeer {
  PeerId peer;
};

/// One task of a group with Policy::client has ended.
struct DeliverTaskEnd {
  ClientId client;
  JobId job;
  GroupId group;
  std::uint64_t item = 0;
  std::uint32_t task = 0;
  Outcome outcome;
  SessionId session = {};  // of the worker that gave a result
};
/// An attempt has written more to its standard output. In order and without a gap for each attempt,
/// and before the end of its task is delivered. Answered by OutputConsumed; until then the attempt may
/// have to wait.
struct DeliverOutput {
  ClientId client;
  JobId job;
  std::uint64_t item = 0;
  std::uint32_t task = 0;
  AttemptId attempt;
  std::uint32_t number = 0;  // which attempt of its task, from 1
  std::uint64_t offset = 0;
  Bytes bytes;
};
/// A group with a built-in policy has ended.
struct DeliverGroupEnd {
  ClientId client;
  JobId job;
  GroupId group;
  std::uint64_t item = 0;
  GroupResult result;
};
struct DeliverJobEnd {
  ClientId client;
  JobId job;
};

/// What an observer may want to see (M4). Level 1: workers; level 2: also tasks and groups.
struct Observation {
  enum class Kind : std::uint8_t {
    worker_joined,     // worker, text: address, software, functions
    worker_returned,   // worker: a session was resumed
    worker_suspect,    // worker
    worker_recovered,  // worker: heard again
    worker_left,       // worker, text: why
    worker_refused,    // text: who and why
    task_assigned,     // worker, item, task, attempt, payload
    task_ended,        // worker, item, task, attempt, text: how; payload: the result
    task_requeued,     // item, task, text: why
    group_ended,       // item, killed
    worker_failing,    // worker, text: what failed there, and that it gets no more tasks
    function_missing,  // text: how many tasks wait for which function, and what workers offer
    warning,           // text: of the shell, about keys
  };
  Kind kind;
  int level = 1;       // 0: what keeps a run from going on; told with level 1
  std::string worker;  // "host:pid at address"
  std::string text;
  std::uint64_t item = 0;
  std::uint32_t task = 0;
  AttemptId attempt;
  std::uint32_t killed = 0;   // group_ended: workers freed
  std::uint32_t dropped = 0;  // group_ended: queued tasks dropped
  Payload payload;
};

using ManagerAction = std::variant<Send, ForgetPeer, DeliverTaskEnd, DeliverOutput, DeliverGroupEnd,
                                   DeliverJobEnd, Observation>;
using ManagerActions = std::vector<ManagerAction>;

}  // namespace fanmill::core
