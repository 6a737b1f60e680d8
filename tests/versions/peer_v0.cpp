#include <fanmill_v0.capnp.h>

#include "versions/flat.hpp"
#include "versions/peer.hpp"

namespace fanmill_test {

namespace {
std::uint16_t number_at(std::string_view header, std::size_t offset) {
  if (header.size() < offset + 2) return 0;
  return static_cast<std::uint16_t>(static_cast<unsigned char>(header[offset]) |
                                    static_cast<unsigned char>(header[offset + 1]) << 8);
}
}  // namespace

std::uint16_t version_of(std::string_view header) { return number_at(header, 10); }
std::uint16_t kind_of(std::string_view header) { return number_at(header, 12); }

std::string pack(const std::vector<Record>& records) {
  std::string bytes;
  for (const Record& record : records) {
    for (unsigned i = 0; i < 8; ++i) bytes += static_cast<char>(record.attempt >> (8 * i));
    for (unsigned i = 0; i < 4; ++i) bytes += static_cast<char>(record.number >> (8 * i));
    bytes.append(4, '\0');
  }
  return bytes;
}

namespace v0 {
namespace wire = ::fanmill_v0;

Frames hello(const Hello& options) {
  FlatWriter writer;
  auto out = writer.start<wire::Hello>(wire::MAGIC, wire::PROTOCOL, wire::KIND_HELLO);
  out.setSession(options.session);
  out.setProtocolMin(wire::PROTOCOL);
  out.setProtocolMax(wire::PROTOCOL);
  out.setSlots(options.slots);
  out.setUuidLow(options.uuid_low);
  out.setUuidHigh(options.uuid_high);
  out.setSoftware(options.software);
  return writer.finish();
}

Frames heartbeat(std::uint64_t session) {
  FlatWriter writer;
  auto out = writer.start<wire::Heartbeat>(wire::MAGIC, wire::PROTOCOL, wire::KIND_HEARTBEAT);
  out.setSession(session);
  return writer.finish();
}

Frames result(std::uint64_t attempt, std::uint32_t outcome, const std::string& text) {
  FlatWriter writer;
  auto out = writer.start<wire::Result>(wire::MAGIC, wire::PROTOCOL, wire::KIND_RESULT);
  out.setAttempt(attempt);
  out.setOutcome(outcome);
  out.setErrorText(text);
  return writer.finish();
}

Frames goodbye(std::uint64_t session) {
  FlatWriter writer;
  auto out = writer.start<wire::Goodbye>(wire::MAGIC, wire::PROTOCOL, wire::KIND_GOODBYE);
  out.setSession(session);
  return writer.finish();
}

std::optional<Refuse> read_refuse(std::string_view header) {
  return read_flat<wire::Refuse>(header, wire::KIND_REFUSE, [](wire::Refuse::Reader in) {
    return Refuse{.code = in.getCode(),
                  .protocol_min = in.getProtocolMin(),
                  .protocol_max = in.getProtocolMax(),
                  .retry_ms = in.getRetryMs(),
                  .words = str(in.getWords())};
  });
}

bool read_who(std::string_view header) {
  return read_flat<wire::Who>(header, wire::KIND_WHO, [](wire::Who::Reader) { return true; })
      .has_value();
}

}  // namespace v0
}  // namespace fanmill_test
