#include "core/message.hpp"

namespace fanmill::core {

const char* in_words(Containment containment) {
  switch (containment) {
    case Containment::none:
      return "nothing that runs";
    case Containment::stop_token:
      return "the function's stop token";
    case Containment::process:
      return "its process";
    case Containment::process_group:
      return "the task's process group";
    case Containment::subreaper:
      return "all descendants, one by one";
    case Containment::cgroup:
      return "all descendants at once";
  }
  return "something newer than this manager";
}

}  // namespace fanmill::core
