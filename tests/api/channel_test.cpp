// Channels as a program uses them: both ends here, over real sockets.
#include <poll.h>

#include <atomic>
#include <chrono>
#include <fanmill/channel.hpp>
#include <filesystem>
#include <thread>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "farm_error.hpp"
#include "scratch_folder.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using fanmill::acceptable;
using fanmill::Bytes;
using fanmill::Channel;
using fanmill::ChannelOptions;
using fanmill::ChannelState;
using fanmill::ErrorCode;
using fanmill::Listener;
using fanmill::Payload;
using fanmill::readable;
using fanmill::wait_any;
using fanmill::writable;
using fanmill::test::words_of;

namespace {

/// Two ends of one channel.
struct Ends {
  explicit Ends(const ChannelOptions& options = {},
                const std::string& endpoint = "tcp://127.0.0.1:*")
      : listener(endpoint, options),
        near(Channel::connect(listener.endpoint(), options)),
        far(listener.accept()) {}
  Listener listener;
  Channel near;
  Channel far;
};

bool is_readable(int descriptor) {
  pollfd item{descriptor, POLLIN, 0};
  return ::poll(&item, 1, 0) == 1;
}

using Entry = std::tuple<std::int64_t, std::string>;

}  // namespace

TEST_CASE("objects go both ways in the order in which they were written", "[unit][channel]") {
  Ends ends;
  for (std::int64_t i = 0; i < 5000; ++i) ends.near.post(Entry{i, std::to_string(i)});
  std::thread other([&] {
    for (std::int64_t i = 0; i < 5000; ++i) ends.far.write(-i);
  });
  for (std::int64_t i = 0; i < 5000; ++i) {
    REQUIRE(ends.far.read<Entry>() == Entry{i, std::to_string(i)});
    REQUIRE(ends.near.read<std::int64_t>() == -i);
  }
  other.join();
  CHECK(ends.near.close());
  CHECK(ends.near.state() == ChannelState::ended);
}

