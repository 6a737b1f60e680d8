// Keys, and the files that they stand in.
#include "net/curve_key.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "core/limits.hpp"
#include "net/authorized_keys.hpp"
#include "net/certificate.hpp"
#include "net/private_file.hpp"
#include "net/settings_text.hpp"
#include "scratch_folder.hpp"

using namespace fanmill;
using namespace fanmill::net;
using Catch::Matchers::ContainsSubstring;

namespace {

// Of rfc.zeromq.org/spec/26's reference implementation's documentation: a pair that belongs together.
constexpr const char* known_public = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
constexpr const char* known_secret = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

std::string file_with(const test::ScratchFolder& scratch, const std::string& text,
                      unsigned mode = 0600) {
  const std::string path = scratch.path() + "/file";
  std::ofstream(path) << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
  return path;
}

AuthorizedKey entry_of(const std::string& name, RoleSet roles = Role::worker) {
  return {.key = KeyPair::make().public_key, .roles = roles, .name = name};
}

}  // namespace

TEST_CASE("a key is forty characters of Z85") {
  const Result<PublicKey> key = PublicKey::parse(known_public);
  REQUIRE(key.ok());
  CHECK(key.value().text() == known_public);
  CHECK(PublicKey::from_bytes(key.value().data()) == key.value());
  CHECK(SecretKey::parse(known_secret).value().public_key() == key.value());

  const std::string valid = known_public;
  for (const std::string& wrong : {std::string(), valid.substr(1), valid + "0",
                                   "\"" + valid.substr(1), std::string(40, '#')}) {
    CAPTURE(wrong);
    CHECK_FALSE(PublicKey::parse(wrong).ok());
    CHECK_FALSE(SecretKey::parse(wrong).ok());
  }
  // A secret that was mistyped stands in no message.
  const std::string almost = std::string(known_secret).substr(1);
  CHECK_THAT(SecretKey::parse(almost).error().message, !ContainsSubstring(almost.substr(1, 8)));
}

TEST_CASE("each pair of keys is another, and its halves belong together") {
  const KeyPair one = KeyPair::make();
  const KeyPair other = KeyPair::make();
  CHECK(one.public_key != other.public_key);
  CHECK(one.secret_key.public_key() == one.public_key);
}

TEST_CASE("a secret key that was moved from holds nothing any more") {
  KeyPair pair = KeyPair::make();
  const SecretKey taken = std::move(pair.secret_key);
  CHECK(taken.public_key() == pair.public_key);
  const std::string left(reinterpret_cast<const char*>(pair.secret_key.data()), key_bytes);
  CHECK(left == std::string(key_bytes, '\0'));
}

TEST_CASE("lines of settings have names, values and quotes around what needs them") {
  std::vector<std::string> seen;
  const auto read = [&](const std::string& text) {
    seen.clear();
    return for_each_setting(text, "f", [&](const SettingsLine& line) -> Status {
      seen.push_back(std::to_string(line.number) + " " + std::string(line.name) +
                     (line.has_value ? "=" + std::string(line.value) : ""));
      if (line.name == "stop") return Error{ErrorCode::invalid_argument, "stopped"};
      return Ok{};
    });
  };
  REQUIRE(read("# no\n\n a = b c \r\ncurve\n    key = \"x#'y\"  # why\n  k='\"' \nempty =").ok());
  CHECK(seen == std::vector<std::string>{"3 a=b c", "4 curve", "5 key=x#'y", "6 k=\"", "7 empty="});
  CHECK(read("a=1\nstop=2\nb=3").error().message == "f, line 2: stopped");
  CHECK(seen.size() == 2);
  CHECK_THAT(read("a=\"open").error().message, ContainsSubstring("line 1"));
  CHECK_THAT(read("a=\"b\" c").error().message, ContainsSubstring("follows"));
}

