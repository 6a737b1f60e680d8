// Every limit of the farm, in one place, with its reason. Defaults that a user may change stand in
// the option structs of manager.hpp and worker.hpp; those structs take their defaults from here.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/time.hpp"

namespace fanmill::limits {

using namespace std::chrono_literals;

// The protocol versions that this build speaks.
inline constexpr std::uint16_t protocol_min = 1;
inline constexpr std::uint16_t protocol_max = 1;

// Liveness.
inline constexpr Duration heartbeat_interval = 2s;
inline constexpr Duration silence_suspect = 6s;
inline constexpr Duration silence_dead = 20s;
// One lost or late heartbeat must not make a suspect, and below four intervals one long pause on
// the far side (swap, a suspended laptop) would look like a death.
static_assert(silence_suspect >= 2 * heartbeat_interval);
static_assert(silence_dead >= 4 * heartbeat_interval);
static_assert(silence_dead > silence_suspect);
// A manager's heartbeats go out at that many moments in an interval, each no later than it must: one may
// be early by 1.6 %, and thousands of sessions cost tens of wake-ups a second, not thousands.
inline constexpr int coarse_parts = 64;
// What a manager may ask of a worker; outside it a Welcome is malformed.
/// No round trip for which it is worth to keep a core awake lasts longer.
inline constexpr Duration spin_max = 1s;
inline constexpr Duration heartbeat_interval_min = 10ms;
inline constexpr Duration heartbeat_interval_max = 3600s;

// How long a lost connection keeps its tasks. On the manager's own host a lost connection means a
// dead process.
inline constexpr Duration grace_same_host = 0s;
inline constexpr Duration grace_remote = 3s;
// A worker elsewhere must get the chance to come back within its grace.
inline constexpr Duration reconnect_backoff_min = 50ms;
inline constexpr Duration reconnect_backoff_max = 1s;
static_assert(grace_remote > 2 * reconnect_backoff_max);
// A worker says hello again if no welcome came after this; the manager may be starting. It must be
// longer than a slow but sound round trip, and short beside the time to give up.
inline constexpr Duration hello_repeat = 2s;
// J17: a worker without a manager gives up after this.
inline constexpr Duration give_up_after = 60s;
// Waits for a welcome double up to this: long enough that thousands of workers are no load on a
// manager that is busy starting, short enough to try several times before giving up.
inline constexpr Duration hello_repeat_max = 16s;
static_assert(hello_repeat <= hello_repeat_max && 3 * hello_repeat_max < give_up_after);
// A manager's own time limit for a task fires this much after the worker's should have.
inline constexpr Duration time_limit_slack = 5s;

// Frames.
inline constexpr std::size_t header_bytes_max = 4096;
inline constexpr std::size_t frame_bytes_max = 1 << 20;
inline constexpr std::size_t frames_max = 2;         // header and one payload; a batch has one
inline constexpr std::size_t text_bytes_max = 2048;  // one Text field; several share a header

// Batches. A payload up to this is copied into one: a copy of it costs less than a message of its
// own (docs/performance.md). Larger ones travel alone, uncopied.
inline constexpr std::size_t batched_payload_bytes_max = 8192;
// A sender begins another message after so many bytes, so that the receiver computes while the rest
// is on its way.
inline constexpr std::size_t batch_bytes_max = 64U << 10;
inline constexpr std::size_t batch_header_bytes = 32;
/// Of records in one batch, if no frame is larger than this: header and records share one.
constexpr std::size_t batch_bytes_in(std::size_t frame_bytes) {
  return std::min(batch_bytes_max, frame_bytes - batch_header_bytes);
}
static_assert(batch_bytes_max + batch_header_bytes <= frame_bytes_max);
// A record tells all of its task or result, or what differs from the one before it.
inline constexpr std::size_t batch_record_bytes = 48;
inline constexpr std::size_t batch_short_record_bytes = 8;
// What a receiver makes of a record is many times larger than a short one. No sender of this build puts
// more into one.
inline constexpr std::size_t batch_records_max = 8192;
static_assert(batch_bytes_max / batch_record_bytes <= batch_records_max);
/// What a payload of this size takes in a batch at most.
constexpr std::size_t batched_bytes(std::size_t payload_bytes) {
  return batch_record_bytes + (payload_bytes + 7) / 8 * 8;
}

// Parts. A payload beyond a frame travels in them. The smaller a part, the sooner a kill or a
// heartbeat comes through; each costs a message and its answer.
inline constexpr std::size_t part_bytes_max = 256U << 10;
/// Of one part, if no frame is larger than this.
constexpr std::size_t part_bytes(std::size_t frame_bytes) {
  return std::min(part_bytes_max, frame_bytes);
}
// What is under way each way beyond what was told to have come, in parts: enough to keep a wire busy
// while the answer to the first of them is on its way back, little beside what a kill may wait for.
inline constexpr std::size_t parts_under_way_max = 4;
constexpr std::size_t part_window(std::size_t frame_bytes) {
  return parts_under_way_max * part_bytes(frame_bytes);
}
// One payload, whatever it travels in. What a worker's processes pass to each other holds as much
// (exec/link.hpp).
inline constexpr std::uint64_t payload_bytes_max = 1U << 30;
static_assert(payload_bytes_max >= frame_bytes_max);
static_assert(payload_bytes_max < std::numeric_limits<std::uint32_t>::max());

// A hello names every attempt that its worker holds, started or not or ended and unacknowledged, in
// one payload frame of records of 16 bytes (docs/protocol.md, "Records"). What it can't name is
// lost, so what is held must fit.
inline constexpr std::size_t holding_bytes = 16;
inline constexpr std::size_t holdings_max = frame_bytes_max / holding_bytes;
/// What one hello can name if no frame is larger than this.
constexpr std::size_t holdings_in(std::size_t frame_bytes) {
  return std::min(holdings_max, frame_bytes / holding_bytes);
}
/// One half is for tasks (the manager's credit), the other for results (the worker starts no task
/// that might become one too many). Either side keeps its half by itself, so both together fit
/// without knowing of each other.
constexpr std::size_t tasks_held_in(std::size_t frame_bytes) {
  return holdings_in(frame_bytes) / 2;
}
constexpr std::size_t results_held_in(std::size_t frame_bytes) {
  return holdings_in(frame_bytes) / 2;
}
inline constexpr std::size_t error_text_max =
    1500;  // longer texts of a failed task are cut by the worker
inline constexpr std::size_t error_type_max = 200;

// Flow control.
inline constexpr std::uint32_t slots_max = 4096;
// Tasks per slot beside the running one: at least so many, and where nobody fixes a number as many more
// as take so long, by what the latest of the worker took. Longer than its results and the next tasks
// are on their way, on a busy host too; short beside what anybody waits for.
inline constexpr std::uint32_t prefetch_default = 1;
inline constexpr Duration prefetch_time = 5ms;
// The same for a worker whose tasks run in processes of their own: they leave no processor to those that
// carry results and tasks, and several results come together.
inline constexpr Duration prefetch_time_processes = 10ms;
// What is sent ahead goes to one worker after the other, in rows of this share of what each may hold: of
// 5 ms of work some 0.3 ms, by which one may have more than another. And no more than are worth a message.
inline constexpr std::uint32_t row_share = 16;
inline constexpr std::uint32_t row_max = 64;
// A worker that has answered nothing for so long is at a long task: it is given no more than
// `prefetch_default` beside it. What it has beyond that comes back after a heartbeat's interval.
inline constexpr Duration prefetch_patience = 20ms;
static_assert(prefetch_patience >= 2 * prefetch_time_processes);
// What waits at a worker for less is not worth asking back for one that is idle.
inline constexpr Duration recall_worth = 1ms;
inline constexpr std::uint32_t prefetch_max = 4096;
// However short tasks are, unless somebody asks for more: what is under way must be found in a cache when
// its result comes (some 100 bytes of records for each), and of tasks shorter than 5 us so many are
// enough for milliseconds of batches on their way.
inline constexpr std::uint32_t prefetch_most = 1024;
inline constexpr std::size_t credit_bytes =
    8U << 20;  // of payloads sent to one worker and not yet answered
// Of those, so much waits at it beyond its slots, but for one task: 2 MiB, so that a line is never idle
// while a task runs. On the manager's own host sending takes processors, not a line: there more than 1 MiB would
// only leave the caches.
inline constexpr std::size_t credit_ahead_share = 4;
inline constexpr std::size_t credit_ahead_share_same_host = 8;
// A worker whose tasks are short hands its executor the next ones ahead, as many as take so long: far
// more than it takes to wake a thread up, and short beside what anybody waits for.
inline constexpr Duration ahead_time = 1ms;
// While short tasks end one after another the loop of their worker looks after them so often, and needs
// to be woken for none that has others waiting behind it. What a result may lose by that, at most.
inline constexpr Duration gather_time = 1ms;
static_assert(gather_time <= ahead_time);
// The same where each task costs a process: then one takes a millisecond, and what waits at the process
// that runs them comes back from there when another has nothing to do.
inline constexpr Duration ahead_time_processes = 10ms;
inline constexpr std::uint32_t ahead_max = 1024;
inline constexpr std::size_t functions_max = 256;  // named functions of one worker
// A worker that computes keeps at most this many unacknowledged results before it stops starting
// tasks: as many as fit. They are only bounded because the hello that names them is.
inline constexpr std::size_t unacknowledged_results_max = results_held_in(frame_bytes_max);
/// The acknowledgement of a result waits so long for a task to ride along with: a message of its own
/// costs two processes a wake-up of two threads each. What waits is a copy of the result.
inline constexpr Duration acknowledge_wait = 20ms;
// Or a manager with the smallest frames could give no task, or be given no result.
static_assert(tasks_held_in(header_bytes_max) >= 1 && results_held_in(header_bytes_max) >= 1);

// What a task writes to its standard output, passed on as it comes. In one message...
inline constexpr std::size_t output_chunk_bytes_max = 64U << 10;
// ...and of one attempt beyond what was taken: each process on the way may hold as much, so it is
// small; and far more than a network loses while the word of it is on its way back.
inline constexpr std::uint64_t output_window_bytes = 1U << 20;
// What was taken is told when so much has come together: a task that writes line by line costs no
// message for each. Before the window is full, or its writer would wait for ever.
inline constexpr std::uint64_t output_taken_step = output_window_bytes / 4;
// Or so many messages: a worker bounds those that are under way, too, as small ones cost more than
// their bytes.
inline constexpr std::uint32_t output_messages_step = 256;
static_assert(output_chunk_bytes_max <= output_window_bytes);
static_assert(output_taken_step <= output_window_bytes);

// Failures.
inline constexpr std::uint32_t lost_attempts_max =
    3;  // lost workers or crashes per task, then quarantine
// Errors of one task that an outcome carries; more if its lost_attempts_max is higher.
inline constexpr std::size_t errors_kept_max = 8;
// A task goes first to another worker than the one at which it went wrong. If none has room for so
// long it goes there again: longer than most tasks, so that somebody has finished one; short beside
// a long task, which must not keep it from a free slot.
inline constexpr Duration retry_elsewhere_wait = 10s;

// A worker is failing, and gets no more tasks, if so many in a row end there without a result...
inline constexpr std::uint32_t failing_tasks_min = 10;
// ...and as many for each of its slots, as one mishap may take all that run...
inline constexpr std::uint32_t failing_rounds_min = 2;
// ...of so many groups, as those of one group often fail together...
inline constexpr std::uint32_t failing_groups_min = 3;
// ...while the other workers of its profile gave so many results...
inline constexpr std::uint64_t failing_results_min = 10;
// ...and so many for each failure of theirs. Where one task in ten fails by itself, ten in a row do
// once in 10^10 times.
inline constexpr std::uint64_t failing_results_per_failure = 9;
inline constexpr std::size_t failing_workers_kept_max = 1024;  // that left without a goodbye

// Clients.
// Tasks that are submitted ahead, where the program fixes no number: as many as the workers that are
// here may hold, or some would have nothing to do; at least so many, as workers with short tasks come to
// hold more and more, and a task costs half a kilobyte...
inline constexpr std::size_t lookahead_tasks_min = 4096;
// ...and at most so many, some 100 MiB: credit for very short tasks is more than any manager fills.
inline constexpr std::size_t lookahead_tasks_most = 200'000;
constexpr std::size_t lookahead_for(std::size_t credit) {
  return std::clamp(credit, lookahead_tasks_min, lookahead_tasks_most);
}
// And bytes of their payloads.
inline constexpr std::size_t lookahead_bytes = 64U << 20;
inline constexpr std::size_t result_bytes_waiting_max = 256U << 20;
// A result that waits for an earlier item counts as so many bytes at least, however small it is: it
// costs its bookkeeping in the client's state and at the driver (a map's node each).
inline constexpr std::size_t waiting_item_bytes_min = 256;
inline constexpr std::size_t tasks_per_update_max = 1U << 20;

// Channels. Those of schemas/channel.capnp, which has versions of its own.
inline constexpr std::uint16_t channel_protocol_min = 1;
inline constexpr std::uint16_t channel_protocol_max = 1;
// An end speaks four times as often as the other end wants to hear of it, so three lost quarters are
// no loss.
inline constexpr Duration channel_silence_min = 100ms;
inline constexpr Duration channel_silence_max = 3600s;
inline constexpr int channel_words_per_silence = 4;
// What one end may have under way, whatever the other offers: libzmq holds up to 16384 messages for a
// peer, and what is under way to one that never reads is held here.
inline constexpr std::uint32_t channel_window_objects_max = 8192;
inline constexpr std::uint64_t channel_window_bytes_max = 64U << 20;
// What came by channels that no program has accepted yet, of one listener.
inline constexpr std::uint64_t channel_unaccepted_bytes_max = 256U << 20;

// Connections to a manager, and a worker's to it.
// Without a handshake: libzmq's default of 30 s lets strangers hold connections that never say
// anything.
inline constexpr Duration handshake_max = 5s;
// Thousands of workers may connect at once after a restart of the manager.
inline constexpr int listen_backlog = 1024;
// Peers without a session that a manager remembers. Any number is safe: a stranger that is
// forgotten and speaks again counts as a new one.
inline constexpr std::size_t strangers_max = 4096;
// A worker obeys its manager, whose frame limit it learns only after connecting: this is against
// nonsense.
inline constexpr std::size_t worker_frame_bytes_max = 1U << 30;
// A manager shows at its start that strangers are refused; it takes milliseconds on an idle
// machine.
inline constexpr Duration gate_proof_max = 30s;
// For a worker whose key has all the sessions that it may have: until one may have ended.
inline constexpr Duration refused_retry = 5s;
// From a refusal to the end of its connection: for it to arrive.
inline constexpr Duration refused_linger = 1s;
// Welcomes on one connection, which are as large as the hellos that they answer: somebody who says
// hello again and again and reads nothing would have us hold them all. A worker greets anew on a
// connection that lasts, too, but hardly with the largest list each time; it may come back.
inline constexpr std::uint64_t welcome_bytes_max = 16U << 20;
static_assert(welcome_bytes_max >= 8 * frame_bytes_max);
// What a connection may have received since its last whole message before it counts as a message
// without an end. A lawful one's rest is less, and so is what the kernel holds for a process that
// was away (tcp_rmem, 6 MiB).
inline constexpr std::uint64_t unfinished_bytes_max = 16U << 20;
static_assert(unfinished_bytes_max >= 4 * frames_max * frame_bytes_max);
// Connections are looked through for that when this process has grown by so much, which is looked
// at so often, and a second time before one is closed.
inline constexpr std::size_t memory_step = 16U << 20;
inline constexpr Duration memory_look = 250ms;
inline constexpr Duration memory_second_look = 25ms;
// What was freed before may be filled again without this process growing, so they are also looked
// through this often: seldom, as that takes some 5 ms with ten thousand of them, and often enough that
// a fast network fills no more than some hundred MiB meanwhile.
inline constexpr Duration connections_look = 2s;
static_assert(connections_look >= memory_look);

// Descriptors. A connection takes one, and the lowest that is free; so one with a high number says
// that they run out. From so many below the limit on no worker is let in (it is told why)...
inline constexpr int descriptors_kept_max = 64;
/// ...fewer if there are few...
constexpr int descriptors_kept(int limit) { return std::min(descriptors_kept_max, limit / 8); }
/// ...and within the last quarter of those no connection stays: files, pipes and processes of this
/// program need some, too.
constexpr int descriptors_last(int limit) { return descriptors_kept(limit) / 4; }
// Held to be let go when there is none left: libzmq then can take a connection in, for us to end it.
// Else its thread would try again and again without a pause.
inline constexpr int descriptors_spare = 2;

// Files with keys, so that a wrong path does no harm.
inline constexpr std::size_t certificate_bytes_max = 16U << 10;  // one has a few hundred
inline constexpr std::size_t join_file_bytes_max = 64U << 10;    // as many
inline constexpr std::size_t authorized_bytes_max = 16U << 20;   // a hundred thousand keys
inline constexpr std::size_t key_name_bytes_max = 64;
// Whoever reads or changes them holds their lock for milliseconds.
inline constexpr Duration keys_lock_wait = 10s;

// The shell.
inline constexpr std::size_t events_per_turn_max = 1024;
// A loop that was away longer than this does not judge anybody by the clock that ran meanwhile.
inline constexpr Duration stall_noticed = 500ms;

}  // namespace fanmill::limits
