// The way out: orders to frames, and outboxes for peers whose queue is full.
#include <algorithm>
#include <chrono>
#include <string>
#include <variant>

#include "net/conversion.hpp"
#include "net/switchboard.hpp"

namespace fanmill::net {
namespace {

using namespace std::chrono_literals;

// Nothing tells when a ROUTER's peer has room again, so its outbox is tried again and again.
constexpr Duration outbox_wait_min = 1ms;
constexpr Duration outbox_wait_max = 64ms;

// Answers to what a peer said, of no use to one that does not read them. A stranger could make us
// hold any number of them.
bool is_expendable(const core::Message& message) {
  return std::holds_alternative<core::Who>(message) ||
         std::holds_alternative<core::Refuse>(message) ||
         std::holds_alternative<core::Heartbeat>(message);
}

}  // namespace

void Switchboard::send(core::Send&& order) {
  Connection* connection = connections_.find(order.peer);
  if (connection == nullptr || connection->gone) {
    counters_.sends_dropped += 1;
    return;
  }
  if (auto* task = std::get_if<core::Task>(&order.message)) {
    send_task(*connection, order, *task);
    return;
  }
  prepare(*connection, order.message);
  const Result<codec::Frames> frames = codec::encode(order.message, order.version, header_);
  if (!frames.ok()) {
    counters_.sends_unencodable += 1;
    return;
  }
  if (std::holds_alternative<core::Welcome>(order.message) &&
      !may_welcome(*connection, frames.value().payload.size()))
    return;
  // A batch is sent as it lies, not as a header, which is copied.
  const auto& [header, payload, has_payload, batch] = frames.value();
  const Bytes* const other = !batch.empty() ? &batch : has_payload ? &payload : nullptr;
  transmit(*connection, batch.empty() ? header : std::string_view(), other,
           is_expendable(order.message));
}

void Switchboard::send_task(Connection& connection, core::Send& order, core::Task& task) {
  if (const auto fault = fault_of(task, order.convert_to)) {
    answer_unsent(connection, task.attempt, *fault);
    return;
  }
  connection.unsent_tasks.sent();
  task.acknowledged = connection.unsent_tasks.acknowledged(task.acknowledged);
  connection.acknowledged = task.acknowledged;
  const std::string_view header = codec::encode_header(task, order.version, header_);
  const bool has_payload = !task.in_parts && task.payload.encoding != Encoding::none;
  transmit(connection, header, has_payload ? &task.payload.bytes : nullptr, false);
}

void Switchboard::prepare(Connection& connection, core::Message& message) {
  if (const auto* welcome = std::get_if<core::Welcome>(&message)) {
    connections_.open_session(connection, welcome->session, welcome->version);
  } else if (auto* tasks = std::get_if<core::Tasks>(&message)) {
    // None of them can be what `fault_of` looks for: they are small, and sent as they are.
    for (std::size_t i = 0; i < tasks->tasks.size(); ++i) connection.unsent_tasks.sent();
    tasks->acknowledged = connection.unsent_tasks.acknowledged(tasks->acknowledged);
    connection.acknowledged = tasks->acknowledged;
  } else if (std::holds_alternative<core::Refuse>(message)) {
    connections_.name_worker(connection, {});  // it has no session, nor will have
  } else if (auto* heartbeat = std::get_if<core::Heartbeat>(&message)) {
    heartbeat->acknowledged = connection.unsent_tasks.acknowledged(heartbeat->acknowledged);
    connection.acknowledged = heartbeat->acknowledged;
  }
}

// Why the task can't be sent; its payload is converted here.
std::optional<std::string> Switchboard::fault_of(core::Task& task,
                                                 std::optional<Encoding> convert_to) const {
  if (convert_to) {
    Result<Payload> converted = convert(task.payload, *convert_to);
    if (!converted.ok()) return converted.error().message;
    task.payload = std::move(converted).value();
  }
  const std::size_t size = task.payload.bytes.size();
  if (size <= options_.frame_bytes_max) return {};
  // The worker would close the connection on it, and on every other attempt.
  return "its payload has " + std::to_string(size) + " bytes as sent, at most " +
         std::to_string(options_.frame_bytes_max) + " are allowed (frame_bytes_max)";
}

void Switchboard::answer_unsent(Connection& connection, AttemptId attempt,
                                const std::string& words) {
  counters_.tasks_unsendable += 1;
  connection.unsent_tasks.unsent();
  answers_.emplace_back(connection.peer,
                        core::Result{.attempt = attempt,
                                     .outcome = core::AttemptOutcome::rejected,
                                     .error_text = "the task could not be sent: " + words});
}

void Switchboard::transmit(Connection& connection, std::string_view header, const Bytes* payload,
                           bool expendable) {
  if (connection.outbox.empty()) {
    switch (router_->send(connection.routing_id, header, payload)) {
      case Router::Sent::yes:
        counters_.messages_out += 1;
        counters_.bytes_out += header.size() + (payload == nullptr ? 0 : payload->size());
        return;
      case Router::Sent::gone:
        depart(connection);
        return;
      case Router::Sent::full:
        counters_.send_again += 1;
        break;
    }
  }
  if (expendable) {
    counters_.sends_dropped += 1;
    return;
  }
  connections_.put(connection, {std::string(header), payload == nullptr ? Bytes() : *payload,
                                payload != nullptr});
  if (!outboxes_due_) outboxes_due_ = Instant{};
}

// Whether something moved.
bool Switchboard::flush(Connection& connection) {
  bool moved = false;
  while (!connection.outbox.empty()) {
    const WaitingMessage& next = connection.outbox.front();
    const Bytes* payload = next.has_payload ? &next.payload : nullptr;
    switch (router_->send(connection.routing_id, next.header, payload)) {
      case Router::Sent::yes:
        counters_.messages_out += 1;
        counters_.bytes_out += next.header.size() + next.payload.size();
        connection.outbox.pop_front();
        moved = true;
        break;
      case Router::Sent::gone:
        depart(connection);
        return true;
      case Router::Sent::full:
        counters_.send_again += 1;
        return moved;
    }
  }
  connections_.outbox_emptied(connection);
  return moved;
}

void Switchboard::flush_outboxes(Instant now) {
  if (!outboxes_due_ || *outboxes_due_ > now) return;
  bool moved = false;
  const std::vector<PeerId> waiting(connections_.waiting().begin(), connections_.waiting().end());
  for (const PeerId peer : waiting) {
    if (Connection* connection = connections_.find(peer)) moved |= flush(*connection);
  }
  outboxes_due_.reset();
  if (connections_.waiting().empty()) return;
  outbox_wait_ =
      moved ? outbox_wait_min : std::clamp(outbox_wait_ * 2, outbox_wait_min, outbox_wait_max);
  outboxes_due_ = now + outbox_wait_;
}

void Switchboard::renumber(PeerId peer) {
  Connection* connection = connections_.find(peer);
  if (connection == nullptr) return;
  connections_.release_routing_id(*connection);
  connections_.release_descriptor(*connection);
}

void Switchboard::forget(PeerId peer) { connections_.erase(peer); }

}  // namespace fanmill::net
