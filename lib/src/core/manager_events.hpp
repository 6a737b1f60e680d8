// What can happen to a manager: facts, in the past tense. The shell (or the simulator) makes them.
#pragma once

#include <string>
#include <variant>

#include "core/job.hpp"
#include "core/message.hpp"

namespace fanmill::core {

/// A decoded message came from a peer. The shell numbers peers: one PeerId for the life of one
/// connection.
struct MessageReceived {
  PeerId peer;
  Message message;
  std::string address = {};  // only with Hello: where the connection comes from, for people
                             // ("10.0.0.7:53122", "pid 4711")
};
/// A peer sent something that is no message of this protocol.
struct MalformedReceived {
  PeerId peer;
  std::string reason;
};
/// A peer's connection is known to be gone: a probe to it was refused (EHOSTUNREACH).
struct ConnectionLost {
  PeerId peer;
};

struct JobOpened {
  ClientId client;
  JobId job;
  JobOptions options;
};
struct GroupSubmitted {
  JobId job;
  std::uint64_t item = 0;  // the client's index of it
  Policy policy;
  TaskSpecs
      tasks;  // may be empty: the group ends undecided (policy client: waits for GroupUpdated)
};
/// A client's answer to the end of a task, or of its own accord. A group with a built-in policy is
/// only ended so.
struct GroupUpdated {
  GroupId group;
  TaskSpecs add;         // queued at the front: before the tasks of items not yet pulled
  bool replace = false;  // end all tasks that the group has before adding
  bool done = false;     // the group is decided; the rest of its tasks is ended
};
/// The client has taken an attempt's output up to here. Of one that has ended it means nothing.
struct OutputConsumed {
  AttemptId attempt;
  std::uint64_t offset = 0;  // everything before it
};
/// No more groups will come; the job ends with its last group.
struct JobClosed {
  JobId job;
};
/// End everything of this job at once.
struct JobCancelled {
  JobId job;
};
/// No more groups will come, and of those that are here only the ones that have begun (a task of
/// theirs was given to a worker) go on, for as long as there are workers; the others end withdrawn.
/// O(groups of the job).
struct JobDrained {
  JobId job;
};

/// Take no more tasks to this worker, recall what it has not started, say goodbye when it is empty.
struct DrainRequested {
  SessionId session;
};
/// The manager is about to go: all jobs are cancelled, all workers told that the farm is closed.
struct ShutdownRequested {};
/// The loop did not run for so long; nobody is judged by that time.
struct LoopStalled {
  Duration gap;
};

using ManagerEvent =
    std::variant<MessageReceived, MalformedReceived, ConnectionLost, JobOpened, GroupSubmitted,
                 GroupUpdated, OutputConsumed, JobClosed, JobCancelled, JobDrained, DrainRequested,
                 ShutdownRequested, LoopStalled>;

}  // namespace fanmill::core
