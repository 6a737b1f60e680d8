#include <fanmill/object_writer.hpp>

#include <capnp/any.h>
#include <capnp/message.h>
#include <kj/exception.h>

#include <bit>
#include <cstring>
#include <fanmill/error.hpp>
#include <new>
#include <type_traits>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "codec/lone_number.hpp"
#include "object.capnp.h"

namespace fanmill::inline v0 {

using ValueBuilder = schema::Value::Builder;
using ListBuilder = capnp::List<schema::Value>::Builder;

// Packed lists are filled through a pointer into the message, whose numbers are little-endian.
static_assert(std::endian::native == std::endian::little);

// The one place that knows what the opaque bytes of the public classes are.
struct ObjectWriterAccess {
  static_assert(sizeof(ValueBuilder) <= sizeof(ObjectWriter::place_) &&
                std::is_trivially_copyable_v<ValueBuilder>);
  static_assert(sizeof(ListBuilder) <= sizeof(ObjectListWriter::place_) &&
                std::is_trivially_copyable_v<ListBuilder>);

  static ObjectWriter value(const ValueBuilder& builder) {
    ObjectWriter writer;
    new (writer.place_.data()) ValueBuilder(builder);
    return writer;
  }
  static ValueBuilder value(const ObjectWriter& writer) {
    return *std::launder(reinterpret_cast<const ValueBuilder*>(writer.place_.data()));
  }
  static ObjectListWriter list(const ListBuilder& builder) {
    ObjectListWriter writer;
    new (writer.place_.data()) ListBuilder(builder);
    return writer;
  }
  static ListBuilder list(const ObjectListWriter& writer) {
    return *std::launder(reinterpret_cast<const ListBuilder*>(writer.place_.data()));
  }
};

namespace {

constexpr std::size_t words_max = std::size_t{1}
                                  << 28;  // 2 GiB: offsets in a segment have 29 bits and a sign

// A count that fits the words granted fits Cap'n Proto's 29 bits; one that does not is a bug of the
// measuring.
unsigned checked(std::size_t count) {
  FANMILL_ASSERT(count <= words_max, "object: elements", count);
  return static_cast<unsigned>(count);
}

[[noreturn]] void too_large(std::size_t bytes) {
  throw FarmError(ErrorCode::payload_too_large,
                  "object: the value needs " + std::to_string(bytes) +
                      " bytes; the most is 2 GiB, and 512 MiB for one text or run of bytes");
}

unsigned checked_bytes(std::size_t size) {
  if (size >= (std::size_t{1} << 29) - 1) too_large(size);
  return static_cast<unsigned>(size);
}

// Cap'n Proto offers the memory of a list of numbers for reading only; it is ours, so it may be
// written.
template <typename T>
std::span<T> memory(typename capnp::List<T>::Builder list) {
  const auto raw = capnp::toAny(list.asReader()).getRawBytes();
  FANMILL_ASSERT(raw.size() == list.size() * sizeof(T), "object: packed list of", raw.size(),
                 "bytes");
  return {reinterpret_cast<T*>(const_cast<kj::byte*>(raw.begin())), list.size()};
}

Payload lone_number(std::uint64_t member, std::uint64_t bits) {
  // Made where it belongs: a copy, made of larger pieces than it was written in, would wait for every
  // store before it.
  const auto write = [&](char* to) { new (to) LoneNumber{.member = member, .bits = bits}; };
  return {Bytes::make(sizeof(LoneNumber), write), Encoding::object};
}

}  // namespace

void ObjectWriter::null() const { ObjectWriterAccess::value(*this).setNull(); }
void ObjectWriter::boolean(bool value) const { ObjectWriterAccess::value(*this).setBool(value); }
void ObjectWriter::int64(std::int64_t value) const {
  ObjectWriterAccess::value(*this).setInt(value);
}
void ObjectWriter::floating(double value) const {
  ObjectWriterAccess::value(*this).setFloat(value);
}

void ObjectWriter::uint64(std::uint64_t value) const {
  if (value <= static_cast<std::uint64_t>(INT64_MAX))
    return int64(static_cast<std::int64_t>(value));
  ObjectWriterAccess::value(*this).setUint(value);
}

void ObjectWriter::big_integer(const BigInteger& value) const {
  if (value.fits_int64()) return int64(value.to_int64());
  if (value.fits_uint64()) return uint64(value.to_uint64());
  auto big = ObjectWriterAccess::value(*this).initBig();
  big.setNegative(value.negative());
  const auto magnitude = value.magnitude();
  big.setMagnitude({magnitude.data(), checked_bytes(magnitude.size())});
}

void ObjectWriter::text(std::string_view value) const {
  if (!is_utf8(value)) return bytes(std::as_bytes(std::span(value)));
  auto text = ObjectWriterAccess::value(*this).initText(checked_bytes(value.size()));
  if (!value.empty()) std::memcpy(text.begin(), value.data(), value.size());
}

void ObjectWriter::bytes(std::span<const std::byte> value) const {
  auto data = ObjectWriterAccess::value(*this).initBytes(checked_bytes(value.size()));
  if (!value.empty()) std::memcpy(data.begin(), value.data(), value.size());
}

std::span<std::int64_t> ObjectWriter::packed_integers(std::size_t count) const {
  return memory<std::int64_t>(ObjectWriterAccess::value(*this).initInts(checked(count)));
}

std::span<double> ObjectWriter::packed_floats(std::size_t count) const {
  return memory<double>(ObjectWriterAccess::value(*this).initFloats(checked(count)));
}

ObjectListWriter ObjectWriter::list(std::size_t count) const {
  return ObjectWriterAccess::list(ObjectWriterAccess::value(*this).initList(checked(count)));
}

ObjectListWriter ObjectWriter::tuple(std::size_t count) const {
  return ObjectWriterAccess::list(ObjectWriterAccess::value(*this).initTuple(checked(count)));
}

ObjectListWriter ObjectWriter::map(std::size_t entries) const {
  return ObjectWriterAccess::list(ObjectWriterAccess::value(*this).initMap(checked(2 * entries)));
}

ObjectListWriter ObjectWriter::structure(std::string_view names, std::size_t fields) const {
  auto structure = ObjectWriterAccess::value(*this).initStruct();
  auto text = structure.initNames(checked_bytes(names.size()));
  std::memcpy(text.begin(), names.data(), names.size());
  return ObjectWriterAccess::list(structure.initValues(checked(fields)));
}

ObjectWriter ObjectListWriter::operator[](std::size_t index) const {
  ListBuilder list = ObjectWriterAccess::list(*this);
  FANMILL_ASSERT(index < list.size(), "object: place", index, "of", list.size());
  return ObjectWriterAccess::value(list[static_cast<unsigned>(index)]);
}

Payload detail::write_integer(std::int64_t value) {
  return lone_number(schema::Value::INT, static_cast<std::uint64_t>(value));
}

Payload detail::write_floating(double value) {
  return lone_number(schema::Value::FLOAT, std::bit_cast<std::uint64_t>(value));
}

Payload detail::write_object(std::size_t words, const void* context, WriteCall call) {
  const std::size_t total = 1 + object_words::place + words;  // the root pointer comes first
  if (total > words_max) too_large(total * sizeof(capnp::word));
  const auto fill = [&](char* memory) {
    std::memset(memory, 0, total * sizeof(capnp::word));
    try {
      capnp::FlatMessageBuilder message({reinterpret_cast<capnp::word*>(memory), total});
      call(context, ObjectWriterAccess::value(message.initRoot<schema::Value>()));
    } catch (const kj::Exception& exception) {
      // Nothing here depends on the outside world: the words were added up wrongly.
      FANMILL_ASSERT(false, "object:", exception.getDescription().cStr());
    }
  };
  return {Bytes::make(total * sizeof(capnp::word), fill), Encoding::object};
}

}  // namespace fanmill::inline v0
