#include "exec/orders.hpp"

#include <cstring>
#include <type_traits>

namespace fanmill::exec {
namespace {

/// Writes fields one after another; a text or list begins with its length.
class Packer {
 public:
  template <typename Number>
  requires(std::is_arithmetic_v<Number> || std::is_enum_v<Number>) void operator()(
      const Number& number) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void operator()(const std::string& text) {
    (*this)(static_cast<std::uint64_t>(text.size()));
    out += text;
  }
  void operator()(const Bytes& bytes) {
    (*this)(static_cast<std::uint64_t>(bytes.size()));
    out += bytes.view();
  }
  void operator()(const Duration& duration) { (*this)(duration.count()); }
  void operator()(const AttemptId& id) { (*this)(id.value); }
  void operator()(const TaskId& id) { (*this)(id.value); }
  template <typename A, typename B>
  void operator()(const std::pair<A, B>& pair) {
    (*this)(pair.first);
    (*this)(pair.second);
  }
  template <typename T>
  void operator()(const std::vector<T>& list) {
    (*this)(static_cast<std::uint64_t>(list.size()));
    for (const T& each : list) (*this)(each);
  }
  template <typename T>
  void operator()(const std::optional<T>& maybe) {
    (*this)(maybe.has_value());
    (*this)(maybe.value_or(T{}));
  }

  std::string out;
};

/// The same the other way. After a fault everything is left as it is.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool is_whole() const { return !fault_ && rest_.empty(); }

  template <typename Number>
  requires(std::is_arithmetic_v<Number> || std::is_enum_v<Number>) void operator()(Number& number) {
    if (std::string_view bytes; take(sizeof number, bytes)) {
      std::memcpy(&number, bytes.data(), sizeof number);
    }
  }
  void operator()(bool& flag) {
    std::uint8_t byte = 0;
    (*this)(byte);
    flag = byte != 0;
  }
  void operator()(std::string& text) {
    if (std::string_view bytes; take(length(), bytes)) text = bytes;
  }
  void operator()(Bytes& to) {
    if (std::string_view bytes; take(length(), bytes)) to = Bytes(bytes);
  }
  void operator()(Duration& duration) {
    Duration::rep count = 0;
    (*this)(count);
    duration = Duration(count);
  }
  void operator()(AttemptId& id) { (*this)(id.value); }
  void operator()(TaskId& id) { (*this)(id.value); }
  template <typename A, typename B>
  void operator()(std::pair<A, B>& pair) {
    (*this)(pair.first);
    (*this)(pair.second);
  }
  template <typename T>
  void operator()(std::vector<T>& list) {
    for (std::uint64_t left = length(); left > 0 && !fault_; --left) (*this)(list.emplace_back());
  }
  template <typename T>
  void operator()(std::optional<T>& maybe) {
    bool has = false;
    T value{};
    (*this)(has);
    (*this)(value);
    if (has) maybe = value;
  }

