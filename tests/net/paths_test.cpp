// Folders that are nobody else's, and sockets in them.
#include "net/paths.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

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

TEST_CASE("a runtime folder that is too deep is passed over for one in /tmp") {
  const test::ScratchFolder scratch;
  const std::string deep = scratch.path() + "/" + std::string(100, 'd');
  fs::create_directory(deep);
  const char* before = std::getenv("XDG_RUNTIME_DIR");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("XDG_RUNTIME_DIR", deep.c_str(), 1);
  auto made = SocketFolder::make();
  ::setenv("XDG_RUNTIME_DIR", kept.c_str(), 1);
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
