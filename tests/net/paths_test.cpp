// Folders that are nobody else's, and sockets in them.
#include "net/paths.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "catch.hpp"
#include "net/endpoint.hpp"
#include "scratch_folder.hpp"

using namespace fanmill;
using namespace fanmill::net;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

/// Another XDG_RUNTIME_DIR for as long as this is there.
class RuntimeFolder {
 public:
  explicit RuntimeFolder(const std::string& path) {
    if (const char* before = std::getenv("XDG_RUNTIME_DIR")) before_ = before;
    ::setenv("XDG_RUNTIME_DIR", path.c_str(), 1);
  }
  ~RuntimeFolder() {
    before_ ? ::setenv("XDG_RUNTIME_DIR", before_->c_str(), 1) : ::unsetenv("XDG_RUNTIME_DIR");
  }
  RuntimeFolder(const RuntimeFolder&) = delete;
  RuntimeFolder& operator=(const RuntimeFolder&) = delete;

 private:
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("a private folder is made with those above it, and only for its owner") {
  const test::ScratchFolder scratch;
  const std::string folder = scratch.path() + "/a/b/fanmill";
  REQUIRE(make_private_folder(folder).ok());
  CHECK(mode_of(folder) == 0700);
  CHECK(make_private_folder(folder).ok());  // once more
}

TEST_CASE("what stands in a private folder's way is refused, not repaired") {
  const test::ScratchFolder scratch;
  const std::string shared = scratch.path() + "/shared";
  fs::create_directory(shared);
  fs::permissions(shared, fs::perms::all);
  CHECK_THAT(make_private_folder(shared).error().message, ContainsSubstring("others may write"));
  CHECK(mode_of(shared) == 0777);

  const std::string link = scratch.path() + "/link";
  fs::create_directory_symlink("/tmp", link);
  CHECK_THAT(make_private_folder(link).error().message, ContainsSubstring("not a folder"));

  const std::string file = scratch.path() + "/file";
  std::ofstream(file) << "x";
  CHECK_THAT(make_private_folder(file).error().message, ContainsSubstring("not a folder"));
}

TEST_CASE("a socket folder is private, short, and gone with its owner") {
  std::string path;
  {
    auto made = SocketFolder::make();
    REQUIRE(made.ok());
    SocketFolder folder = std::move(made).value();
    path = folder.path();
    CHECK(mode_of(path) == 0700);
    const auto endpoint = parse_endpoint(folder.endpoint("manager"), Endpoint::Use::listen);
    REQUIRE(endpoint.ok());
    CHECK(endpoint.value().path.size() <= ipc_path_bytes_max);
    const SocketFolder moved = std::move(folder);
    CHECK(fs::exists(path));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("the socket folders of processes that were killed are removed by the next one") {
  const test::ScratchFolder scratch;
  const RuntimeFolder runtime(scratch.path());
  const auto folder = [&](const std::string& name, bool with_lock) {
    const std::string path = scratch.path() + "/" + name;
    fs::create_directory(path);
    std::ofstream(path + "/manager") << "a socket, say";
    std::ofstream(path + "/lock") << "of somebody else";
    if (with_lock) std::ofstream(path + "/.fanmill-sockets") << "";
    return path;
  };
  auto alive = SocketFolder::make();
  REQUIRE(alive.ok());
  const std::string dead = folder("fanmill-DeAd00", true);
  const std::string being_made = folder("fanmill-AbCdEf", false);
  const std::string of_another_name = folder("fanmill-of-others", true);
  const std::string of_a_service = folder("fanmill-broker", false);
  {
    const auto next = SocketFolder::make();
    REQUIRE(next.ok());
    CHECK_FALSE(fs::exists(dead));
    CHECK(fs::exists(being_made));
    CHECK(fs::exists(of_another_name));
    CHECK(fs::exists(of_a_service));
    CHECK(fs::exists(alive.value().path()));
  }
  const SocketFolder moved = std::move(alive).value();
  CHECK(SocketFolder::make().ok());
  CHECK(fs::exists(moved.path()));
}

TEST_CASE("a runtime folder that is too deep is passed over for one in /tmp") {
  const test::ScratchFolder scratch;
  const std::string deep = scratch.path() + "/" + std::string(100, 'd');
  fs::create_directory(deep);
  const RuntimeFolder runtime(deep);
  auto made = SocketFolder::make();
  REQUIRE(made.ok());
  CHECK(made.value().path().starts_with("/tmp/fanmill-" + std::to_string(::geteuid()) + "/"));
}

TEST_CASE("only a socket with a listener is listened on; what is no socket is never removed") {
  const test::ScratchFolder scratch;
  CHECK_FALSE(is_listened_on(scratch.path() + "/nothing").value());
  const std::string file = scratch.path() + "/file";
  std::ofstream(file) << "precious";
  const auto answer = is_listened_on(file);
  REQUIRE_FALSE(answer.ok());
  CHECK_THAT(answer.error().message, ContainsSubstring("choose another path"));
}
