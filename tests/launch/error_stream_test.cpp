#include "launch/error_stream.hpp"

#include "catch.hpp"

using fanmill::launch::ErrorStream;

TEST_CASE("lines are shown whole, with their prefix, wherever the reads cut them", "[errors]") {
  ErrorStream stream("worker 3: ");
  std::string shown;
  for (const char c : std::string("one\n\ntwo\nthr")) stream.take(std::string(1, c), shown);
  CHECK(shown == "worker 3: one\nworker 3: \nworker 3: two\n");
  stream.finish(shown);
  CHECK(shown == "worker 3: one\nworker 3: \nworker 3: two\nworker 3: thr\n");
}

TEST_CASE("finish shows nothing if the last line was complete", "[errors]") {
  ErrorStream stream;
  std::string shown;
  stream.take("done\n", shown);
  stream.finish(shown);
  CHECK(shown == "done\n");
}

TEST_CASE("a line without end is shown in pieces and not kept", "[errors]") {
  ErrorStream stream;
  std::string shown;
  stream.take(std::string(10 * ErrorStream::line_max + 1, 'x'), shown);
  CHECK(shown.size() == 10 * (ErrorStream::line_max + 1));
}

TEST_CASE("the tail is the last 4 KiB and begins with a whole line", "[errors]") {
  ErrorStream stream;
  std::string shown;
  for (int i = 0; i < 5000; ++i) stream.take("line " + std::to_string(i) + "\n", shown);
  const std::string tail = stream.tail();
  CHECK(tail.size() <= ErrorStream::tail_max);
  CHECK(tail.size() > ErrorStream::tail_max - 20);
  CHECK(tail.starts_with("line "));
  CHECK(tail.ends_with("line 4999\n"));
}

TEST_CASE("the tail of little is all of it, also without a newline", "[errors]") {
  ErrorStream stream;
  std::string shown;
  stream.take("no such library", shown);
  CHECK(stream.tail() == "no such library");
}
