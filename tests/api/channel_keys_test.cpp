// Channels have keys by tcp without a word of configuration: one certificate, which both ends share.
#include <sys/stat.h>

#include <chrono>
#include <fanmill/channel.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <vector>

#include "catch.hpp"
#include "farm_error.hpp"
#include "net/certificate.hpp"
#include "state_folder.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using fanmill::Channel;
using fanmill::ChannelOptions;
using fanmill::ErrorCode;
using fanmill::Listener;
using fanmill::test::ScratchFolder;
using fanmill::test::StateFolder;
using fanmill::test::words_of;
namespace fs = std::filesystem;

namespace {

constexpr const char* free_port = "tcp://127.0.0.1:*";

fs::path file_in(const StateFolder& state) { return state.keys() / "channel.cert"; }

/// A certificate that nobody else has.
void make_certificate(const fs::path& path) {
  fanmill::net::KeyPair pair = fanmill::net::KeyPair::make();
  REQUIRE(fanmill::net::Certificate{.name = "other",
                                    .public_key = pair.public_key,
                                    .secret_key = std::move(pair.secret_key),
                                    .server_key = {}}
              .save(path)
              .ok());
}

/// What has come of a 7.
int passed(Listener& listener, const ChannelOptions& options = {}) {
  Channel near = Channel::connect(listener.endpoint(), options);
  near.write(7);
  return listener.accept().read<int>();
}

void check_passes(Listener& listener, const ChannelOptions& options = {}) {
  CHECK(passed(listener, options) == 7);
}

/// What a connecting end is told that is refused. Only the refusal can end it.
std::string refusal(const Listener& listener, ChannelOptions options) {
  options.open_limit = 60s;
  return words_of(ErrorCode::refused,
                  [&] { (void)Channel::connect(listener.endpoint(), options); });
}

}  // namespace

TEST_CASE("the certificate of channels is made when it is first needed, private, and kept",
          "[unit][channel]") {
  const StateFolder state;
  {
    const ScratchFolder folder;
    const Listener local("ipc://" + folder.path() + "/channel");
    CHECK_FALSE(fs::exists(state.keys()));
  }
  std::vector<std::future<int>> listeners;
  for (int i = 0; i < 8; ++i)
    listeners.push_back(std::async(std::launch::async, [] {
      Listener listener(free_port);
      return passed(listener);
    }));
  for (std::future<int>& each : listeners) CHECK(each.get() == 7);
  struct stat status {};
  REQUIRE(::stat(file_in(state).c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
  const auto made = fs::last_write_time(file_in(state));
  Listener listener(free_port);
  check_passes(listener);
  CHECK(fs::last_write_time(file_in(state)) == made);
}

TEST_CASE("the connecting end makes the certificate if it comes first", "[unit][channel]") {
  const StateFolder state;
  std::string endpoint;
  {
    const ScratchFolder folder;
    make_certificate(folder.path() + "/other.cert");
    endpoint = Listener(free_port, {.certificate = folder.path() + "/other.cert"}).endpoint();
  }
  CHECK_FALSE(fs::exists(file_in(state)));
  Channel near = Channel::start_connect(endpoint, {.open_limit = 60s});
  CHECK(fs::exists(file_in(state)));
  Listener listener(endpoint);
  CHECK(near.wait_open());
}

TEST_CASE("another user with a copy of the certificate comes in", "[unit][channel]") {
  const StateFolder state;
  Listener listener(free_port);
  const ScratchFolder folder;
  const fs::path copy = folder.path() + "/copy.cert";
  fs::copy_file(file_in(state), copy);
  const StateFolder other;
  SECTION("wherever it is") {
    check_passes(listener, {.certificate = copy});
    CHECK_FALSE(fs::exists(other.keys()));
  }
  SECTION("in the place where it is looked for") {
    fs::create_directories(other.keys());
    fs::permissions(other.keys(), fs::perms::owner_all);
    fs::copy_file(copy, file_in(other));
    check_passes(listener);
  }
}

TEST_CASE("an end with another certificate is told so at once, and disturbs nobody",
          "[unit][channel]") {
  const StateFolder state;
  Listener listener(free_port);
  const ScratchFolder folder;
  const fs::path other = folder.path() + "/other.cert";
  make_certificate(other);
  CHECK_THAT(refusal(listener, {.certificate = other}),
             ContainsSubstring(listener.endpoint()) &&
                 ContainsSubstring("its certificate is not that in " + other.string()) &&
                 ContainsSubstring("ChannelOptions::certificate"));
  CHECK_FALSE(listener.try_accept());
  check_passes(listener);
  // And each listener has its own.
  Listener second(free_port, {.certificate = other});
  check_passes(second, {.certificate = other});
  (void)refusal(second, {});
  check_passes(listener);
}

TEST_CASE("a certificate that is missing, damaged or open to others is refused in words",
          "[unit][channel]") {
  const StateFolder state;
  const ScratchFolder folder;
  const fs::path file = folder.path() + "/one.cert";
  const auto words = [&](ErrorCode code) {
    const std::string near = words_of(
        code, [&] { (void)Channel::start_connect("tcp://127.0.0.1:1", {.certificate = file}); });
    CHECK(words_of(code, [&] { Listener(free_port, {.certificate = file}); }) == near);
    return near;
  };
  CHECK_THAT(words(ErrorCode::io_error),
             ContainsSubstring(file.string()) && ContainsSubstring("copy the other end's"));
  make_certificate(file);
  fs::permissions(file, fs::perms::others_read, fs::perm_options::add);
  CHECK_THAT(words(ErrorCode::io_error), ContainsSubstring("chmod 600 " + file.string()));
  std::ofstream(file) << "curve\n    public-key = \"short\"\n";
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  CHECK_THAT(words(ErrorCode::invalid_argument), ContainsSubstring("line 2"));
  // The one that is found by itself no less.
  { const Listener listener(free_port); }
  fs::permissions(file_in(state), fs::perms::group_read, fs::perm_options::add);
  CHECK_THAT(words_of(ErrorCode::io_error, [] { const Listener listener(free_port); }),
             ContainsSubstring("chmod 600 " + file_in(state).string()));
}

TEST_CASE("channels in plaintext have to be spelled out at both ends",
          "[unit][channel][plaintext]") {
  const StateFolder state;
  const ChannelOptions plaintext{.insecure_plaintext = true};
  Listener guarded(free_port);
  CHECK_THAT(refusal(guarded, plaintext),
             ContainsSubstring("it wants keys") && ContainsSubstring("insecure_plaintext out"));
  Listener open(free_port, plaintext);
  CHECK_THAT(refusal(open, {}), ContainsSubstring("or it has none"));
  check_passes(open, plaintext);
  check_passes(guarded);
  CHECK_THAT(
      words_of(ErrorCode::invalid_argument,
               [] { Listener(free_port, {.certificate = "x", .insecure_plaintext = true}); }),
      ContainsSubstring("without keys"));
}

TEST_CASE("channels by ipc need no certificate", "[unit][channel]") {
  const StateFolder state;
  const ScratchFolder folder;
  Listener listener("ipc://" + folder.path() + "/channel");
  check_passes(listener);
  check_passes(listener, {.certificate = folder.path() + "/is-not-looked-at"});
  CHECK_FALSE(fs::exists(state.keys()));
}