TEST_CASE("a channel over ipc knows who is at the other end", "[unit][channel]") {
  const fanmill::test::ScratchFolder folder;
  const std::string path = folder.path() + "/channel";
  {
    Ends ends({}, "ipc://" + path);
    ends.near.write(std::string(200'000, 'x'));
    CHECK(ends.far.read<std::string>().size() == 200'000);
    const std::string here = "pid " + std::to_string(::getpid());
    CHECK(ends.far.peer_address() == here);
    CHECK(ends.near.own_address() == here);
    CHECK(ends.listener.port() == 0);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("both ends tell the same addresses and the port that was chosen", "[unit][channel]") {
  Ends ends;
  CHECK(ends.listener.endpoint() == "tcp://127.0.0.1:" + std::to_string(ends.listener.port()));
  CHECK(ends.near.peer_address() == "127.0.0.1:" + std::to_string(ends.listener.port()));
  CHECK(ends.far.peer_address() == ends.near.own_address());
  CHECK(ends.far.own_address() == ends.near.peer_address());
}

TEST_CASE("the highest version in common is chosen", "[unit][channel]") {
  Listener listener("tcp://127.0.0.1:*", {.speech = "ring", .version_min = 2, .version_max = 5});
  Channel near =
      Channel::connect(listener.endpoint(), {.speech = "ring", .version_min = 1, .version_max = 3});
  CHECK(near.version() == 3);
  CHECK(listener.accept().version() == 3);
}

// `connect` threw, and the object could not be read any more, if the other end was faster.
TEST_CASE(
    "what was written before a goodbye is read though the channel is over before connect returns",
    "[unit][channel]") {
  Listener listener("tcp://127.0.0.1:*");
  std::thread brief([&] {
    for (int i = 0; i < 200; ++i) listener.accept().write(i);
  });
  for (int i = 0; i < 200; ++i) {
    Channel near = Channel::connect(listener.endpoint());
    CHECK(near.version() == 1);
    REQUIRE(near.read<int>() == i);
    REQUIRE(near.read_checked<int>().ended);
  }
  brief.join();
}

// The sum of an instant and no limit was in the past.
TEST_CASE("no limit is for ever", "[unit][channel]") {
  using fanmill::no_limit;
  Listener listener("tcp://127.0.0.1:*");
  {
    Channel near =
        Channel::connect(listener.endpoint(), {.open_limit = no_limit, .linger = no_limit});
    for (int i = 0; i < 3000; ++i) near.post(i);
  }
  Channel far = listener.accept();
  for (int i = 0; i < 3000; ++i) REQUIRE(far.read<int>() == i);
  CHECK(far.read_checked<int>(no_limit).ended);
  Ends ends;
  ends.near.write(1);
  CHECK(ends.near.try_write(2, no_limit));
  CHECK(ends.near.flush(no_limit));
  CHECK(ends.near.close(no_limit));
}

TEST_CASE("close says whether all that was written was sent", "[unit][channel]") {
  Ends ends({.window_objects = 2});
  for (int i = 0; i < 100; ++i) ends.near.post(i);
  CHECK(ends.far.close());
  CHECK_FALSE(ends.near.close());
}

TEST_CASE("programs that speak something else refuse each other in words", "[unit][channel]") {
  Listener listener("tcp://127.0.0.1:*", {.speech = "ring", .version_min = 2, .version_max = 3});
  const auto knock = [&](const ChannelOptions& options) {
    return words_of(ErrorCode::version_mismatch,
                    [&] { (void)Channel::connect(listener.endpoint(), options); });
  };
  CHECK_THAT(
      knock({.speech = "star", .version_min = 2, .version_max = 2}),
      ContainsSubstring("\"ring\", version 2 to 3") && ContainsSubstring("\"star\", version 2"));
  CHECK_THAT(knock({.speech = "ring"}), ContainsSubstring("version 1"));
  CHECK_FALSE(listener.try_accept(0s));
  // Others are not disturbed.
  Channel near = Channel::connect(listener.endpoint(), {.speech = "ring", .version_max = 2});
  near.write(7);
  CHECK(listener.accept().read<int>() == 7);
}

TEST_CASE("a goodbye comes behind everything that was written", "[unit][channel]") {
  Ends ends;
  bool was_taken = false;
  std::thread closer([&] {
    for (int i = 0; i < 3000; ++i) ends.near.post(i);
    was_taken = ends.near.close(60s);
  });
  for (int i = 0; i < 3000; ++i) {
    const auto read = ends.far.read_checked<int>();
    REQUIRE(read);
    REQUIRE(*read.value == i);
  }
  const auto end = ends.far.read_checked<int>();
  CHECK(end.ended);
  CHECK_FALSE(end.lost);
  CHECK_THAT(end.words, ContainsSubstring("closed the channel"));
  closer.join();
  CHECK(was_taken);
  CHECK(ends.far.state() == ChannelState::ended);
  words_of(ErrorCode::channel_ended, [&] { (void)ends.far.read<int>(); });
  words_of(ErrorCode::channel_ended, [&] { ends.far.write(1); });
  words_of(ErrorCode::channel_ended, [&] { ends.near.write(1); });
}

TEST_CASE("a channel that is destroyed still sends what was written", "[unit][channel]") {
  Listener listener("tcp://127.0.0.1:*", {.window_objects = 4});
  {
    Channel near = Channel::connect(listener.endpoint());
    for (int i = 0; i < 500; ++i) near.post(i);
  }
  Channel far = listener.accept();
  for (int i = 0; i < 500; ++i) REQUIRE(far.read<int>() == i);
  CHECK(far.read_checked<int>().ended);
}

TEST_CASE("what is started before its listener is connected when that comes", "[unit][channel]") {
  const fanmill::test::ScratchFolder folder;
  const std::string endpoint = "ipc://" + folder.path() + "/later";
  Channel near = Channel::start_connect(endpoint);
  near.post(42);
  CHECK_FALSE(near.wait_open(20ms));
  CHECK(near.state() == ChannelState::opening);
  CHECK_FALSE(near.try_read<int>());
  Listener listener(endpoint);
  Channel far = listener.accept();
  CHECK(far.read<int>() == 42);
  CHECK(near.wait_open());
}

TEST_CASE("nobody at the other end is told in words, in time", "[unit][channel]") {
  std::string endpoint;
  {
    Listener first("tcp://127.0.0.1:*");
    endpoint = first.endpoint();
  }
  const std::string words = words_of(
      ErrorCode::connection_lost, [&] { (void)Channel::connect(endpoint, {.open_limit = 50ms}); });
  CHECK_THAT(words, ContainsSubstring(endpoint) && ContainsSubstring("50 ms") &&
                        ContainsSubstring("is the other program running"));
}

TEST_CASE("a full outbox makes write wait and post grow", "[unit][channel]") {
  const ChannelOptions narrow{.window_objects = 2, .outbox_objects = 3};
  Ends ends(narrow);
  // Two are under way at most, three wait.
  int written = 0;
  while (written < 5) REQUIRE(ends.near.try_write(written++, 60s));
  CHECK_FALSE(ends.near.try_write(written, 100ms));
  CHECK_FALSE(ends.near.is_writable());
  CHECK_FALSE(ends.near.flush(0s));
  for (int i = 0; i < 10; ++i) ends.near.post(written++);
  std::thread writer([&] { ends.near.write(written); });
  for (int i = 0; i <= written; ++i) REQUIRE(ends.far.read<int>() == i);
  writer.join();
  CHECK(ends.near.flush());
  CHECK(ends.near.is_writable());
}

TEST_CASE("windows of bytes hold back what is large", "[unit][channel]") {
  Ends ends({.window_bytes = 100'000, .outbox_bytes = 50'000});
  const Bytes large{std::string(60'000, 'x')};
  // 120 kB under way, since the second was begun within the window, and one in the outbox.
  for (int i = 0; i < 3; ++i) REQUIRE(ends.near.try_write(large, 60s));
  CHECK_FALSE(ends.near.try_write(large, 100ms));
  for (int i = 0; i < 3; ++i) CHECK(ends.far.read<Bytes>().size() == 60'000);
}

TEST_CASE("an object larger than the other end takes is refused where it is written",
          "[unit][channel]") {
  Listener listener("tcp://127.0.0.1:*", {.object_bytes_max = 2000});
  Channel near = Channel::connect(listener.endpoint());
  const std::string words = words_of(ErrorCode::payload_too_large,
                                     [&] { near.write(Payload::raw(std::string(2001, 'x'))); });
  CHECK_THAT(words, ContainsSubstring("2001") && ContainsSubstring("2000"));
  near.write(Payload::raw(std::string(2000, 'x')));
  CHECK(listener.accept().read<Payload>().bytes.size() == 2000);
}

TEST_CASE("an object of another type is told of and counts as read", "[unit][channel]") {
  Ends ends;
  ends.near.write("text");
  ends.near.write(2);
  CHECK_THAT(words_of(ErrorCode::malformed_payload, [&] { (void)ends.far.read<int>(); }),
             ContainsSubstring("expected an integer"));
  CHECK(ends.far.read<int>() == 2);
}

TEST_CASE("wait_any finds the one that is ready", "[unit][channel]") {
  const ChannelOptions options{.window_objects = 1};
  Listener listener("tcp://127.0.0.1:*", options);
  Channel first = Channel::connect(listener.endpoint(), options);
  Channel first_far = listener.accept();
  CHECK(wait_any({readable(first), acceptable(listener)}, 0s).empty());

  Channel second = Channel::connect(listener.endpoint(), options);
  CHECK(wait_any({readable(first), acceptable(listener)}) == std::vector<std::size_t>{1});
  Channel second_far = listener.accept();
  CHECK(wait_any({acceptable(listener)}, 0s).empty());

  second_far.write(1);
  CHECK(wait_any({readable(first), readable(second)}) == std::vector<std::size_t>{1});
  CHECK(second.read<int>() == 1);
  CHECK(wait_any({readable(first), readable(second)}, 0s).empty());

  // The second of these two waits in the outbox until the first has been read.
  CHECK(wait_any({writable(first)}, 0s) == std::vector<std::size_t>{0});
  first.post(1);
  first.post(2);
  CHECK(wait_any({writable(first)}, 0s).empty());
  CHECK(first_far.read<int>() == 1);
  CHECK(wait_any({writable(first)}) == std::vector<std::size_t>{0});
  CHECK(first_far.read<int>() == 2);

  second_far.close();
  CHECK(wait_any({readable(first), readable(second)}) == std::vector<std::size_t>{1});
  CHECK(second.read_checked<int>().ended);
}

TEST_CASE("descriptors serve a poll loop of the caller's own", "[unit][channel]") {
  Ends ends;
  const int descriptor = ends.far.readable_descriptor();
  CHECK(descriptor == ends.far.readable_descriptor());
  CHECK_FALSE(is_readable(descriptor));
  ends.near.write(1);
  ends.near.write(2);
  pollfd item{descriptor, POLLIN, 0};
  REQUIRE(::poll(&item, 1, -1) == 1);
  CHECK(ends.far.read<int>() == 1);
  CHECK(ends.far.read<int>() == 2);
  CHECK_FALSE(is_readable(descriptor));
  words_of(ErrorCode::io_error, [] { (void)wait_any({fanmill::WaitFor{1'000'000}}, 0s); });
}

TEST_CASE("a listener that is closed wakes who waits for it and keeps its channels",
          "[unit][channel]") {
  Ends ends;
  Channel unaccepted = Channel::connect(ends.listener.endpoint());
  std::string words;
  std::thread waiter([&] {
    Channel taken = ends.listener.accept();
    taken.write(1);
    try {
      (void)ends.listener.accept();
    } catch (const fanmill::FarmError& error) {
      words = to_string(error.code()) + (": " + std::string(error.what()));
    }
  });
  CHECK(unaccepted.read<int>() == 1);  // the thread waits for another, or is about to
  ends.listener.close();
  waiter.join();
  CHECK_THAT(words, ContainsSubstring("stopped: ") && ContainsSubstring("was closed"));
  ends.near.write(5);
  CHECK(ends.far.read<int>() == 5);
  const std::string endpoint = ends.listener.endpoint();
  CHECK_THAT(words_of(ErrorCode::refused, [&] { (void)Channel::connect(endpoint); }),
             ContainsSubstring("the listener is closed"));
}

TEST_CASE("a listener's port is free again once its channels are gone", "[unit][channel]") {
  std::string endpoint;
  {
    Ends ends;
    endpoint = ends.listener.endpoint();
    ends.listener.close();
  }
  Listener listener(endpoint);
  Channel near = Channel::connect(endpoint);
  near.write(3);
  CHECK(listener.accept().read<int>() == 3);
}

TEST_CASE("channels that nobody accepted end with a goodbye", "[unit][channel]") {
  Listener listener("tcp://127.0.0.1:*");
  Channel near = Channel::connect(listener.endpoint());
  near.write(1);
  listener.close();
  CHECK(near.read_checked<int>().ended);
}

TEST_CASE("a full backlog makes others wait", "[unit][channel]") {
  Listener listener("tcp://127.0.0.1:*", {.backlog = 1});
  Channel first = Channel::connect(listener.endpoint());
  Channel second = Channel::start_connect(listener.endpoint());
  CHECK_FALSE(second.wait_open(50ms));
  Channel first_far = listener.accept();
  CHECK(second.wait_open());
}

TEST_CASE("options out of range and empty channels are refused in words", "[unit][channel]") {
  const auto refused = [](const ChannelOptions& options) {
    return words_of(ErrorCode::invalid_argument, [&] { Listener("tcp://127.0.0.1:*", options); });
  };
  CHECK_THAT(refused({.window_objects = 0}), ContainsSubstring("window_objects is 0"));
  CHECK_THAT(refused({.window_objects = 9000}), ContainsSubstring("1 to 8192"));
  CHECK_THAT(refused({.version_min = 3, .version_max = 2}), ContainsSubstring("version_max is 2"));
  CHECK_THAT(refused({.speech = "a\nb"}), ContainsSubstring("speech"));
  CHECK_THAT(refused({.silence = 1ms}), ContainsSubstring("silence is 1 ms"));
  CHECK_THAT(refused({.object_bytes_max = 10}), ContainsSubstring("object_bytes_max"));
  words_of(ErrorCode::bad_endpoint, [] { (void)Channel::connect("tcp://nowhere:port"); });
  Channel empty;
  CHECK_THAT(words_of(ErrorCode::invalid_argument, [&] { empty.write(1); }),
             ContainsSubstring("empty"));
  words_of(ErrorCode::invalid_argument, [] { (void)Listener().accept(); });
}

TEST_CASE("many threads share a channel and nothing is lost or doubled", "[unit][channel]") {
  constexpr int threads = 4;
  constexpr int each = 2000;
  Ends ends({.window_objects = 64, .outbox_objects = 16});
  std::vector<std::thread> workers;
  std::vector<std::atomic<int>> seen(threads * each);
  std::atomic<int> left = threads * each;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) ends.near.write(t * each + i);
    });
    workers.emplace_back([&] {
      while (left.fetch_sub(1) > 0) seen.at(static_cast<std::size_t>(ends.far.read<int>())) += 1;
    });
  }
  for (std::thread& worker : workers) worker.join();
  for (const std::atomic<int>& count : seen) REQUIRE(count == 1);
}

TEST_CASE("a hundred channels of one listener", "[unit][channel]") {
  Listener listener("tcp://127.0.0.1:*");
  std::vector<Channel> near;
  std::vector<Channel> far;
  for (int i = 0; i < 100; ++i) near.push_back(Channel::start_connect(listener.endpoint()));
  for (int i = 0; i < 100; ++i) near[i].post(i);
  std::vector<bool> seen(100);
  for (int i = 0; i < 100; ++i) {
    far.push_back(listener.accept());
    const int number = far.back().read<int>();
    seen.at(static_cast<std::size_t>(number)) = true;
    far.back().write(number * number);
  }
  for (int i = 0; i < 100; ++i) CHECK(near[i].read<int>() == i * i);
  CHECK(std::count(seen.begin(), seen.end(), true) == 100);
}