 private:
  std::uint64_t length() {
    std::uint64_t value = 0;
    (*this)(value);
    return value;
  }
  bool take(std::uint64_t size, std::string_view& bytes) {
    fault_ = fault_ || size > rest_.size();
    if (fault_) return false;
    bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
  bool fault_ = false;
};

// Each struct's fields, once for both ways.

template <typename Archive, typename Limits>
void limits_fields(Archive& archive, Limits& limits) {
  archive(limits.wall);
  archive(limits.cpu);
  archive(limits.memory);
  archive(limits.processes);
  archive(limits.files);
  archive(limits.core);
  archive(limits.niceness);
}

template <typename Archive, typename Evidenced>
void evidence_fields(Archive& archive, Evidenced& evidence) {
  archive(evidence.how);
  archive(evidence.number);
  archive(evidence.wall);
  archive(evidence.cpu);
  archive(evidence.memory);
  archive(evidence.started);
  archive(evidence.text);
}

template <typename Archive, typename Invoked>
void invocation_fields(Archive& archive, Invoked& invocation) {
  archive(invocation.attempt);
  archive(invocation.task);
  archive(invocation.item);
  archive(invocation.function);
  archive(invocation.number);
  archive(invocation.time_limit);
  archive(invocation.payload.encoding);
  archive(invocation.payload.bytes);
}

template <typename Archive, typename Planned>
void command_fields(Archive& archive, Planned& command) {
  archive(command.arguments);
  archive(command.environment);
  archive(command.directory);
  archive(command.input);
  limits_fields(archive, command.limits);
  archive(command.output_max);
  archive(command.match);
  archive(command.afresh);
  archive(command.output_window);
}

// What a kind does not have is not sent: there are many orders, and most are small.
template <typename Archive, typename Ordered>
void order_fields(Archive& archive, Ordered& order) {
  using Kind = Order::Kind;
  archive(order.kind);
  archive(order.attempt);
  const bool runs_program = order.kind == Kind::run_command || order.kind == Kind::run_line;
  if (runs_program || order.kind == Kind::run_function)
    invocation_fields(archive, order.invocation);
  if (runs_program) command_fields(archive, order.command);
  if (order.kind == Kind::take_output) archive(order.taken);
}

template <typename Archive, typename Reported>
void report_fields(Archive& archive, Reported& report) {
  using Kind = Report::Kind;
  archive(report.kind);
  archive(report.attempt);
  if (report.kind == Kind::ready) archive(report.containment);
  if (report.kind == Kind::made) archive(report.error_text);
  if (report.kind == Kind::wrote) archive(report.output);
  if (report.kind != Kind::ended) return;
  evidence_fields(archive, report.evidence);
  archive(report.answer);
  archive(report.nothing);
  archive(report.payload.encoding);
  archive(report.payload.bytes);
  archive(report.error_type);
  archive(report.error_text);
  archive(report.match);
  archive(report.output);
  archive(report.errors);
  archive(report.output_bytes);
  archive(report.output_file);
  archive(report.survivors);
}

}  // namespace

Completion completion_of_end(const Report& report) {
  using How = Evidence::How;
  const Evidence& evidence = report.evidence;
  Completion completion{.kind = Completion::Kind::failed,
                        .error_type = to_string(evidence),
                        .error_text = report.errors};
  const auto number = static_cast<std::uint32_t>(evidence.number);
  switch (evidence.how) {
    case How::exited:
      completion.detail = 256 + number;
      break;
    case How::signalled:
    case How::out_of_memory:
    case How::keeper_lost:
    case How::stopped:
      completion.kind = Completion::Kind::died;
      completion.detail = number;
      break;
    case How::limit:
      completion.error_text = "its limit of " + evidence.text + " time passed";
      break;
    case How::could_not_start:
      completion.error_text = evidence.text;
      break;
    case How::returned:
      break;
  }
  if (report.survivors > 0) {
    completion.error_text += "\n" + std::to_string(report.survivors) +
                             " processes that it has started could not be ended";
  }
  return completion;
}

std::string pack(const Order& order) {
  Packer packer;
  order_fields(packer, order);
  return std::move(packer.out);
}

std::string pack(const Report& report) {
  Packer packer;
  report_fields(packer, report);
  return std::move(packer.out);
}

std::optional<Order> unpack_order(std::string_view bytes) {
  Unpacker unpacker(bytes);
  Order order;
  order_fields(unpacker, order);
  if (!unpacker.is_whole()) return {};
  return order;
}

std::optional<Report> unpack_report(std::string_view bytes) {
  Unpacker unpacker(bytes);
  Report report;
  report_fields(unpacker, report);
  const bool known =
      report.kind <= Report::Kind::made && report.evidence.how <= Evidence::How::keeper_lost &&
      report.answer <= Completion::Kind::died && report.payload.encoding <= Encoding::raw;
  if (!unpacker.is_whole() || !known) return {};
  return report;
}

}  // namespace fanmill::exec
