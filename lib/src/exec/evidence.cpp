#include "exec/evidence.hpp"

#include <cstring>

namespace fanmill::exec {

std::string to_string(const Evidence& evidence) {
  switch (evidence.how) {
    case Evidence::How::returned:
      return "returned";
    case Evidence::How::exited:
      return "exit " + std::to_string(evidence.number);
    case Evidence::How::signalled: {
      const char* name = ::sigabbrev_np(evidence.number);
      std::string text = "signal " + std::to_string(evidence.number);
      if (name != nullptr) text.append(" (SIG").append(name).append(")");
      return text;
    }
    case Evidence::How::out_of_memory:
      return "out of memory";
    case Evidence::How::limit:
      return "time limit";
    case Evidence::How::stopped:
      return "stopped";
    case Evidence::How::could_not_start:
      return "could not start";
    case Evidence::How::keeper_lost:
      return "lost its keeper";
  }
  return "unknown";
}

}  // namespace fanmill::exec
