// Keys without a word of configuration: made by themselves, handed over in a join file.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/descriptor.hpp"
#include "catch.hpp"
#include "farm.hpp"
#include "farm_error.hpp"
#include "net/farm_keys.hpp"
#include "net/identity.hpp"
#include "scratch_folder.hpp"
#include "state_folder.hpp"

using fanmill::ErrorCode;
using fanmill::InsecurePlaintext;
using fanmill::job;
using fanmill::Join;
using fanmill::test::ScratchFolder;
using fanmill::test::StateFolder;
using fanmill::test::words_of;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

int negate(int n) { return -n; }

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool is_private(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return (status.st_mode & 0077U) == 0;
}

}  // namespace

TEST_CASE("keys are made when a manager first listens on tcp, and kept", "[unit][api]") {
  const StateFolder state;
  {
    const fanmill::Manager local;  // needs none
    CHECK_FALSE(fs::exists(state.keys()));
  }
  std::string server_key;
  {
    const fanmill::Manager manager({.endpoints = {"tcp://127.0.0.1:*"}});
    server_key = manager.join().server_key();
    CHECK(server_key.size() == 40);
  }
  CHECK(is_private(state.keys()));
  for (const char* name : {"manager.cert", "worker.cert", "authorized"})
    CHECK(is_private(state.keys() / name));
  const fanmill::Manager again({.endpoints = {"tcp://127.0.0.1:*"}});
  CHECK(again.join().server_key() == server_key);
}

TEST_CASE("whoever was given the join file joins; by endpoint alone only this user does",
          "[unit][api]") {
  const ScratchFolder folder;
  const fs::path file = folder.path() + "/join";
  const StateFolder managers;
  Farm farm({.endpoints = {"tcp://127.0.0.1:*"}});
  farm.manager.join().save(file);
  CHECK(is_private(file));

  SECTION("the file, read by another user") {
    const StateFolder others;
    farm.workers.add(Join::file(file), negate);
    CHECK(farm.manager.run({1, 2}, job<int>()) == std::vector{-1, -2});
  }
  SECTION("its text, from elsewhere") {
    const StateFolder others;
    farm.workers.add(Join::from_text(text_of(file), "text"), negate);
    CHECK(farm.manager.run({1, 2}, job<int>()) == std::vector{-1, -2});
  }
  SECTION("the endpoint, typed by the same user") {
    farm.workers.add(Join::endpoint(farm.manager.endpoints().front()), negate);
    CHECK(farm.manager.run({1, 2}, job<int>()) == std::vector{-1, -2});
  }
  SECTION("the endpoint, typed by another user") {
    const StateFolder others;
    const Join join = Join::endpoint(farm.manager.endpoints().front());
    const auto serve = [&] { (void)fanmill::serve(join, negate, {.handle_signals = false}); };
    CHECK_THAT(words_of(ErrorCode::join_not_found, serve),
               ContainsSubstring("nobody can tell who answers there"));
    CHECK(farm.manager.workers().empty());
  }
  SECTION("the endpoint, by another user who has managers too") {
    const StateFolder others;
    const fanmill::Manager own({.endpoints = {"tcp://127.0.0.1:*"}});
    farm.workers.add(Join::endpoint(farm.manager.endpoints().front()), negate,
                     {.give_up_after = 200ms});
    CHECK(farm.workers.statuses() == std::vector{5});
  }
}

TEST_CASE("a worker that forks has no key in its memory when it does", "[unit][api]") {
  const StateFolder managers;
  const fanmill::Manager manager({.endpoints = {"tcp://127.0.0.1:*"}});
  const ScratchFolder folder;
  const fs::path file = folder.path() + "/join";
  manager.join().save(file);
  const Join join = Join::file(file);
  // Only named in it: without the file it has nothing to show.
  fs::remove(file);
  CHECK_THAT(words_of(ErrorCode::join_not_found, [&] { (void)join.to_text(); }),
             ContainsSubstring(file.string()));
}

TEST_CASE("a join file that lost a part of its keys is refused", "[unit][api]") {
  const StateFolder managers;
  const fanmill::Manager manager({.endpoints = {"tcp://127.0.0.1:*"}});
  const std::string text = manager.join().to_text();
  const auto without = [&](const std::string& name) {
    const std::size_t begin = text.find("    " + name);
    REQUIRE(begin != std::string::npos);
    return text.substr(0, begin) + text.substr(text.find('\n', begin) + 1);
  };
  const auto words = [&](const std::string& changed) {
    return words_of(ErrorCode::invalid_argument, [&] { (void)Join::from_text(changed, "file"); });
  };
  CHECK_THAT(words(without("server-key")), ContainsSubstring("server-key is missing"));
  CHECK_THAT(words(without("secret-key")), ContainsSubstring("secret-key is missing"));
  CHECK_THAT(words(without("public-key")), ContainsSubstring("no public-key"));
}

TEST_CASE("a worker in plaintext does not come in where there are keys", "[unit][api][plaintext]") {
  const StateFolder state;
  Farm farm({.endpoints = {"tcp://127.0.0.1:*"}});
  const Join join = Join::endpoint(farm.manager.endpoints().front()).with_insecure_plaintext();
  farm.workers.add(join, negate, {.give_up_after = 200ms});
  CHECK(farm.workers.statuses() == std::vector{5});
  CHECK(farm.manager.workers().empty());
}

