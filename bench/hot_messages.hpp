// One message of each kind that travels while tasks are done, as the codec meets them: payloads of 8
// bytes, batches of several sizes. For bench_codec and bench_counted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codec/codec.hpp"
#include "core/message.hpp"

namespace bench {

struct HotMessage {
  std::string name;  // "Tasks/64"
  fanmill::core::Message message;
  std::size_t tasks = 1;  // that it speaks of
};
std::vector<HotMessage> hot_messages();

/// Frames with an owner, to be decoded again and again.
struct StoredFrames {
  std::string header;
  std::optional<fanmill::Bytes> payload;
};
StoredFrames stored_frames(const fanmill::core::Message& message);

/// The frames' sizes in sum; throws if it can't be encoded.
std::size_t encode_once(const fanmill::core::Message& message,
                        fanmill::codec::HeaderBuffer& buffer);
/// Which alternative of Message came out; throws if it is none.
std::size_t decode_once(const StoredFrames& frames);

}  // namespace bench
