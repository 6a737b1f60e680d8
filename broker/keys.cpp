#include "keys.hpp"

#include <cstdio>
#include <fanmill/error.hpp>
#include <filesystem>
#include <utility>

#include "net/endpoint.hpp"
#include "net/farm_keys.hpp"
#include "net/identity.hpp"
#include "net/private_file.hpp"
#include "net/settings_text.hpp"

namespace fanmill::broker {
namespace {

std::string folder() { return net::FarmKeys::default_folder().value_or_raise(); }

net::FarmKeys open() { return net::FarmKeys::open(folder()).value_or_raise(); }

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

}  // namespace

KeysCommand::KeysCommand(CLI::App& app) {
  CLI::App* keys = app.add_subcommand(
      "keys", "whose keys may connect by tcp to this user's managers; running ones notice at once");
  keys->require_subcommand(1);
  keys->footer(
      "Examples:\n"
      "  fanmill-broker keys add node7 --endpoint tcp://manager.example:5557\n"
      "    and on node7, with the file that it wrote: fanmill-worker --join node7.join collatz\n"
      "  fanmill-broker keys list\n"
      "  fanmill-broker keys revoke node7");
  const auto command = [&](const char* name, const char* what, const char* example,
                           void (KeysCommand::*run)() const) {
    CLI::App* made = keys->add_subcommand(name, what);
    made->footer(std::string("Example:\n  fanmill-broker keys ") + example);
    made->callback([this, run] { chosen_ = run; });
    return made;
  };
  command("init", "make the managers' keys, if there are none", "init", &KeysCommand::init);
  CLI::App* add = command("add", "make a key for a worker elsewhere, and its join file",
                          "add node7 --sessions 1 --output node7.join", &KeysCommand::add);
  add->add_option("name", name_, "what the key is called, say the host's name")->required();
  add->add_option("--role", roles_, "worker, submit, observe, or several with commas between them")
      ->capture_default_str();
  add->add_option("--sessions", sessions_, "workers at the same time (default: any number)")
      ->check(CLI::Range(1U, 1'000'000U).description(""));
  add->add_option("--endpoint", endpoints_,
                  "where its manager will be, may be given several times (default: this host, port "
                  "5557)");
  add->add_option("--output", output_, "the join file (default: NAME.join)");
  command("list", "the keys, one in a line: roles, key, name, limits", "list", &KeysCommand::list);
  CLI::App* revoke = command("revoke", "take a key back: its sessions end, and it can't come in",
                             "revoke node7", &KeysCommand::revoke);
  revoke->add_option("name", name_, "as `list` has it")->required();
  command("show", "the managers' own public key, and where the files are", "show",
          &KeysCommand::show);
}

int KeysCommand::execute() {
  try {
    (this->*chosen_)();
    return 0;
  } catch (const FarmError& error) {
    std::fprintf(stderr, "fanmill-broker: %s\n", error.what());
    return 1;
  }
}

void KeysCommand::init() const {
  (void)open();
  show();
}

void KeysCommand::add() const {
  const net::FarmKeys keys = open();
  const std::string output = output_.empty() ? name_ + ".join" : output_;
  if (std::filesystem::exists(output))
    throw FarmError(ErrorCode::invalid_argument,
                    output + " is there already; remove it, or choose another --output");
  net::KeyPair pair = net::KeyPair::make();
  const net::AuthorizedKey entry{.key = pair.public_key,
                                 .roles = net::RoleSet::parse(roles_).value_or_raise(),
                                 .name = name_,
                                 .sessions_max = sessions_};
  std::string text = "fanmill-join = 1\n";
  text.reserve(4096);  // no copy of the secret is left behind
  std::vector<std::string> endpoints = endpoints_;
  if (endpoints.empty()) endpoints.push_back("tcp://" + net::host_name());
  for (const std::string& each : endpoints) {
    const auto endpoint = net::parse_endpoint(each, net::Endpoint::Use::connect).value_or_raise();
    text += "endpoint = " + net::quoted(endpoint.str()) + "\n";
  }
  std::string certificate = net::Certificate{.name = name_,
                                             .public_key = pair.public_key,
                                             .secret_key = std::move(pair.secret_key),
                                             .server_key = keys.server_key()}
                                .to_text();
  text += certificate;
  // The file first: a key that nobody has is no use, a file whose key is unknown neither.
  Status changed = net::FarmKeys::change(folder(), [&](net::AuthorizedKeys& authorized) -> Status {
    Status added = authorized.add(entry);
    return added.ok() ? net::write_private_file(output, text) : added;
  });
  net::wipe(certificate);
  net::wipe(text);
  std::move(changed).value_or_raise();
  print("wrote " + output + ": copy it to where the worker is (scp), and start that with --join\n");
}

void KeysCommand::list() const {
  const net::FarmKeys keys = open();
  for (const net::AuthorizedKey& entry : keys.authorized().entries()) print(entry.text() + "\n");
}

void KeysCommand::revoke() const {
  net::FarmKeys::change(folder(), [&](net::AuthorizedKeys& authorized) -> Status {
    if (authorized.remove(name_)) return Ok{};
    return Error{ErrorCode::invalid_argument,
                 "there is no key called " + name_ + "; see fanmill-broker keys list"};
  }).value_or_raise();
}

void KeysCommand::show() const {
  const net::FarmKeys keys = open();
  print("server key: " + keys.server_key().text() + "\nfolder: " + folder() +
        "\nauthorised keys: " + keys.authorized_file() + "\n");
}

}  // namespace fanmill::broker
