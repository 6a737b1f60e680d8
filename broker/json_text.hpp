// JSON as text: what a shell's lines hold is passed on as it was typed, without a tree in between.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fanmill::broker {

/// Whether `text` is one JSON value.
bool is_json(std::string_view text);
/// `text` as a JSON value; bytes that are no UTF-8 as {"$bytes": ...}.
std::string json_of(std::string_view text);
/// The characters that a JSON text stands for (`"a\tb"`), or nothing if `json`, which must be JSON,
/// is no text.
std::optional<std::string> text_of(std::string_view json);
/// `json`, which must be JSON, without the blanks between its parts. Numbers stay as they were
/// typed.
std::string compact_json(std::string_view json);
/// The value of `key` in `json`, which must be a JSON object, as it stands there.
std::optional<std::string_view> member_of(std::string_view json, std::string_view key);

}  // namespace fanmill::broker
