#include "wire.hpp"

#include <sstream>

namespace fanmill::sim {

Wire WireWriter::write(const core::Message& message, std::uint16_t version) {
  Result<codec::Frames> frames = codec::encode(message, version, buffer_);
  FANMILL_ASSERT(frames.ok(), "a message of the core can't be encoded:", describe(message),
                 frames.ok() ? "" : frames.error().message);
  return {std::string(frames.value().header), frames.value().payload, frames.value().has_payload};
}

Result<codec::Decoded> read(const Wire& wire) {
  return codec::decode(wire.header, wire.has_payload ? &wire.payload : nullptr);
}

bool opens_session(const Wire& wire) {
  // The frozen prefix: behind the root pointer stand magic, version, kind and flags, 16 bits each.
  constexpr std::size_t kind_at = 12;
  if (wire.header.size() <= kind_at + 1 || wire.header[kind_at + 1] != 0) return false;
  return wire.header[kind_at] == 1 || wire.header[kind_at] == 2;  // Hello, Welcome
}

namespace {

struct Describer {
  std::ostringstream& out;

  void operator()(const core::Hello& m) const {
    out << "Hello greeting " << m.greeting << " resume " << m.resume << " incarnation "
        << m.incarnation << " slots " << m.slots << " features " << m.features << " holds";
    for (const core::Holding& holding : m.holdings)
      out << ' ' << holding.attempt << '/' << static_cast<unsigned>(holding.state);
  }
  void operator()(const core::Welcome& m) const {
    out << "Welcome " << m.session << " greeting " << m.greeting << " judged";
    for (const core::Judgement& judgement : m.judgements)
      out << ' ' << judgement.attempt << '/' << static_cast<unsigned>(judgement.verdict);
  }
  void operator()(const core::Refuse& m) const {
    out << "Refuse " << m.session << " code " << static_cast<unsigned>(m.code) << " greeting "
        << m.greeting << ": " << m.words;
  }
  void operator()(const core::Who&) const { out << "Who"; }
  void operator()(const core::Task& m) const {
    out << "Task " << m.attempt << " of " << m.task << ' ' << m.group << " item " << m.item
        << " number " << m.number << " acknowledged " << m.acknowledged
        << (m.in_parts ? " in parts" : "");
  }
  void operator()(const core::Result& m) const {
    out << "Result " << m.attempt << " outcome " << static_cast<unsigned>(m.outcome)
        << (m.nothing ? " nothing" : "") << (m.in_parts ? " in parts" : "");
  }
  void operator()(const core::Kill& m) const {
    out << "Kill " << m.attempt << ' ' << m.group << (m.if_unstarted ? " if unstarted" : "");
  }
  void operator()(const core::Output& m) const {
    out << "Output " << m.attempt << " from " << m.offset << ", " << m.bytes.size() << " bytes";
  }
  void operator()(const core::OutputTaken& m) const {
    out << "OutputTaken " << m.attempt << " to " << m.offset;
  }
  void operator()(const core::Part& m) const {
    out << "Part " << m.attempt << " from " << m.offset << ", " << m.bytes.size() << " bytes of "
        << m.total;
  }
  void operator()(const core::PartTaken& m) const {
    out << "PartTaken " << m.attempt << " to " << m.offset;
  }
  void operator()(const core::Killed& m) const {
    out << "Killed " << m.attempt << (m.unstarted ? " unstarted" : "");
  }
  void operator()(const core::Heartbeat& m) const {
    out << "Heartbeat " << m.session << " started " << m.started << " acknowledged "
        << m.acknowledged << (m.echo ? " echo" : "");
  }
  void operator()(const core::Goodbye& m) const {
    out << "Goodbye " << m.session << (m.drain ? " drain" : "") << (m.closed ? " closed" : "")
        << ' ' << m.words;
  }
  void operator()(const core::Tasks& m) const {
    out << "Tasks acknowledged " << m.acknowledged;
    for (const core::Task& task : m.tasks) (*this)(task);
  }
  void operator()(const core::Results& m) const {
    out << "Results started " << m.started;
    for (const core::Result& result : m.results) (*this)(result);
  }
  void operator()(const core::Unknown& m) const { out << "kind " << m.kind; }
};

}  // namespace

std::string describe(const core::Message& message) {
  std::ostringstream out;
  std::visit(Describer{out}, message);
  return out.str();
}

}  // namespace fanmill::sim
