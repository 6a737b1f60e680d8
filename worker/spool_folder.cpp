#include "spool_folder.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fanmill/error.hpp>

namespace fanmill::worker {

SpoolFolder::SpoolFolder() {
  const char* parent = std::getenv("TMPDIR");
  path_ =
      std::string(parent == nullptr || *parent == '\0' ? "/tmp" : parent) + "/fanmill-out.XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) {
    throw FarmError(ErrorCode::io_error, "can't make a folder for long outputs, " + path_ + ": " +
                                             std::strerror(errno) +
                                             "; set TMPDIR to a folder that you may write to");
  }
}

SpoolFolder::~SpoolFolder() { ::rmdir(path_.c_str()); }

}  // namespace fanmill::worker
