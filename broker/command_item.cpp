#include "command_item.hpp"

#include <algorithm>
#include <fanmill/error.hpp>
#include <fanmill/json.hpp>

#include "group_line.hpp"
#include "json_text.hpp"

namespace fanmill::broker {
namespace {

// Of an item's text in a line for people.
constexpr std::size_t shown_item_max = 80;

/// Saves the work on lines that can't be JSON.
bool may_be_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  return first != std::string_view::npos &&
         std::string_view("{[\"-0123456789tfn").find(text[first]) != std::string_view::npos;
}

/// `json` as the item.
void set_item(CommandItem& item, std::string_view json) {
  item.json = compact_json(json);
  item.words.text = text_of(json).value_or(item.json);
  item.words.parts = {item.words.text};
}

bool is_group(const ObjectView& value) {
  return value.kind() == ObjectKind::map &&
         (value.find("item") || value.find("tasks") || value.find("command"));
}

}  // namespace

std::string name_of(const CommandItem& item) {
  std::string text = item.words.text;
  if (text.size() > shown_item_max) text = text.substr(0, shown_item_max) + "...";
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return "item " + std::to_string(item.words.seq) + (text.empty() ? "" : " (" + text + ")");
}

CommandItem item_of_line(std::uint64_t line, std::uint64_t seq, std::string_view text) {
  CommandItem item;
  item.line = line;
  item.words.seq = seq;
  Payload object;
  try {
    if (may_be_json(text)) object = json_to_object(text);
  } catch (const FarmError&) {
    object = {};  // a file may be called "[1] final.txt"
  }
  if (object.encoding == Encoding::none) {
    item.words.text = text;
    item.words.parts = {item.words.text};
    item.json = json_of(text);
    return item;
  }
  const ObjectView value(object);
  if (!is_group(value)) {
    set_item(item, text);
    return item;
  }
  item.is_group = true;
  item.json = "null";
  if (const auto named = member_of(text, "item")) set_item(item, *named);
  try {
    read_group(value, item);
  } catch (const FarmError& error) {
    item.error = "line " + std::to_string(line) + ": " + error.what();
  }
  return item;
}

CommandItem item_of_values(std::uint64_t seq, std::vector<std::string> values) {
  CommandItem item;
  item.words.seq = seq;
  for (const std::string& value : values) {
    if (&value != &values.front()) item.words.text += ' ';
    item.words.text += value;
  }
  item.json = json_of(item.words.text);
  item.words.parts = std::move(values);
  return item;
}

}  // namespace fanmill::broker
