#include "seeds.hpp"

#include <algorithm>
#include <filesystem>
#include <random>
#include <stdexcept>

#include "codec/hex_text.hpp"
#include "corpus.hpp"
#include "frames.hpp"

namespace fanmill::fuzz {
namespace {

std::vector<std::string> frozen_frames(const std::string& folder) {
  std::vector<std::string> seeds;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const codec_test::OwnedFrames frames =
        codec_test::parse_frozen(bytes_of_file(entry.path().string()));
    seeds.push_back(InputFrames::input_of(frames.header, frames.payload));
  }
  return seeds;
}

void append(std::vector<std::string>& to, std::vector<std::string> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

struct FrozenObject {
  std::string json;
  std::string bytes;
};

// Blocks of a name, JSON and bytes, with an empty line between.
std::vector<FrozenObject> frozen_objects(const std::string& tree) {
  std::vector<FrozenObject> objects;
  const std::string text = bytes_of_file(tree + "/schemas/frozen/objects.txt");
  std::size_t line_of_block = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.starts_with('#')) continue;
    line_of_block = line.empty() ? 0 : line_of_block + 1;
    if (line_of_block == 2) objects.push_back({line, {}});
    if (line_of_block > 2)
      objects.back().bytes += codec_test::parse_frozen("header:\n" + line).header;
  }
  return objects;
}

// Each object for each way to read it, which the first byte chooses.
std::vector<std::string> object_seeds(const std::string& tree) {
  std::vector<std::string> seeds;
  for (const FrozenObject& object : frozen_objects(tree)) {
    for (char choice = 0; choice < 28; ++choice) seeds.push_back(choice + object.bytes);
  }
  return seeds;
}

std::vector<std::string> json_seeds(const std::string& tree) {
  std::vector<std::string> seeds = {
      "[1, -2.5e3, true, null, \"a\\u00e9\\ud83d\\ude00\\n\", {\"k\": {}}]",
      "{\"$map\": [[1, 2], [\"$bytes\", {\"$bytes\": \"aGk=\"}]]}",
      "{\"$int\": \"0x123456789abcdef0123456789\"}",
      "{\"$tuple\": [1, [2, [3]]]}",
  };
  for (const FrozenObject& object : frozen_objects(tree)) seeds.push_back(object.json);
  return seeds;
}

// A pair of keys as zmq_curve_keypair makes them, for tests only.
constexpr const char* public_key = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
constexpr const char* secret_key = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";
constexpr const char* server_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

std::string key_lines() {
  return std::string("curve\n    server-key = \"") + server_key + "\"\n    public-key = \"" +
         public_key + "\"\n    secret-key = \"" + secret_key + "\"\n";
}

std::vector<std::string> join_seeds() {
  const std::string begin = "fanmill-join = 1\n";
  return {
      begin + "endpoint = \"tcp://node3:5557\"\n",
      begin +
          "farm = 7c1f0a9b23d4e5f6\nendpoint = \"tcp://[::1]:5557\"\nendpoint = "
          "\"ipc:///run/user/1000/fanmill/manager\"\ncookie = \"let-me-in\"\n",
      begin + "# a comment\n\nendpoint = 'tcp://*:*'  # another\nnewer = 1\nsection\n  x = y\n",
      begin + "endpoint = localhost\nendpoint = 10.0.0.7:*\n" + key_lines(),
  };
}

// The first byte says what the file is.
std::vector<std::string> key_seeds() {
  const std::string certificate = std::string(1, '\0');
  const std::string list = std::string(1, '\1');
  return {
      certificate + "metadata\n    name = \"node3\"\n" + key_lines(),
      certificate + "curve\n  public-key = \"" + public_key + "\"\n",
      list + "# role key name limits\nworker " + server_key + " node3 sessions=64\n" +
          "submit,observe " + public_key + " me@home\n",
  };
}

std::vector<std::string> item_seeds() {
  return {
      "prog {} {.} {/} {//} {/.} {#}\na.cnf\n/b/c.txt\n\"text\\t\"\n[1, 2]\n17\n",
      "|a |b{} @1 @2m ?exit:10,20 %64K\n{\"item\": \"x\", \"policy\": \"all\"}\n{\"item\": {\"a\": "
      "1}}",
      "!\n{\"tasks\": [\"sh -c 'exit 3'\", [\"a\", \"b\"], {\"command\": \"x | y\", \"input\": "
      "\"in\", "
      "\"directory\": \"/\", \"environment\": {\"A\": \"1\"}, \"limits\": {\"wall\": \"1.5s\", "
      "\"cpu\": 2, "
      "\"memory\": \"1G\", \"core\": 1, \"processes\": 3, \"files\": 4, \"nice\": 5}, "
      "\"output_max\": \"1K\"}], \"policy\": {\"k\": 2}, \"until\": {\"match\": \"^x\"}, "
      "\"timeout\": 9}",
      "< grep x\n{\"command\": \"a\", \"until\": {\"exit\": [1, 2]}, \"input\": {\"$bytes\": "
      "\"aGk=\"}}\n"
      "{\"tasks\": [\"a\", \"b\"], \"policy\": \"stages\"}\n",
      "> cat {1} {2/} ::: a b ::: c d\nplain\n{\"command\": \"echo\", \"policy\": \"first\"}\n",
  };
}

// A core's input is a list of choices, so any bytes are a story; many of them, of many lengths, are
// what covers it soonest.
std::vector<std::string> stream_seeds() {
  std::mt19937_64 random(20261121);  // fixed: seeds must come again
  std::vector<std::string> seeds;
  for (std::size_t i = 0; i < 64; ++i) {
    std::string stream(16 + i * 16, '\0');
    for (char& byte : stream) byte = static_cast<char>(random());
    seeds.push_back(std::move(stream));
  }
  return seeds;
}

}  // namespace

std::vector<std::string> seeds_of(const std::string& target, const std::string& tree) {
  if (target == "wire") return frozen_frames(tree + "/schemas/frozen/v1");
  if (target == "channel") {
    std::vector<std::string> seeds = frozen_frames(tree + "/schemas/frozen/channel-v1");
    append(seeds, frozen_frames(tree + "/schemas/frozen/v1"));  // by mistake, and answered as such
    return seeds;
  }
  if (target == "object") return object_seeds(tree);
  if (target == "json") return json_seeds(tree);
  if (target == "join") return join_seeds();
  if (target == "keys") return key_seeds();
  if (target == "items") return item_seeds();
  if (target == "manager" || target == "worker" || target == "client" || target == "channel_end")
    return stream_seeds();
  throw std::runtime_error("no seeds for " + target + ": add them to tests/fuzz/seeds.cpp");
}

}  // namespace fanmill::fuzz
