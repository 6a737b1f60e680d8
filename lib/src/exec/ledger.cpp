#include "exec/ledger.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

namespace fanmill::exec {

std::optional<std::pair<Ledger, Descriptor>> Ledger::make() {
  Descriptor file(::memfd_create("ledger", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid() || ::ftruncate(file.get(), sizeof(Page)) != 0) return {};
  // Cut short, it would end whoever reads it.
  ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  Page* page = map(file);
  if (page == nullptr) return {};
  return std::pair{Ledger(page), std::move(file)};  // zeros are what an unused one has
}

std::optional<Ledger> Ledger::open(const Descriptor& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || status.st_size != sizeof(Page)) return {};
  Page* page = map(file);
  if (page == nullptr) return {};
  return Ledger(page);
}

Ledger::Page* Ledger::map(const Descriptor& file) {
  void* memory = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  return memory == MAP_FAILED ? nullptr : static_cast<Page*>(memory);
}

Ledger::~Ledger() {
  if (page_ != nullptr) ::munmap(page_, sizeof(Page));
}

bool Ledger::begin(std::uint64_t number, AttemptId attempt, Duration cpu_before) {
  if (!move(number, begun)) return false;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  page_->begun_at.store(std::chrono::duration_cast<Duration>(now).count());
  page_->cpu_before.store(cpu_before.count());
  set_running(attempt);
  return true;
}

}  // namespace fanmill::exec