TEST_CASE("plaintext is said, warned about, and not for other hosts unless said twice",
          "[unit][api][plaintext]") {
  const StateFolder state;
  std::vector<std::string> warnings;
  {
    Farm farm({.endpoints = {"tcp://127.0.0.1:*"},
               .insecure_plaintext = InsecurePlaintext::on_this_host,
               .observer = [&](const fanmill::Event& event) {
                 if (event.kind == fanmill::Event::Kind::warning) warnings.push_back(event.text);
               }});
    CHECK(farm.manager.join().server_key().empty());
    CHECK_FALSE(fs::exists(state.keys()));
    farm.workers.add(farm.manager.join(), negate);
    CHECK(farm.manager.run({1, 2}, job<int>()) == std::vector{-1, -2});
  }
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), ContainsSubstring("any user of this host may join at tcp://127."));
  CHECK_THAT(words_of(ErrorCode::invalid_argument,
                      [] {
                        fanmill::Manager({.endpoints = {"tcp://*:*"},
                                          .insecure_plaintext = InsecurePlaintext::on_this_host});
                      }),
             ContainsSubstring("insecure_plaintext"));
  // With two words also there.
  CHECK_NOTHROW(fanmill::Manager(
      {.endpoints = {"tcp://*:*"}, .insecure_plaintext = InsecurePlaintext::everywhere}));
}

TEST_CASE(
    "the join file of a manager on all addresses names the host, and a way that always works here",
    "[unit][api]") {
  const StateFolder state;
  Farm farm({.endpoints = {"tcp://0.0.0.0:*"}});
  const std::vector<std::string> endpoints = farm.manager.join().endpoints();
  REQUIRE(endpoints.size() == 2);
  CHECK(endpoints[0].starts_with("tcp://" + fanmill::net::host_name() + ":"));
  CHECK(endpoints[1].starts_with("tcp://127.0.0.1:"));
  // A name that nobody knows keeps no worker from the next endpoint.
  farm.workers.add(Join::endpoint("tcp://no-such-host.invalid:1").with_endpoint(endpoints[1]),
                   negate);
  CHECK(farm.manager.run({1}, job<int>()) == std::vector{-1});
}

TEST_CASE("keys that others could have read or changed are refused with the chmod to type",
          "[unit][api]") {
  const StateFolder state;
  { const fanmill::Manager manager({.endpoints = {"tcp://127.0.0.1:*"}}); }
  for (const char* name : {"manager.cert", "worker.cert", "authorized"}) {
    const std::string path = state.keys() / name;
    REQUIRE(::chmod(path.c_str(), 0644) == 0);
    CHECK_THAT(words_of(ErrorCode::io_error,
                        [] { fanmill::Manager({.endpoints = {"tcp://127.0.0.1:*"}}); }),
               ContainsSubstring("chmod 600 " + path));
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
  }
}

TEST_CASE("a key that is taken back while the manager runs ends its sessions", "[unit][api]") {
  const StateFolder state;
  Gate warned;
  Farm farm({.endpoints = {"tcp://127.0.0.1:*"}, .observer = [&](const fanmill::Event& event) {
               if (event.kind == fanmill::Event::Kind::warning) warned.open();
             }});
  farm.workers.add(farm.manager.join(), negate, {.verbose = 1});
  REQUIRE(farm.manager.wait_for_workers(1, 60s));
  const std::string file = state.keys() / "authorized";
  // First something that is no list of keys: nothing changes.
  // At once: a file that is being written is an empty list for a moment.
  const auto replace = [&](const char* text) {
    fs::copy_file(file, file + ".new");  // and who may read it
    std::ofstream(file + ".new") << text;
    fs::rename(file + ".new", file);
  };
  replace("nonsense\n");
  warned.wait();
  CHECK(farm.manager.run({1}, job<int>()) == std::vector{-1});
  replace("# nobody\n");
  CHECK(farm.workers.statuses() == std::vector{5});
}

TEST_CASE("a pair of keys that was removed is made again, and its former is not let in",
          "[unit][api]") {
  const StateFolder state;
  const std::string folder = state.keys().string();
  { const fanmill::Manager manager({.endpoints = {"tcp://127.0.0.1:*"}}); }
  const auto authorized = [&] {
    return fanmill::net::FarmKeys::open(folder).value().authorized().entries().at(0).key;
  };
  const auto before = authorized();
  fs::remove(state.keys() / "worker.cert");
  CHECK(authorized() != before);
  Farm farm({.endpoints = {"tcp://127.0.0.1:*"}});
  farm.workers.add(farm.manager.join(), negate);
  CHECK(farm.manager.run({1}, job<int>()) == std::vector{-1});
}

TEST_CASE("managers that start at once make one set of keys", "[unit][api]") {
  const StateFolder state;
  std::mutex mutex;
  std::vector<std::string> server_keys;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        const auto keys = fanmill::net::FarmKeys::open(state.keys().string(), 60s);
        const std::lock_guard lock(mutex);
        server_keys.push_back(keys.ok() ? keys.value().server_key().text() : keys.error().message);
      });
    }
  }
  CHECK(server_keys == std::vector<std::string>(8, server_keys.front()));
}

// Held by this process, on another opening of the file: flock tells those apart.
TEST_CASE("a lock on the keys that is held for ever is told of, with who holds it", "[unit][api]") {
  const ScratchFolder scratch;
  const std::string folder = scratch.path() + "/keys";
  REQUIRE(fanmill::net::FarmKeys::open(folder).ok());
  const fanmill::Descriptor held(::open((folder + "/lock").c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::flock(held.get(), LOCK_EX) == 0);
  const auto opened = fanmill::net::FarmKeys::open(folder, 20ms);
  REQUIRE_FALSE(opened.ok());
  CHECK_THAT(opened.error().message,
             ContainsSubstring("/lock: process " + std::to_string(::getpid()) + " (test_api)") &&
                 ContainsSubstring("end it and try again"));
  REQUIRE(::flock(held.get(), LOCK_UN) == 0);
  CHECK(fanmill::net::FarmKeys::open(folder, 20ms).ok());
}
