#include <fanmill/object_view.hpp>

#include <capnp/any.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fanmill/detail/object_codec.hpp>
#include <fanmill/detail/struct_names.hpp>
#include <fanmill/error.hpp>
#include <fanmill/json.hpp>
#include <limits>
#include <new>
#include <type_traits>

#include "base/assert.hpp"
#include "codec/lone_number.hpp"

#include "object.capnp.h"

namespace fanmill::inline v0 {

using ValueReader = schema::Value::Reader;
using ValueList = capnp::List<schema::Value>::Reader;
using IntegerList = capnp::List<std::int64_t>::Reader;
using FloatList = capnp::List<double>::Reader;

// The one place that knows what the opaque bytes of the public classes are.
struct ObjectAccess {
  template <typename T, typename Owner>
  static void put(Owner& owner, const T& value) {
    static_assert(sizeof(T) <= sizeof(owner.place_) && std::is_trivially_copyable_v<T>);
    new (owner.place_.data()) T(value);
  }
  template <typename T, typename Owner>
  static const T& get(const Owner& owner) {
    return *std::launder(reinterpret_cast<const T*>(owner.place_.data()));
  }
  static const ValueReader& stored(const ObjectView& view) { return get<ValueReader>(view); }

  static ObjectView root(const ValueReader& value, std::shared_ptr<const void> keeper,
                         std::size_t words) {
    ObjectView view;
    put(view, value);
    view.form_ = ObjectView::Form::stored;
    view.keeper_ = std::move(keeper);
    view.elements_max_ = static_cast<std::uint32_t>(words);
    return view;
  }
  static void set(ObjectView& view, std::int64_t value) {
    put(view, value);
    view.form_ = ObjectView::Form::integer;
  }
  static void set(ObjectView& view, double value) {
    put(view, value);
    view.form_ = ObjectView::Form::floating;
  }
};

namespace {

[[noreturn]] void malformed(const std::string& text) {
  throw FarmError(ErrorCode::malformed_payload, "object: " + text);
}

[[noreturn]] void refuse(std::string_view expected, const ObjectView& got) {
  detail::refuse(nullptr, expected, got);
}

// Runs `read`, which calls Cap'n Proto, and gives what it gives.
template <typename Read>
auto guarded(const Read& read) {
  try {
    return read();
  } catch (const kj::Exception& exception) {
    malformed(exception.getDescription().cStr());
  }
}

// A flat message, and the reader with which Cap'n Proto checks and bounds what is read of it.
class Message {
 public:
  Message(Bytes bytes, std::uint64_t words_read_max)
      : bytes_(std::move(bytes)),
        segments_{segment(bytes_)},
        reader_({segments_, 1}, options(words_read_max)) {}
  ValueReader root() { return reader_.getRoot<schema::Value>(); }
  [[nodiscard]] std::size_t words() const { return segments_[0].size(); }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  static kj::ArrayPtr<const capnp::word> segment(const Bytes& bytes) {
    if (bytes.size() % sizeof(capnp::word) != 0 || bytes.empty()) {
      malformed("the length is " + std::to_string(bytes.size()) + " bytes, not a multiple of 8");
    }
    if (bytes.size() > std::numeric_limits<std::uint32_t>::max()) malformed("longer than 4 GiB");
    // Bytes aligns what it holds, so Cap'n Proto can read in place.
    return {reinterpret_cast<const capnp::word*>(bytes.data()), bytes.size() / sizeof(capnp::word)};
  }
  static capnp::ReaderOptions options(std::uint64_t words_read_max) {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = words_read_max;
    // Depth is ours to check, with a better message; a struct takes three of Cap'n Proto's levels.
    options.nestingLimit = 3 * object_depth_max + 8;
    return options;
  }

