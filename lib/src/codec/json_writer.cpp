// Object to JSON text. The rules are in schemas/object.capnp, "AS JSON"; the reverse is
// json_reader.cpp.
#include <algorithm>
#include <cmath>
#include <fanmill/detail/object_codec.hpp>
#include <fanmill/detail/struct_names.hpp>
#include <fanmill/error.hpp>
#include <fanmill/json.hpp>
#include <vector>

#include "base/utf8.hpp"
#include "codec/float_text.hpp"
#include "codec/json_base64.hpp"
#include "codec/json_integer.hpp"
#include "codec/text.hpp"

namespace fanmill::inline v0 {
namespace {

class JsonWriter {
 public:
  void write(const ObjectView& view);
  std::string take() { return std::move(out_); }

 private:
  void integer(const ObjectView& view);
  void floating(double value);
  void text(std::string_view value);
  void bytes(std::span<const std::byte> value);
  void quoted(std::string_view value);
  void key(std::string_view name, bool first);
  void list(const ObjectList& list);
  void map(const ObjectList& list);
  std::string key_text(std::size_t begin, std::size_t end) const;
  void structure(const ObjectView& view);

  std::string out_;
  std::vector<std::size_t> minus_zeros_;  // where their '-' stands in out_
};

void JsonWriter::write(const ObjectView& view) {
  switch (view.kind()) {
    case ObjectKind::null:
      out_ += "null";
      return;
    case ObjectKind::boolean:
      out_ += view.boolean() ? "true" : "false";
      return;
    case ObjectKind::integer:
    case ObjectKind::big_integer:
      return integer(view);
    case ObjectKind::floating:
      return floating(view.floating());
    case ObjectKind::text:
      return text(view.text());
    case ObjectKind::bytes:
      return bytes(view.bytes());
    case ObjectKind::list:
      return list(view.elements());
    case ObjectKind::tuple:
      out_ += R"({"$tuple": )";
      list(view.elements());
      out_ += '}';
      return;
    case ObjectKind::map:
      return map(view.elements());
    case ObjectKind::structure:
      return structure(view);
  }
}

void JsonWriter::integer(const ObjectView& view) {
  const auto value = view.if_int64();
  if (value && *value >= -codec::plain_integer_max && *value <= codec::plain_integer_max) {
    out_ += std::to_string(*value);
    return;
  }
  out_ += R"({"$int": ")" + codec::to_integer_text(view.big_integer()) + "\"}";
}

void JsonWriter::floating(double value) {
  if (value == 0 && std::signbit(value)) minus_zeros_.push_back(out_.size());
  const std::string text = codec::to_float_text(value);
  out_ += std::isfinite(value) ? text : R"({"$float": ")" + text + "\"}";
}

void JsonWriter::text(std::string_view value) {
  if (!is_utf8(value)) return bytes(std::as_bytes(std::span(value)));
  quoted(value);
}

void JsonWriter::bytes(std::span<const std::byte> value) {
  out_ += R"({"$bytes": ")";
  codec::append_base64(value, out_);
  out_ += "\"}";
}

void JsonWriter::quoted(std::string_view value) {
  out_ += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      out_ += c;
    } else if (c == '\n') {
      out_ += "\\n";
    } else {
      out_ += "\\u00";
      out_ += "0123456789abcdef"[c >> 4];
      out_ += "0123456789abcdef"[c & 15];
    }
  }
  out_ += '"';
}

void JsonWriter::key(std::string_view name, bool first) {
  if (!first) out_ += ", ";
  if (name.starts_with('$')) {
    quoted('$' + std::string(name));
  } else {
    quoted(name);
  }
  out_ += ": ";
}

void JsonWriter::list(const ObjectList& list) {
  out_ += '[';
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out_ += ", ";
    write(list[i]);
  }
  out_ += ']';
}

// A key that stands twice would be dropped by most JSON readers without a word.
void refuse_twice(std::vector<std::string_view> names) {
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return;
  throw FarmError(ErrorCode::malformed_payload,
                  "object: \"" + codec::shown(*twice) + "\" stands twice in one map");
}

void JsonWriter::map(const ObjectList& list) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < list.size(); i += 2) {
    const ObjectView key = list[i];
    if (key.kind() != ObjectKind::text || !is_utf8(key.text())) break;
    names.push_back(key.text());
  }
  if (names.size() == list.size() / 2) {
    refuse_twice(names);
    out_ += '{';
    for (std::size_t i = 0; i < names.size(); ++i) {
      key(names[i], i == 0);
      write(list[2 * i + 1]);
    }
    out_ += '}';
    return;
  }
  out_ += R"({"$map": [)";
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < list.size(); i += 2) {
    out_ += i > 0 ? ", [" : "[";
    const std::size_t begin = out_.size();
    write(list[i]);
    keys.push_back(key_text(begin, out_.size()));
    out_ += ", ";
    write(list[i + 1]);
    out_ += ']';
  }
  out_ += "]}";
  refuse_twice({keys.begin(), keys.end()});
}

/// A key as JSON, for that is what its reader compares: a struct and a map may be the same there. The two
/// zeros are one.
std::string JsonWriter::key_text(std::size_t begin, std::size_t end) const {
  std::string key;
  auto minus = std::lower_bound(minus_zeros_.begin(), minus_zeros_.end(), begin);
  for (; minus != minus_zeros_.end(); ++minus) {
    key += std::string_view(out_).substr(begin, *minus - begin);
    begin = *minus + 1;
  }
  return key += std::string_view(out_).substr(begin, end - begin);
}

void JsonWriter::structure(const ObjectView& view) {
  const ObjectList list = view.elements();
  detail::StructNames all(view.names());
  std::vector<std::string_view> names;
  while (const auto name = all.next_field()) names.push_back(*name);
  if (names.size() != list.size() || !is_utf8(view.names())) {
    throw FarmError(ErrorCode::malformed_payload,
                    "object: a struct has " + std::to_string(names.size()) + " field names for " +
                        std::to_string(list.size()) + " values");
  }
  refuse_twice(names);
  out_ += '{';
  for (std::size_t i = 0; i < names.size(); ++i) {
    key(names[i], i == 0);
    write(list[i]);
  }
  out_ += '}';
}

}  // namespace

std::string to_json(const Payload& payload) {
  if (payload.encoding == Encoding::raw) {
    throw FarmError(
        ErrorCode::malformed_payload,
        "raw bytes can't be converted to JSON; send text, or Payload::json if they are JSON");
  }
  if (payload.encoding == Encoding::json) {
    json_to_object(payload.bytes.view());
    return payload.bytes.str();
  }
  JsonWriter writer;
  detail::read_object(payload, &writer, [](void* to, const ObjectView& root) {
    static_cast<JsonWriter*>(to)->write(root);
  });
  return writer.take();
}

}  // namespace fanmill::inline v0
