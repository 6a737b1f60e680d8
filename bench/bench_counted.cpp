// Fixed work in the core and the codec, for counting its instructions: the same ones in each run of
// the same build, on a busy machine as on an idle one. tests/bench/counts_test.py runs it under
// callgrind, which counts from the beginning of each function `counted_...` to `after_counting`.
//
//     bench_counted            all of it, once; prints what it did
//     bench_counted --build    what the numbers depend on: compiler, libraries, flags
#include <capnp/common.h>
#include <gnu/libc-version.h>

#include <cstdio>
#include <cstring>

#include "core_farm.hpp"
#include "hot_messages.hpp"

namespace {

using bench::CoreFarm;

constexpr std::uint32_t window = 64;

void print_build() {
#ifdef __OPTIMIZE__
  const char* optimised = "optimised";
#else
  const char* optimised = "not optimised";
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  const char* sanitized = ", sanitized";
#else
  const char* sanitized = "";
#endif
#ifdef __clang__
  const char* compiler = "clang " __clang_version__;
#else
  const char* compiler = "gcc " __VERSION__;
#endif
#if defined(__x86_64__)
  const char* machine = "x86_64";
#elif defined(__aarch64__)
  const char* machine = "aarch64";
#else
  const char* machine = "another machine";
#endif
  std::printf("%s, libstdc++ %d, glibc %s, Cap'n Proto %d, %s, %s%s\n", compiler, __GLIBCXX__,
              gnu_get_libc_version(), CAPNP_VERSION, machine, optimised, sanitized);
}

// Never inlined or merged: callgrind knows them by their names.
#define FANMILL_COUNTED extern "C" [[gnu::noinline, gnu::noclone]]

FANMILL_COUNTED void after_counting(const char* work, std::size_t done) {
  std::printf("%s: %zu\n", work, done);
}

FANMILL_COUNTED std::size_t counted_core_tasks(CoreFarm& farm) {
  std::size_t done = 0;
  while (done < 20'000) {
    const std::size_t answered = farm.answer_all();
    farm.submit(answered);
    done += answered;
  }
  return done;
}

FANMILL_COUNTED std::size_t counted_core_many_sessions(CoreFarm& farm) {
  std::size_t done = 0;
  while (done < 20'000) {
    const std::size_t answered = farm.answer_oldest();
    farm.submit(answered);
    done += answered;
  }
  return done;
}

FANMILL_COUNTED std::size_t counted_core_races(CoreFarm& farm) {
  std::uint64_t before = farm.counters().groups_ended;
  std::uint64_t done = 0;
  while (done < 3'000) {
    farm.answer_oldest();
    const std::uint64_t ended = farm.counters().groups_ended - before;
    farm.submit(ended, 5);
    before += ended;
    done += ended;
  }
  return done;
}

FANMILL_COUNTED std::size_t counted_core_heartbeats(CoreFarm& farm) {
  for (int i = 0; i < 20; ++i) farm.beat();
  return 20;
}

std::size_t encode_many(const fanmill::core::Message& message, int count) {
  static fanmill::codec::HeaderBuffer buffer;
  std::size_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += bench::encode_once(message, buffer);
  return bytes;
}

std::size_t decode_many(const bench::StoredFrames& frames, int count) {
  std::size_t sum = 0;
  for (int i = 0; i < count; ++i) sum += bench::decode_once(frames);
  return sum;
}

std::size_t encode_all(const std::vector<bench::HotMessage>& messages, int count) {
  std::size_t bytes = 0;
  for (const bench::HotMessage& hot : messages) bytes += encode_many(hot.message, count);
  return bytes;
}

std::size_t decode_all(const std::vector<bench::StoredFrames>& frames, int count) {
  std::size_t sum = 0;
  for (const bench::StoredFrames& each : frames) sum += decode_many(each, count);
  return sum;
}

FANMILL_COUNTED std::size_t counted_encode_single(const std::vector<bench::HotMessage>& messages) {
  return encode_all(messages, 1000);
}

FANMILL_COUNTED std::size_t counted_decode_single(const std::vector<bench::StoredFrames>& frames) {
  return decode_all(frames, 1000);
}

FANMILL_COUNTED std::size_t counted_encode_batches(const std::vector<bench::HotMessage>& messages) {
  return encode_all(messages, 50);
}

FANMILL_COUNTED std::size_t counted_decode_batches(const std::vector<bench::StoredFrames>& frames) {
  return decode_all(frames, 50);
}

void run_core() {
  CoreFarm few(2, window);
  few.submit(5'000);
  after_counting("core_tasks", counted_core_tasks(few));
  CoreFarm many(500, 2);
  many.submit(5'000);
  after_counting("core_many_sessions", counted_core_many_sessions(many));
  CoreFarm racing(10, window);
  racing.submit(1'000, 5);
  after_counting("core_races", counted_core_races(racing));
  CoreFarm idle(500, window);
  after_counting("core_heartbeats", counted_core_heartbeats(idle));
}

void run_codec() {
  std::vector<bench::HotMessage> single;
  std::vector<bench::HotMessage> batches;
  std::vector<bench::StoredFrames> single_frames;
  std::vector<bench::StoredFrames> batch_frames;
  for (bench::HotMessage& hot : bench::hot_messages()) {
    const bool is_batch = hot.tasks > 1;
    (is_batch ? batch_frames : single_frames).push_back(bench::stored_frames(hot.message));
    (is_batch ? batches : single).push_back(std::move(hot));
  }
  after_counting("encode_single", counted_encode_single(single));
  after_counting("decode_single", counted_decode_single(single_frames));
  after_counting("encode_batches", counted_encode_batches(batches));
  after_counting("decode_batches", counted_decode_batches(batch_frames));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--build") == 0) {
    print_build();
    return 0;
  }
  run_core();
  run_codec();
  return 0;
}