  Bytes bytes_;
  kj::ArrayPtr<const capnp::word> segments_[1];
  capnp::SegmentArrayMessageReader reader_;
};

// What a whole read of a payload may touch. Each list is opened at most twice and lists do not
// overlap in an honest payload; in a hostile one thousands of pointers may lead to the same list.
std::uint64_t words_read_max(const Bytes& bytes) {
  return 4 * (bytes.size() / sizeof(capnp::word)) + 64;
}

// The bytes of encoding `object` for the value in a payload that has one.
Bytes object_bytes(const Payload& payload) {
  switch (payload.encoding) {
    case Encoding::object:
      return payload.bytes;
    case Encoding::json:
      return json_to_object(payload.bytes.view()).bytes;
    case Encoding::raw:
      throw FarmError(
          ErrorCode::malformed_payload,
          "expected an encoded value, got raw bytes; take them as Bytes, std::string or Payload");
    default:
      malformed("the payload has an encoding of the user's own");
  }
}

// Whether it is exactly that; else nothing is read. Into the view itself, since a copy of one that was just
// written waits for the writing.
bool read_lone_number(const Payload& payload, ObjectView& view) {
  LoneNumber number;
  if (payload.encoding != Encoding::object || payload.bytes.size() != sizeof(number)) return false;
  std::memcpy(&number, payload.bytes.data(), sizeof(number));
  if (number.root != LoneNumber::root_word || number.pointer != 0) return false;
  if (number.member == schema::Value::INT) {
    ObjectAccess::set(view, static_cast<std::int64_t>(number.bits));
    return true;
  }
  if (number.member != schema::Value::FLOAT) return false;
  ObjectAccess::set(view, std::bit_cast<double>(number.bits));
  return true;
}

}  // namespace

ObjectView::ObjectView(const Payload& payload) {
  if (payload.encoding == Encoding::none) return;
  Bytes bytes = object_bytes(payload);
  *this = guarded([&] {
    // Whoever walks about in a view may read the same place often; decode and conversions are
    // bounded instead.
    auto message =
        std::make_shared<Message>(std::move(bytes), std::numeric_limits<std::uint64_t>::max());
    const ValueReader root = message->root();
    const std::size_t words = message->words();
    return ObjectAccess::root(root, std::move(message), words);
  });
}

void detail::read_object(const Payload& payload, void* context, ReadCall call) {
  ObjectView view;
  if (payload.encoding == Encoding::none || read_lone_number(payload, view))
    return call(context, view);
  Bytes bytes = object_bytes(payload);
  const std::uint64_t words = words_read_max(bytes);
  Message message(std::move(bytes), words);
  const ValueReader root = guarded([&] { return message.root(); });
  // An owner of nothing that points to the message: copies of it cost no count.
  const std::shared_ptr<const void> keeper(std::shared_ptr<const void>(), &message);
  call(context, ObjectAccess::root(root, keeper, message.words()));
}

const char* to_string(ObjectKind kind) noexcept {
  switch (kind) {
    case ObjectKind::null:
      return "null";
    case ObjectKind::boolean:
      return "bool";
    case ObjectKind::integer:
      return "integer";
    case ObjectKind::big_integer:
      return "big integer";
    case ObjectKind::floating:
      return "number";
    case ObjectKind::text:
      return "text";
    case ObjectKind::bytes:
      return "bytes";
    case ObjectKind::list:
      return "list";
    case ObjectKind::tuple:
      return "tuple";
    case ObjectKind::map:
      return "map";
    case ObjectKind::structure:
      return "struct";
  }
  return "unknown";
}

ObjectKind ObjectView::kind() const {
  if (form_ == Form::null) return ObjectKind::null;
  if (form_ == Form::integer) return ObjectKind::integer;
  if (form_ == Form::floating) return ObjectKind::floating;
  switch (ObjectAccess::stored(*this).which()) {
    case schema::Value::NULL_:
      return ObjectKind::null;
    case schema::Value::BOOL:
      return ObjectKind::boolean;
    case schema::Value::INT:
    case schema::Value::UINT:
      return ObjectKind::integer;
    case schema::Value::BIG:
      return ObjectKind::big_integer;
    case schema::Value::FLOAT:
      return ObjectKind::floating;
    case schema::Value::TEXT:
      return ObjectKind::text;
    case schema::Value::BYTES:
      return ObjectKind::bytes;
    case schema::Value::LIST:
    case schema::Value::INTS:
    case schema::Value::FLOATS:
      return ObjectKind::list;
    case schema::Value::TUPLE:
      return ObjectKind::tuple;
    case schema::Value::MAP:
      return ObjectKind::map;
    case schema::Value::STRUCT:
      return ObjectKind::structure;
  }
  malformed("a value of unknown kind " +
            std::to_string(static_cast<int>(ObjectAccess::stored(*this).which())) +
            "; its writer is newer than this program");
}

bool ObjectView::boolean() const {
  if (kind() != ObjectKind::boolean) refuse("a bool", *this);
  return ObjectAccess::stored(*this).getBool();
}

std::optional<std::int64_t> ObjectView::stored_int64() const {
  if (form_ != Form::stored) return {};
  const ValueReader& value = ObjectAccess::stored(*this);
  if (value.isInt()) return value.getInt();
  if (value.isBig()) {
    // Honest writers send no small number as a big one, but reading it costs nothing.
    const BigInteger big = big_integer();
    if (big.fits_int64()) return big.to_int64();
  }
  if (value.isUint() && value.getUint() <= static_cast<std::uint64_t>(INT64_MAX)) {
    return static_cast<std::int64_t>(value.getUint());
  }
  return {};
}

std::optional<std::uint64_t> ObjectView::if_uint64() const {
  if (form_ == Form::stored && ObjectAccess::stored(*this).isUint())
    return ObjectAccess::stored(*this).getUint();
  if (form_ == Form::stored && ObjectAccess::stored(*this).isBig()) {
    const BigInteger big = big_integer();
    return big.fits_uint64() ? std::optional(big.to_uint64()) : std::nullopt;
  }
  const std::optional<std::int64_t> value = if_int64();
  if (!value || *value < 0) return {};
  return static_cast<std::uint64_t>(*value);
}

std::int64_t ObjectView::int64() const {
  const auto value = if_int64();
  if (!value) detail::refuse_integer(nullptr, INT64_MIN, INT64_MAX, *this);
  return *value;
}

std::uint64_t ObjectView::uint64() const {
  const auto value = if_uint64();
  if (!value) detail::refuse_integer(nullptr, 0, UINT64_MAX, *this);
  return *value;
}

BigInteger ObjectView::big_integer() const {
  if (kind() == ObjectKind::big_integer) {
    return guarded([&] {
      const auto big = ObjectAccess::stored(*this).getBig();
      const auto magnitude = big.getMagnitude();
      return BigInteger(big.getNegative(), {magnitude.begin(), magnitude.size()});
    });
  }
  if (kind() != ObjectKind::integer) refuse("an integer", *this);
  if (const auto value = if_int64()) return *value;
  return BigInteger::from_uint64(uint64());
}

double ObjectView::floating() const {
  if (form_ == Form::floating) return ObjectAccess::get<double>(*this);
  if (kind() == ObjectKind::floating) return ObjectAccess::stored(*this).getFloat();
  if (const auto value = if_int64()) return static_cast<double>(*value);
  if (const auto value = if_uint64()) return static_cast<double>(*value);
  detail::refuse_number(nullptr, *this);
}

std::string_view ObjectView::text() const {
  if (kind() != ObjectKind::text) refuse("text", *this);
  return guarded([&] {
    const auto text = ObjectAccess::stored(*this).getText();
    return std::string_view(text.begin(), text.size());
  });
}

std::span<const std::byte> ObjectView::bytes() const {
  if (kind() != ObjectKind::bytes) refuse("bytes", *this);
  return guarded([&] {
    const auto data = ObjectAccess::stored(*this).getBytes();
    return std::as_bytes(std::span(data.begin(), data.size()));
  });
}

Bytes ObjectView::backing() const noexcept {
  return keeper_ == nullptr ? Bytes() : static_cast<const Message*>(keeper_.get())->bytes();
}

ObjectList ObjectView::elements() const {
  const ObjectKind kind = this->kind();
  if (kind < ObjectKind::list) refuse("a list, map or struct", *this);
  if (depth_ >= object_depth_max)
    malformed("nested deeper than " + std::to_string(object_depth_max) + " levels");
  ObjectList list;
  list.keeper_ = keeper_;
  list.elements_max_ = elements_max_;
  list.depth_ = static_cast<std::int8_t>(depth_ + 1);
  const auto take = [&](const auto& reader, ObjectList::Form form) {
    ObjectAccess::put(list, reader);
    list.size_ = reader.size();
    list.form_ = form;
  };
  guarded([&] {
    const ValueReader& value = ObjectAccess::stored(*this);
    switch (value.which()) {
      case schema::Value::INTS:
        return take(value.getInts(), ObjectList::Form::integers);
      case schema::Value::FLOATS:
        return take(value.getFloats(), ObjectList::Form::floats);
      case schema::Value::TUPLE:
        return take(value.getTuple(), ObjectList::Form::values);
      case schema::Value::MAP:
        return take(value.getMap(), ObjectList::Form::values);
      case schema::Value::STRUCT:
        return take(value.getStruct().getValues(), ObjectList::Form::values);
      default:
        return take(value.getList(), ObjectList::Form::values);
    }
  });
  // Cap'n Proto allows elements without size, of which a few bytes could claim millions.
  if (list.size_ > elements_max_)
    malformed("a list claims more elements than the payload can hold");
  if (kind == ObjectKind::map && list.size_ % 2 != 0) malformed("a map has a key without a value");
  return list;
}

std::size_t ObjectView::size() const {
  return elements().size() / (kind() == ObjectKind::map ? 2 : 1);
}

ObjectView ObjectView::operator[](std::size_t index) const {
  if (kind() != ObjectKind::list && kind() != ObjectKind::tuple) refuse("a list", *this);
  const ObjectList list = elements();
  if (index >= list.size()) {
    throw FarmError(ErrorCode::invalid_argument, "ObjectView: element " + std::to_string(index) +
                                                     " of " + std::to_string(list.size()));
  }
  return list[index];
}

std::string_view ObjectView::names() const {
  if (kind() != ObjectKind::structure) refuse("a struct", *this);
  return guarded([&] {
    const auto names = ObjectAccess::stored(*this).getStruct().getNames();
    return std::string_view(names.begin(), names.size());
  });
}

std::optional<ObjectView> ObjectView::find(std::string_view name) const {
  const ObjectKind kind = this->kind();
  if (kind != ObjectKind::map && kind != ObjectKind::structure) refuse("a map or struct", *this);
  const ObjectList list = elements();
  if (kind == ObjectKind::map) {
    for (std::size_t i = 0; i < list.size(); i += 2) {
      const ObjectView key = list[i];
      if (key.kind() == ObjectKind::text && key.text() == name) return list[i + 1];
    }
    return {};
  }
  detail::StructNames names(this->names());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto field = names.next_field();
    if (!field) break;
    if (*field == name) return list[i];
  }
  return {};
}