TEST_CASE("a certificate is written as others read it, and read back") {
  const test::ScratchFolder scratch;
  const std::string path = scratch.path() + "/new/me.cert";
  const Certificate made{.name = "node3",
                         .public_key = PublicKey::parse(known_public).value(),
                         .secret_key = SecretKey::parse(known_secret).value()};
  REQUIRE(made.save(path).ok());
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  REQUIRE(::stat((scratch.path() + "/new").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0700);

  const Result<Certificate> read = Certificate::load(path);
  REQUIRE(read.ok());
  CHECK(read.value().name == "node3");
  CHECK(read.value().public_key == made.public_key);
  CHECK(read.value().secret_key->text() == known_secret);
}

// A certificate of another tool may have a name between single quotes. Writing it again was an assertion
// that failed, and so was a new key with such a name.
TEST_CASE("a name that no line can have does not keep a certificate from being written") {
  const std::string text = std::string("name='a\"b'\npublic-key=\"") + known_public + "\"";
  const Certificate read = Certificate::parse(text, "f").value();
  CHECK(read.name == "a\"b");
  CHECK(Certificate::parse(read.to_text(), "f").value().name == "ab");
}

TEST_CASE("a certificate that is not whole or not private is refused with what to do") {
  const test::ScratchFolder scratch;
  const std::string pair =
      std::string("public-key=\"") + known_public + "\"\nsecret-key=\"" + known_secret + "\"\n";
  CHECK(Certificate::load(file_with(scratch, pair)).ok());
  CHECK_THAT(Certificate::load(file_with(scratch, pair, 0640)).error().message,
             ContainsSubstring("chmod 600"));
  CHECK_THAT(Certificate::load(scratch.path() + "/none").error().message,
             ContainsSubstring("can't be read"));
  CHECK_THAT(Certificate::load(scratch.path()).error().message, ContainsSubstring("not a file"));
  const auto fault = [&](const std::string& text) {
    return Certificate::load(file_with(scratch, text)).error().message;
  };
  CHECK_THAT(fault(""), ContainsSubstring("no public-key"));
  CHECK_THAT(fault(pair.substr(0, pair.find('\n'))), ContainsSubstring("no secret-key"));
  CHECK_THAT(fault("public-key = short\n"), ContainsSubstring("line 1"));
  CHECK_THAT(fault("public-key = \"" + KeyPair::make().public_key.text() + "\"\n" +
                   pair.substr(pair.find('\n') + 1)),
             ContainsSubstring("does not belong"));
  CHECK_THAT(fault(std::string(1U << 20, '#')), ContainsSubstring("longer than"));
}

TEST_CASE("a file of authorised keys has its limit") {
  const test::ScratchFolder scratch;
  const std::string endless(limits::authorized_bytes_max + 1, '#');
  CHECK_THAT(AuthorizedKeys::load(file_with(scratch, endless)).error().message,
             ContainsSubstring("longer than 16777216 bytes"));
  CHECK(AuthorizedKeys::load(file_with(scratch, endless.substr(1))).ok());
}

TEST_CASE("a fifo in the place of a key file is refused, not waited for") {
  const test::ScratchFolder scratch;
  const std::string path = scratch.path() + "/fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK_THAT(Certificate::load(path).error().message, ContainsSubstring("not a file"));
}

TEST_CASE("authorised keys are found by key and by name") {
  AuthorizedKeys keys;
  AuthorizedKey node = entry_of("node3");
  node.sessions_max = 64;
  RoleSet both = Role::submit;
  both.add(Role::observe);
  const AuthorizedKey desk = entry_of("desk@home", both);
  REQUIRE(keys.add(node).ok());
  REQUIRE(keys.add(desk).ok());
  CHECK(*keys.find(node.key) == node);
  CHECK(*keys.find_name("desk@home") == desk);
  CHECK(keys.find(KeyPair::make().public_key) == nullptr);

  const Result<AuthorizedKeys> read = AuthorizedKeys::parse(keys.to_text(), "keys");
  REQUIRE(read.ok());
  CHECK(read.value().entries() == keys.entries());

  CHECK(keys.remove("node3"));
  CHECK_FALSE(keys.remove("node3"));
  CHECK(keys.find(node.key) == nullptr);
  CHECK(*keys.find(desk.key) == desk);
}

TEST_CASE("a file of authorised keys that says nonsense names the line") {
  const std::string key = known_public;
  const auto fault = [](const std::string& text) {
    const Result<AuthorizedKeys> keys = AuthorizedKeys::parse(text, "keys");
    return keys.ok() ? "" : keys.error().message;
  };
  CHECK(fault("").empty());
  CHECK(fault("# worker\n\n  worker\t" + key + " node3  sessions=2\r\n").empty());
  CHECK_THAT(fault("worker " + key),
             ContainsSubstring("line 1: expected a role, a key and a name"));
  CHECK_THAT(fault("\nboss " + key + " x"), ContainsSubstring("line 2: a role is worker, submit"));
  CHECK_THAT(fault("worker, " + key + " x"), ContainsSubstring("got \"\""));
  CHECK_THAT(fault("worker abc x"), ContainsSubstring("40 characters"));
  CHECK_THAT(fault("worker " + key + " a/b"), ContainsSubstring("letters, digits"));
  CHECK_THAT(fault("worker " + key + " " + std::string(65, 'a')), ContainsSubstring("1 to 64"));
  for (const char* limit : {"sessions=0", "sessions=", "sessions=-1", "sessions=4x", "tasks=3",
                            "sessions=99999999999"}) {
    CAPTURE(limit);
    CHECK_THAT(fault("worker " + key + " x " + limit), ContainsSubstring("sessions=N"));
  }
  CHECK_THAT(fault("worker " + key + " a\nworker " + key + " b"),
             ContainsSubstring("as that of a"));
  const std::string other = KeyPair::make().public_key.text();
  CHECK_THAT(fault("worker " + key + " a\nworker " + other + " a"), ContainsSubstring("line 2"));
}

TEST_CASE("who else may write to the file of authorised keys could let anybody in") {
  const test::ScratchFolder scratch;
  AuthorizedKeys keys;
  REQUIRE(keys.add(entry_of("a")).ok());
  const std::string path = scratch.path() + "/keys";
  REQUIRE(keys.save(path).ok());
  CHECK(AuthorizedKeys::load(path).value().entries() == keys.entries());
  CHECK_THAT(AuthorizedKeys::load(file_with(scratch, "")).error().message,
             ContainsSubstring("an empty file"));
  REQUIRE(::chmod(path.c_str(), 0620) == 0);
  CHECK_THAT(AuthorizedKeys::load(path).error().message, ContainsSubstring("chmod 600"));
}
