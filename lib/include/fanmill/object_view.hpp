// ObjectView: reads a payload of encoding `object` without knowing its types and without building a
// tree.
//
// It is for programs that take whatever comes; those that know what they expect call `decode`
// (object.hpp). A view holds a place in the payload's bytes and keeps them alive; copies are cheap.
// A view and those taken from it belong to one thread at a time; make one per thread from the
// payload, which may be shared.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fanmill/big_integer.hpp>
#include <fanmill/bytes.hpp>
#include <fanmill/export.hpp>
#include <fanmill/payload.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fanmill::inline v0 {

/// Lists, tuples, maps and structs may lie in each other this deep.
inline constexpr int object_depth_max = 64;

/// What a value is. Not always the type that was sent: a set is a list, a path text (object.hpp).
enum class ObjectKind : std::uint8_t {
  null,         ///< nothing: an empty std::optional, or no payload at all
  boolean,      ///< true or false
  integer,      ///< fits std::int64_t or std::uint64_t
  big_integer,  ///< any other integer
  floating,     ///< a double, also if it is a whole number
  text,         ///< UTF-8
  bytes,        ///< any bytes, and text that is not UTF-8
  list,         ///< elements of any kinds; sent as a packed list or not, one can't tell here
  tuple,        ///< a list of a length that has a meaning
  map,          ///< keys and values of any kinds, in no promised order
  structure,    ///< a struct of the user's: a name, and fields with names
};

/// The kind's name as error texts have it: "text", "list"; "bool" for `boolean`, "number" for
/// `floating`, "struct" for `structure`.
FANMILL_EXPORT const char* to_string(ObjectKind kind) noexcept;

class ObjectList;

/// A place in a payload: the whole value, or one inside it. All members throw FarmError
/// (malformed_payload) if the payload's bytes are not what the encoding says, and those that give a
/// value of one kind also if the value is of another: "expected text, got integer 17".
class FANMILL_EXPORT ObjectView {
 public:
  /// A view of null.
  ObjectView() noexcept = default;
  /// The value in `payload`: null for none; JSON is converted first. Refuses raw payloads.
  explicit ObjectView(const Payload& payload);

  /// What the value is. Throws for a kind that is newer than this program, too.
  [[nodiscard]] ObjectKind kind() const;
  /// Whether the value is null.
  [[nodiscard]] bool is_null() const { return kind() == ObjectKind::null; }
  /// The value of a boolean; a 0 or 1 is none.
  [[nodiscard]] bool boolean() const;
  ///@{
  /// The integer; throws also if it does not fit.
  [[nodiscard]] std::int64_t int64() const;
  [[nodiscard]] std::uint64_t uint64() const;
  ///@}
  /// The integer, small or big.
  [[nodiscard]] BigInteger big_integer() const;
  /// Integers too, rounded to the nearest if they are beyond 2^53; not those of kind big_integer.
  [[nodiscard]] double floating() const;
  /// UTF-8, unless a careless writer sent something else. Valid as long as any view of this
  /// payload.
  [[nodiscard]] std::string_view text() const;
  /// Valid as long as any view of this payload, or `backing`. Text is not taken for bytes.
  [[nodiscard]] std::span<const std::byte> bytes() const;
  /// What spans of this view lie in, for those who keep one for longer than the view: the payload's
  /// bytes, or those that its JSON was converted to. Never throws; no bytes for a view of null.
  [[nodiscard]] Bytes backing() const noexcept;

  /// The elements of a list or tuple, the values of a struct's fields, or key, value, key, value...
  /// of a map.
  [[nodiscard]] ObjectList elements() const;
  /// How many elements, fields, or entries of a map.
  [[nodiscard]] std::size_t size() const;
  /// The element of a list or tuple. Throws FarmError (invalid_argument) if there are not so many.
  [[nodiscard]] ObjectView operator[](std::size_t index) const;
  /// A struct's name and its fields' names, each after a newline: "Point\nx\ny". In the order of
  /// `elements`.
  [[nodiscard]] std::string_view names() const;
  /// The field of a struct, or the value of a map's text key. Time grows with the number of
  /// entries.
  [[nodiscard]] std::optional<ObjectView> find(std::string_view name) const;

  ///@{
  /// The integer if it is one and fits; big ones that do are among them.
  [[nodiscard]] std::optional<std::int64_t> if_int64() const {
    if (form_ != Form::integer) return stored_int64();
    std::int64_t value = 0;
    std::memcpy(&value, place_.data(), sizeof value);
    return value;
  }
  [[nodiscard]] std::optional<std::uint64_t> if_uint64() const;
  ///@}

 private:
  friend class ObjectList;
  friend struct ObjectAccess;

  // Elements of packed lists are not values of their own in the payload, so their numbers are kept
  // here.
  enum class Form : std::uint8_t { null, stored, integer, floating };

  [[nodiscard]] std::optional<std::int64_t> stored_int64() const;

  alignas(
      8) std::array<std::byte, 48> place_{};  // Cap'n Proto's reader of the value, or the number
  // The message that holds the payload's bytes. Inside `decode` it points without owning, since the
  // message outlives all views and a count for each of them would cost more than reading them.
  std::shared_ptr<const void> keeper_;
  std::uint32_t elements_max_ = 0;
  std::int8_t depth_ = 0;
  Form form_ = Form::null;
};

/// The elements of a list, tuple, map or struct; opening one costs a little, each element almost
/// nothing.
class FANMILL_EXPORT ObjectList {
 public:
  /// How many elements: two for each entry of a map.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Whether there are none.
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// `index` must be less than `size`: else it is a bug and aborts. Throws FarmError
  /// (malformed_payload).
  [[nodiscard]] ObjectView operator[](std::size_t index) const;

  ///@{
  /// All elements at once if they were sent as a packed list of integers or of floats; else
  /// nothing, and also if the list is empty. Valid as long as any view of this payload.
  [[nodiscard]] std::span<const std::int64_t> packed_integers() const;
  [[nodiscard]] std::span<const double> packed_floats() const;
  ///@}

 private:
  friend class ObjectView;
  friend struct ObjectAccess;

  enum class Form : std::uint8_t { values, integers, floats };

  alignas(8) std::array<std::byte, 48> place_{};  // Cap'n Proto's reader of the list
  std::shared_ptr<const void> keeper_;
  std::uint32_t size_ = 0;
  std::uint32_t elements_max_ = 0;
  std::int8_t depth_ = 0;
  Form form_ = Form::values;
};

/// "text \"abc\"", "integer 17", "list of 3", "struct Point": the value in a few words, for error
/// texts.
FANMILL_EXPORT std::string describe(const ObjectView& view);

}  // namespace fanmill::inline v0
