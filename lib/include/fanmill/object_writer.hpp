// ObjectWriter: a place in a payload of encoding `object` that takes one value; and what a value
// will need.
//
// `encode` (object.hpp) does this for typed programs. Use it directly to convert from a type that
// has a form of its own (a matrix, another library's tree). A payload is written in two passes: the
// first adds up the words (8 bytes) that the values need, the second writes into exactly that much
// memory, so that encoding allocates once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <fanmill/big_integer.hpp>
#include <fanmill/export.hpp>
#include <fanmill/payload.hpp>
#include <span>
#include <string_view>

namespace fanmill::inline v0 {

/// Words that a value needs beyond its place. Values that are not named here need none.
namespace object_words {
/// A place itself, for whoever adds up by hand; `list` and `structure` count those of their
/// elements.
inline constexpr std::size_t place = 3;
/// Of `size` bytes.
constexpr std::size_t bytes(std::size_t size) { return (size + 7) / 8; }
/// Of `size` bytes of UTF-8. Enough also for text that is sent as bytes because it is none.
constexpr std::size_t text(std::size_t size) { return bytes(size + 1); }
/// 0 for a number that goes as a plain integer.
inline std::size_t big_integer(const BigInteger& value) {
  return value.fits_int64() || value.fits_uint64() ? 0 : bytes(value.magnitude().size());
}
/// Of `count` integers or floats.
constexpr std::size_t packed(std::size_t count) { return count; }
/// List, tuple or map (two elements for each entry), without what the elements need themselves.
constexpr std::size_t list(std::size_t count) { return 1 + count * place; }
/// A struct with the `names` that ObjectWriter::structure takes, without what its fields need
/// themselves.
constexpr std::size_t structure(std::string_view names, std::size_t fields) {
  return 2 + text(names.size()) + list(fields);
}
}  // namespace object_words

class ObjectListWriter;

/// A place for one value. Valid inside the call of `write_object` only. Call one of the members,
/// once; a place left alone is null. Texts, bytes and the like are copied. One of 512 MiB or more
/// throws FarmError (payload_too_large).
class FANMILL_EXPORT ObjectWriter {
 public:
  /// What the place is anyway.
  void null() const;
  /// Not an integer to whoever reads it.
  void boolean(bool value) const;
  ///@{
  /// An integer. Readers can't tell which of the two wrote it.
  void int64(std::int64_t value) const;
  void uint64(std::uint64_t value) const;
  ///@}
  /// As a plain integer if it fits one.
  void big_integer(const BigInteger& value) const;
  /// A float, also if it is a whole number; infinities and NaN may travel.
  void floating(double value) const;
  /// As bytes if it is not valid UTF-8: other languages could not read it as text.
  void text(std::string_view value) const;
  /// Bytes that readers get as bytes, even if they are text.
  void bytes(std::span<const std::byte> value) const;

  ///@{
  /// A packed list: the caller fills the memory that comes back, zeros until then, before the call
  /// of `write_object` returns.
  [[nodiscard]] std::span<std::int64_t> packed_integers(std::size_t count) const;
  [[nodiscard]] std::span<double> packed_floats(std::size_t count) const;
  ///@}
  ///@{
  /// The caller fills each place of what comes back.
  [[nodiscard]] ObjectListWriter list(std::size_t count) const;
  [[nodiscard]] ObjectListWriter tuple(std::size_t count) const;
  ///@}
  /// Places for key, value, key, value... The caller sees to it that no key stands twice.
  [[nodiscard]] ObjectListWriter map(std::size_t entries) const;
  /// `names`: the struct's name and those of its fields, each after a newline: "Point\nx\ny".
  [[nodiscard]] ObjectListWriter structure(std::string_view names, std::size_t fields) const;

 private:
  friend class ObjectListWriter;
  friend struct ObjectWriterAccess;
  ObjectWriter() = default;
  alignas(8) std::array<std::byte, 40> place_{};  // Cap'n Proto's builder of the value
};

/// The places of a list, tuple, map or struct. Valid as an ObjectWriter is.
class FANMILL_EXPORT ObjectListWriter {
 public:
  /// `index` must be less than the count that was asked for (twice that for a map): else it is a
  /// bug and aborts.
  [[nodiscard]] ObjectWriter operator[](std::size_t index) const;

 private:
  friend class ObjectWriter;
  friend struct ObjectWriterAccess;
  ObjectListWriter() = default;
  alignas(8) std::array<std::byte, 48> place_{};  // Cap'n Proto's builder of the list
};

namespace detail {
using WriteCall = void (*)(const void* context, const ObjectWriter& root);
FANMILL_EXPORT Payload write_object(std::size_t words, const void* context, WriteCall call);
/// What write_object gives for one number, in less time.
FANMILL_EXPORT Payload write_integer(std::int64_t value);
FANMILL_EXPORT Payload write_floating(double value);
}  // namespace detail

/// A payload of one value: `write(root)` fills the root place. `words` is what the value needs
/// beyond that place (object_words); needing more is a bug and aborts. One allocation. Throws
/// FarmError (payload_too_large) beyond 2 GiB.
template <typename Write>
Payload write_object(std::size_t words, const Write& write) {
  return detail::write_object(words, &write, [](const void* context, const ObjectWriter& root) {
    (*static_cast<const Write*>(context))(root);
  });
}

}  // namespace fanmill::inline v0
