// `fanmill-broker keys`: whose keys may connect to this user's managers.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fanmill::broker {

class KeysCommand {
 public:
  /// Adds the subcommand and its options to `app`, which must outlive this.
  explicit KeysCommand(CLI::App& app);
  /// Whether it was asked for. After parsing.
  [[nodiscard]] bool is_meant() const { return chosen_ != nullptr; }
  /// Returns the exit status: 0, or 1 with words on standard error.
  int execute();

 private:
  void init() const;
  void add() const;
  void list() const;
  void revoke() const;
  void show() const;

  void (KeysCommand::*chosen_)() const = nullptr;
  std::string name_;
  std::string roles_ = "worker";
  std::uint32_t sessions_ = 0;
  std::vector<std::string> endpoints_;
  std::string output_;
};

}  // namespace fanmill::broker
