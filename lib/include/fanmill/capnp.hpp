// Capnp<Schema>: tasks and results that are structs of the user's own Cap'n Proto schemas.
//
//     fanmill::Capnp<shop::Receipt> sell(const fanmill::Capnp<shop::Order>& order) {
//       return fanmill::Capnp<shop::Receipt>::build([&](shop::Receipt::Builder receipt) {
//         receipt.setTotal(order->getPrice() * order->getCount());
//       });
//     }
//
// The one header of fanmill that includes Cap'n Proto's, so it is not part of fanmill.hpp, and
// programs that use it link CapnProto::capnp. Its other end needs no fanmill object: the payload is
// raw (Encoding::raw), the 8 bytes of the struct's type id, little-endian, and behind them one
// message as Cap'n Proto writes it to a stream. Inside other types (a tuple, a field) it is the
// same as bytes.
//
// The id is what is checked: a payload of another type, or raw bytes that are none, are refused in
// words that name both ids. What a schema may become without a new id is Cap'n Proto's own rule.
#pragma once

#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/schema.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fanmill/bytes.hpp>
#include <fanmill/detail/capnp_frame.hpp>
#include <fanmill/detail/object_codec.hpp>
#include <fanmill/error.hpp>
#include <memory>
#include <span>
#include <utility>

namespace fanmill::inline v0 {

namespace detail {

/// A message in a payload's bytes, and what reads it there.
class CapnpMessage {
 public:
  explicit CapnpMessage(SharedSpan<std::byte> frame)
      : frame_(std::move(frame)), reader_(words(frame_.span()), options()) {}
  [[nodiscard]] const SharedSpan<std::byte>& frame() const { return frame_; }
  template <typename Schema>
  typename Schema::Reader root() {
    return reader_.getRoot<Schema>();
  }

 private:
  static kj::ArrayPtr<const capnp::word> words(std::span<const std::byte> frame) {
    const auto message = frame.subspan(capnp_id_bytes);
    return {reinterpret_cast<const capnp::word*>(message.data()),
            message.size() / sizeof(capnp::word)};
  }
  static capnp::ReaderOptions options() {
    // The limit counts what is read again, too; whoever reads a long list often is no attacker.
    capnp::ReaderOptions options;
    options.traversalLimitInWords = UINT64_MAX;
    return options;
  }

  SharedSpan<std::byte> frame_;
  capnp::FlatArrayMessageReader reader_;
};

/// Walks through all that a copy of a message would copy, and throws FarmError (malformed_payload)
/// where a copy is not to be made: pointers that lead to the same places again and again, by which a
/// few hundred bytes stand for more than any memory, or structs nested deeper than readers go.
class CapnpSurvey {
 public:
  static void check(const capnp::AnyStruct::Reader& root) {
    CapnpSurvey().structure(root, capnp::ReaderOptions().nestingLimit - 1);
  }

 private:
  using Pointers = capnp::List<capnp::AnyPointer>::Reader;
  using Structs = capnp::List<capnp::AnyStruct>;

  void structure(const capnp::AnyStruct::Reader& value, int levels) {
    const auto data = value.getDataSection();
    const auto behind = value.getPointerSection();
    visit(data.begin(), data.size() / sizeof(capnp::word) + behind.size());
    pointers(behind, levels);
  }

  void pointers(const Pointers& all, int levels) {
    for (const auto pointer : all) {
      const auto type = pointer.getPointerType();
      if (type == capnp::PointerType::STRUCT) {
        structure(pointer.getAs<capnp::AnyStruct>(), deeper(levels));
      } else if (type == capnp::PointerType::LIST) {
        list(pointer.getAs<capnp::AnyList>(), deeper(levels));
      }
    }
  }

  void list(const capnp::AnyList::Reader& value, int levels) {
    switch (value.getElementSize()) {
      case capnp::ElementSize::VOID:
        return;
      case capnp::ElementSize::POINTER: {
        if (value.size() == 0) return;
        // A struct of one pointer tells where it lies, a pointer does not.
        const auto first = value.as<Structs>()[0];
        visit(first.getDataSection().begin(), value.size());
        return pointers(value.as<capnp::List<capnp::AnyPointer>>(), levels);
      }
      case capnp::ElementSize::INLINE_COMPOSITE:
        for (const auto element : value.as<Structs>()) structure(element, deeper(levels));
        return;
      default:
        const auto bytes = value.getRawBytes();
        visit(bytes.begin(), bytes.size() / sizeof(capnp::word));
    }
  }

  static int deeper(int levels) {
    if (levels <= 0)
      throw FarmError(ErrorCode::malformed_payload, "a Cap'n Proto message is nested too deep");
    return levels - 1;
  }

  /// Where each place is led to once, no more is visited than the memory between the first and the
  /// last of them holds, wherever the message's segments lie.
  void visit(const kj::byte* at, std::size_t words) {
    const auto begin = reinterpret_cast<std::uintptr_t>(at);
    if (at != nullptr) {
      begin_ = std::min(begin_, begin);
      end_ = std::max(end_, begin + words * sizeof(capnp::word));
      visited_ += std::max<std::size_t>(words, 1);  // those without size cost time, too
    }
    const std::size_t between = end_ > begin_ ? (end_ - begin_) / sizeof(capnp::word) : 0;
    if (visited_ / 4 > between + always_words) {
      throw FarmError(ErrorCode::malformed_payload,
                      "a Cap'n Proto message leads to the same places too often to be copied");
    }
  }

