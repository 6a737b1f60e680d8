// How a worker finds its manager: what a user types, join files, the environment.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fanmill/join.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/program.hpp"
#include "catch.hpp"
#include "farm_error.hpp"
#include "scratch_folder.hpp"

using Catch::Matchers::ContainsSubstring;
using fanmill::ErrorCode;
using fanmill::Join;
using fanmill::test::ScratchFolder;
using fanmill::test::words_of;
namespace fs = std::filesystem;

namespace {

using Endpoints = std::vector<std::string>;

/// A variable of the environment, as it was at the end.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (before_) {
      ::setenv(name_, before_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

void write(const fs::path& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), mode);
}

}  // namespace

TEST_CASE("a join file is written and read back, for its owner only", "[unit][api]") {
  const ScratchFolder folder;
  const fs::path path = folder.path() + "/new/join";
  const Join join = Join::endpoint("tcp://node3:5557")
                        .with_endpoint("ipc:///run/x")
                        .with_farm(0xabc)
                        .with_cookie("crumb = 1");
  join.save(path);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
  REQUIRE(::stat(path.parent_path().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0700U);

  const Join read = Join::file(path);
  CHECK(read.endpoints() == Endpoints{"tcp://node3:5557", "ipc:///run/x"});
  CHECK(read.farm() == 0xabc);
  CHECK(read.cookie() == "crumb = 1");
  CHECK(read.source() == path.string());
}

TEST_CASE("what a newer version adds to a join file is skipped", "[unit][api]") {
  const Join join = Join::from_text(
      "fanmill-join = 1\n\n# for node7\nsome-key = abc\nendpoint = tcp://a:1 \n", "x");
  CHECK(join.endpoints() == Endpoints{"tcp://a:1"});
  CHECK(join.farm() == 0);
}

TEST_CASE("what is wrong in a join file is told with its line", "[unit][api]") {
  const auto words = [](const std::string& text) {
    return words_of(ErrorCode::invalid_argument, [&] { (void)Join::from_text(text, "file"); });
  };
  const std::string begin = "fanmill-join = 1\n";
  CHECK_THAT(words(""), Catch::Matchers::ContainsSubstring("file, line 1"));
  CHECK_THAT(words("fanmill-join = 2\nendpoint = tcp://a:1\n"),
             Catch::Matchers::ContainsSubstring("file, line 1"));
  CHECK_THAT(words(begin + "endpoint\n"), Catch::Matchers::ContainsSubstring("file, line 2"));
  CHECK_THAT(words(begin + "endpoint =\n"), Catch::Matchers::ContainsSubstring("no value"));
  CHECK_THAT(words(begin + "\nfarm = xyz\n"), Catch::Matchers::ContainsSubstring("file, line 3"));
  CHECK_THAT(words(begin + "farm = 1\nfarm = 2\n"), Catch::Matchers::ContainsSubstring("twice"));
  CHECK_THAT(words(begin + "farm = 1\n"),
             Catch::Matchers::ContainsSubstring("without an endpoint"));
}

TEST_CASE("a join file that others can read or write is refused with the chmod to type",
          "[unit][api]") {
  const ScratchFolder folder;
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U}) {
    write(folder.path() + "/join", "fanmill-join = 1\nendpoint = tcp://a:1\n", mode);
    CHECK_THAT(words_of(ErrorCode::io_error, [&] { (void)Join::file(folder.path() + "/join"); }),
               Catch::Matchers::ContainsSubstring("chmod 600 " + folder.path() + "/join"));
  }
}

TEST_CASE("a cookie that would break the file is not written", "[unit][api]") {
  words_of(ErrorCode::invalid_argument,
           [] { (void)Join::endpoint("tcp://a:1").with_cookie("a\nfarm = 2").to_text(); });
}