ObjectView ObjectList::operator[](std::size_t index) const {
  FANMILL_ASSERT(index < size_, "ObjectList: element", index, "of", size_);
  const auto at = static_cast<unsigned>(index);
  ObjectView view;
  if (form_ == Form::integers) {
    ObjectAccess::put(view, std::int64_t{ObjectAccess::get<IntegerList>(*this)[at]});
    view.form_ = ObjectView::Form::integer;
    return view;
  }
  if (form_ == Form::floats) {
    ObjectAccess::put(view, double{ObjectAccess::get<FloatList>(*this)[at]});
    view.form_ = ObjectView::Form::floating;
    return view;
  }
  view = ObjectAccess::root(guarded([&] { return ObjectAccess::get<ValueList>(*this)[at]; }),
                            keeper_, elements_max_);
  view.depth_ = depth_;
  return view;
}

namespace {

// The list's memory if its elements lie side by side; a hostile one may have set them apart.
template <typename T>
std::span<const T> side_by_side(const typename capnp::List<T>::Reader& list) {
  const auto raw = guarded([&] { return capnp::toAny(list).getRawBytes(); });
  if (raw.size() != list.size() * sizeof(T)) return {};
  return {reinterpret_cast<const T*>(raw.begin()), list.size()};
}

}  // namespace

std::span<const std::int64_t> ObjectList::packed_integers() const {
  if (form_ != Form::integers) return {};
  return side_by_side<std::int64_t>(ObjectAccess::get<IntegerList>(*this));
}

std::span<const double> ObjectList::packed_floats() const {
  if (form_ != Form::floats) return {};
  return side_by_side<double>(ObjectAccess::get<FloatList>(*this));
}

}  // namespace fanmill::inline v0