  static constexpr std::size_t always_words = std::size_t{1} << 18;  // 2 MiB

  std::uintptr_t begin_ = UINTPTR_MAX;
  std::uintptr_t end_ = 0;
  std::size_t visited_ = 0;
};

}  // namespace detail

/// A message whose root is a `Schema` (a generated type): a value that doesn't change. Copies are
/// cheap and share the message, which is read in the payload that it came in, by several threads if
/// you like. Where a message is damaged, reading it throws kj::Exception; how much is read is not
/// bounded, as a message may lead to the same place many times; nor how much a Builder copies of it.
template <typename Schema>
class Capnp {
 public:
  static_assert(capnp::kind<Schema>() == capnp::Kind::STRUCT, "Capnp<T>: T is a generated struct");
  /// The generated class that reads such a struct.
  using Reader = typename Schema::Reader;
  /// The generated class that fills one, in `build`.
  using Builder = typename Schema::Builder;

  /// All fields have their defaults.
  Capnp() : Capnp(Reader()) {}
  /// Copies `value`. Throws FarmError: invalid_argument if it contains capabilities,
  /// payload_too_large beyond 2 GiB, malformed_payload if it was read from a damaged message, from
  /// one that leads to the same places so often that its copy would be several times as large, or
  /// is nested deeper than 64 levels, which nobody could read.
  explicit Capnp(const Reader& value) : Capnp(open(flatten(value), nullptr)) {}
  ///@{
  /// Moving copies, so that what was moved from is the message that it was.
  Capnp(const Capnp&) = default;
  Capnp& operator=(const Capnp&) = default;
  ~Capnp() = default;
  ///@}
  /// The message whose root `fill(Builder)` filled. Throws what the above does.
  template <typename Fill>
  static Capnp build(const Fill& fill) {
    capnp::MallocMessageBuilder message;
    fill(message.initRoot<Schema>());
    return Capnp(message.getRoot<Schema>().asReader());
  }

  ///@{
  /// The root. What is read through it is valid while this object, or a copy of it, lives.
  [[nodiscard]] const Reader& reader() const noexcept { return root_; }
  const Reader& operator*() const noexcept { return root_; }
  const Reader* operator->() const noexcept { return &root_; }
  ///@}

 private:
  friend struct detail::Codec<Capnp>;

  Capnp(std::shared_ptr<detail::CapnpMessage> message, const Reader& root)
      : message_(std::move(message)), root_(root) {}

  static detail::CapnpType type() {
    return {.id = capnp::typeId<Schema>(),
            .name = capnp::Schema::from<Schema>().getProto().getDisplayName().cStr()};
  }

  /// The type id and the message, as they travel.
  static SharedSpan<std::byte> flatten(const Reader& value) {
    try {
      detail::CapnpSurvey::check(value);
      const auto size = value.totalSize();
      const std::size_t words = size.wordCount + 1;  // the root's pointer
      if (size.capCount > 0) detail::refuse_capabilities(type());
      return detail::make_capnp_frame(capnp::typeId<Schema>(), words, [&](std::byte* memory) {
        auto* first = reinterpret_cast<capnp::word*>(memory);
        capnp::FlatMessageBuilder message({first, words});
        message.setRoot(value);
      });
    } catch (const kj::Exception& exception) {
      throw FarmError(ErrorCode::malformed_payload, exception.getDescription().cStr());
    }
  }

  static Capnp open(SharedSpan<std::byte> frame, const detail::Place* place) {
    if (!detail::is_capnp_frame(frame, capnp::typeId<Schema>()))
      detail::refuse_capnp_frame(frame, type(), place);
    try {
      auto message = std::make_shared<detail::CapnpMessage>(std::move(frame));
      // Now, since the reader's first look at the root is not for several threads at once.
      const Reader root = message->template root<Schema>();
      return Capnp(std::move(message), root);
    } catch (const kj::Exception& exception) {
      detail::refuse(place, exception.getDescription().cStr());
    }
  }

  std::shared_ptr<detail::CapnpMessage> message_;
  Reader root_;
};

namespace detail {

template <typename Schema>
struct Codec<Capnp<Schema>> : BothWays {
  static std::size_t words(const Capnp<Schema>& value, int) {
    return object_words::bytes(value.message_->frame().size());
  }
  static void write(const Capnp<Schema>& value, const ObjectWriter& place) {
    place.bytes(value.message_->frame());
  }
  static Capnp<Schema> read(const ObjectView& view, const Place* place) {
    if (view.kind() != ObjectKind::bytes) refuse(place, in_words(Capnp<Schema>::type()), view);
    return Capnp<Schema>::open({view.backing(), view.bytes()}, place);
  }
  static Bytes to_raw(const Capnp<Schema>& value) { return value.message_->frame().bytes(); }
  static Capnp<Schema> from_raw(const Bytes& raw) {
    return Capnp<Schema>::open({raw, std::as_bytes(std::span(raw.view()))}, nullptr);
  }
};

}  // namespace detail

}  // namespace fanmill::inline v0
