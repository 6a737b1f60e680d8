// Results: kept until the manager has acknowledged them, across any number of sessions.
#include <fanmill/error.hpp>
#include <limits>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "core/plant.hpp"
#include "core/worker_state.hpp"

namespace fanmill::core {
namespace {

void cut(RareText& text, std::size_t bytes_max) {
  if (text.size() > bytes_max) text = cut_utf8(text, bytes_max);
}

// A result that no frame of this session can carry would be refused, kept and sent again without
// end.
Result too_large(const Result& result, std::uint64_t bytes_max) {
  return {.attempt = result.attempt,
          .outcome = AttemptOutcome::failed,
          .busy = result.busy,
          .error_type = to_string(ErrorCode::payload_too_large),
          .error_text = "the result has " + std::to_string(result.payload.bytes.size()) +
                        " bytes; the manager takes " + std::to_string(bytes_max),
          .cpu = result.cpu,
          .memory = result.memory};
}

bool goes_in_batch(const Result& result) {
  return result.error_type.empty() && result.error_text.empty() &&
         result.payload.bytes.size() <= limits::batched_payload_bytes_max;
}

}  // namespace

void WorkerState::keep_result(Instant now, Result&& result, GroupId group, WorkerActions& out) {
  cut(result.error_type, limits::error_type_max);
  cut(result.error_text, limits::error_text_max);
  attempts.put(result.attempt.value, is_result);
  KeptResult& kept = results.add();
  kept.result = std::move(result);
  kept.repeated = false;
  kept.group = group;
  if (!is_open()) return;
  if (has_feature(feature::batch)) {
    results_wait = true;
  } else {
    send_unsent(now, out);
  }
}

void WorkerState::erase_result(std::size_t place) {
  for (std::size_t i = place + 1; i < results.size(); ++i) results[i - 1] = std::move(results[i]);
  results.pop_back();
}

void WorkerState::send_unsent(Instant now, WorkerActions& out) {
  results_wait = false;
  const std::size_t batch_bytes_max =
      has_feature(feature::batch) ? limits::batch_bytes_in(terms.frame_bytes_max) : 0;
  Results batch{.session = session, .started = tasks_passed, .results = {}};
  if (batch_bytes_max > 0) batch.results.reserve(results.size() - results_sent);
  std::size_t batch_bytes = 0;
  const auto send_batch = [&] {
    if (batch.results.empty()) return;
    emit(now,
         Results{.session = batch.session,
                 .started = batch.started,
                 .results = std::move(batch.results)},
         out);
    batch.results.clear();
    batch_bytes = 0;
  };
  while (results_sent < results.size()) {
    KeptResult& kept = results[results_sent];
    if (is_large(kept)) {
      if (kept.result.payload.bytes.size() <= result_bytes_max()) {
        send_large(std::move(kept));
        erase_result(results_sent);
        continue;
      }
      kept.result = too_large(kept.result, result_bytes_max());
    }
    results_sent += 1;
    (kept.repeated ? counters.results_repeated : counters.results_sent) += 1;
    if (FANMILL_PLANTED(results_unrepeated) && kept.repeated) continue;
    const std::size_t bytes = limits::batched_bytes(kept.result.payload.bytes.size());
    if (batch_bytes + bytes > batch_bytes_max) send_batch();
    if (bytes > batch_bytes_max || !goes_in_batch(kept.result)) {
      send_batch();
      emit(now, kept.result, out);
      continue;
    }
    batch.results.push_back(kept.result);
    batch_bytes += bytes;
  }
  send_batch();
  push_parts(now, out);
  if (FANMILL_PLANTED(result_forgotten_early)) {
    results = {};
    attempts = {};
    slots.for_each([&](std::uint32_t slot, const RunningTask& task) {
      if (task.fate != Fate::forgotten) attempts.insert(task.attempt.value, slot);
    });
    results_sent = 0;
  }
}

// The number only grows, but old ones come late and the 32 bits go round, so differences are what
// counts.
void WorkerState::acknowledge(std::uint32_t count, WorkerActions& out) {
  const std::uint32_t more = count - acknowledged;
  if (more == 0 || more > std::numeric_limits<std::uint32_t>::max() / 2) return;
  if (more > results_sent) {
    note(0,
         "ignored an acknowledgement of " + std::to_string(more) + " results; " +
             std::to_string(results_sent) + " are waiting for one",
         out);
    return;
  }
  acknowledged = count;
  results_sent -= more;
  for (std::uint32_t i = 0; i < more; ++i) {
    Result& first = results.front().result;
    attempts.erase(first.attempt.value);
    // Most have nothing else, and their place is written anew when it is used again.
    first.payload = {};
    if (!first.error_type.empty() || !first.error_text.empty()) first = {};
    results.forget_front();
  }
}

}  // namespace fanmill::core
