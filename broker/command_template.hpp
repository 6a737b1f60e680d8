// CommandTemplate: a command with places for an item. And the words of an item that go there.
//
// {} stands for the item, {.} for it without its extension, {/} for what stands behind its last
// slash, {//} for its folder, {/.} for the file's name without extension, {#} for the item's
// number; {1}, {2}, {1.}, {2/} and so on for the values of several lists.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fanmill::broker {

/// What placeholders are replaced by.
struct ItemWords {
  std::string text;                // of the whole item
  std::vector<std::string> parts;  // its value from each list; one for a line
  std::uint64_t seq = 0;           // its number, from 1
};

/// Whether a placeholder stands in `text`. `{ }`, `{a}` and `{}` with a `$` before it are none.
bool has_placeholder(std::string_view text);
/// `text` as one word of a shell, quoted only if need be.
std::string quoted_for_shell(std::string_view text);

class CommandTemplate {
 public:
  CommandTemplate() = default;
  /// Program and arguments, run directly. An item's text stays inside its argument, whatever is in
  /// it.
  static CommandTemplate of_arguments(std::vector<std::string> arguments);
  /// A command line. Without characters or words that mean something to a shell it is split at
  /// blanks and run directly; else /bin/sh runs it, with the item's text quoted as one word.
  /// Throws FarmError (invalid_argument) for a placeholder between quotes of the line's own, and for
  /// a line of blanks.
  static CommandTemplate of_line(std::string line);
  /// As `of_line`, but nothing in `line` is replaced: it is the item itself.
  static CommandTemplate of_finished_line(std::string line);

  [[nodiscard]] bool has_placeholder() const;
  /// The item as one more argument.
  void append_item();

  /// The task's "command": a list of texts, or one text for the shell. As JSON.
  [[nodiscard]] std::string json(const ItemWords& words) const;
  /// The command as it could be typed into a shell.
  [[nodiscard]] std::string shown(const ItemWords& words) const;

 private:
  [[nodiscard]] std::string shell_line(const ItemWords& words) const;
  [[nodiscard]] std::vector<std::string> arguments(const ItemWords& words) const;

  std::vector<std::string> arguments_;  // empty: for the shell
  std::string line_;
  bool finished_ = false;  // nothing is replaced
};

}  // namespace fanmill::broker