TEST_CASE("what a user types is an endpoint or a path", "[unit][api]") {
  const ScratchFolder folder;
  write(folder.path() + "/join", "fanmill-join = 1\nendpoint = tcp://b:2\n");
  CHECK(Join::parse("tcp://a:1").endpoints() == Endpoints{"tcp://a:1"});
  CHECK(Join::parse("node3:5557").endpoints() == Endpoints{"tcp://node3:5557"});
  CHECK(Join::parse(folder.path() + "/join").endpoints() == Endpoints{"tcp://b:2"});
  words_of(ErrorCode::join_not_found, [] { (void)Join::parse("no-such-file"); });
  words_of(ErrorCode::invalid_argument, [] { (void)Join::parse(""); });
}

TEST_CASE("find looks at FANMILL_JOIN, FANMILL_ENDPOINT and the user's join file, in this order",
          "[unit][api]") {
  const ScratchFolder folder;
  const Variable state("XDG_STATE_HOME", folder.path());
  const Variable no_file("FANMILL_JOIN", "");
  const Variable no_endpoint("FANMILL_ENDPOINT", "");
  const std::string none = words_of(ErrorCode::join_not_found, [] { (void)Join::find(); });
  CHECK_THAT(none, Catch::Matchers::ContainsSubstring("FANMILL_JOIN"));
  CHECK_THAT(none, Catch::Matchers::ContainsSubstring("FANMILL_ENDPOINT"));
  CHECK_THAT(none, Catch::Matchers::ContainsSubstring(folder.path() + "/fanmill/join"));

  Join::endpoint("tcp://own:1").save(Join::default_path());
  CHECK(Join::find().endpoints() == Endpoints{"tcp://own:1"});
  const Variable endpoint("FANMILL_ENDPOINT", "tcp://started:1");
  const Variable cookie("FANMILL_COOKIE", "crumb");
  CHECK(Join::find().endpoints() == Endpoints{"tcp://started:1"});
  CHECK(Join::find().cookie() == "crumb");
  write(folder.path() + "/given", "fanmill-join = 1\nendpoint = tcp://given:1\n");
  const Variable given("FANMILL_JOIN", folder.path() + "/given");
  CHECK(Join::find().endpoints() == Endpoints{"tcp://given:1"});
}

TEST_CASE("a join file is read from a descriptor, once, and errors are in words", "[unit][api]") {
  const auto piped = [](const std::string& text) {
    fanmill::Pipe pipe = fanmill::make_pipe();
    REQUIRE(fanmill::write_all(pipe.write.get(), text) == 0);
    // Whoever reads it closes it.
    return ::dup(pipe.read.get());
  };
  const std::string text = "fanmill-join = 1\nendpoint = ipc:///a/b\n";
  const int number = piped(text);
  const std::string typed = "fd:" + std::to_string(number);
  const Join join = Join::parse(typed);
  CHECK(join.endpoints() == Endpoints{"ipc:///a/b"});
  CHECK(join.source() == "descriptor " + std::to_string(number));
  CHECK(::fcntl(number, F_GETFD) == -1);
  CHECK_THAT(words_of(ErrorCode::join_not_found, [&] { (void)Join::parse(typed); }),
             ContainsSubstring("descriptor " + std::to_string(number)) &&
                 ContainsSubstring("Bad file descriptor") && ContainsSubstring("7< FILE"));
  CHECK_THAT(words_of(ErrorCode::invalid_argument, [] { (void)Join::parse("fd:x"); }),
             ContainsSubstring("fd:N") && ContainsSubstring("\"fd:x\""));
  CHECK_THAT(
      words_of(ErrorCode::invalid_argument, [&] { (void)Join::descriptor(piped("nonsense\n")); }),
      ContainsSubstring(", line 1: not a join file"));
  const int file = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  CHECK_THAT(words_of(ErrorCode::invalid_argument, [&] { (void)Join::descriptor(file); }),
             ContainsSubstring("longer than 65536 bytes"));
  // As FANMILL_JOIN has it.
  const Variable named("FANMILL_JOIN", "fd:" + std::to_string(piped(text)));
  CHECK(Join::find().endpoints() == Endpoints{"ipc:///a/b"});
}
