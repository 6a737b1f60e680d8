// What a pipe costs: lines from standard input to standard output, in their order, by way of two forked
// processes that send back what they get, 64 lines at a time. Nothing is parsed, counted or ever
// lost: the bare limit of `fanmill-broker run` with functions in processes of their own.
//
//     bench_lines < ITEMS > RESULTS
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

constexpr int workers = 2;
constexpr int lines_at_a_time = 64;
constexpr std::size_t rows_under_way = 16;  // at each worker

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void write_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(to, bytes.data(), bytes.size());
    if (written < 0) fail("write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

[[noreturn]] void echo(int socket) {
  std::vector<char> room(64U << 10);
  for (;;) {
    const ssize_t got = ::read(socket, room.data(), room.size());
    if (got <= 0) ::_exit(got == 0 ? 0 : 1);
    write_all(socket, {room.data(), static_cast<std::size_t>(got)});
  }
}

struct Row {
  int socket;
  std::size_t bytes;
};

/// Takes back what was sent first, and passes it on.
void take(std::deque<Row>& under_way, std::vector<char>& room) {
  auto [socket, left] = under_way.front();
  under_way.pop_front();
  while (left > 0) {
    const ssize_t got = ::read(socket, room.data(), std::min(left, room.size()));
    if (got <= 0) fail("read");
    std::cout.write(room.data(), got);
    left -= static_cast<std::size_t>(got);
  }
}

void run(const std::vector<int>& sockets) {
  std::vector<char> room(64U << 10);
  std::deque<Row> under_way;
  std::string line;
  for (std::size_t turn = 0;; ++turn) {
    std::string row;
    for (int i = 0; i < lines_at_a_time && std::getline(std::cin, line); ++i)
      row.append(line).push_back('\n');
    if (row.empty()) break;
    if (under_way.size() == rows_under_way * workers) take(under_way, room);
    const int socket = sockets[turn % sockets.size()];
    write_all(socket, row);
    under_way.push_back({socket, row.size()});
  }
  while (!under_way.empty()) take(under_way, room);
  std::cout.flush();
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  try {
    std::vector<int> sockets;
    for (int i = 0; i < workers; ++i) {
      int pair[2];
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) fail("socketpair");
      const pid_t child = ::fork();
      if (child < 0) fail("fork");
      if (child == 0) {
        for (const int others : sockets) ::close(others);
        ::close(pair[0]);
        echo(pair[1]);
      }
      ::close(pair[1]);
      sockets.push_back(pair[0]);
    }
    run(sockets);
    for (const int socket : sockets) ::close(socket);
    while (::wait(nullptr) > 0) continue;
    return std::cout.good() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_lines: %s\n", error.what());
    return 1;
  }
}
