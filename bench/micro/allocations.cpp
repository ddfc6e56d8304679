#include "micro/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
// Relaxed: only the sum matters, and it is read when the work is done.
std::atomic<std::uint64_t> count{0};
}  // namespace

std::uint64_t sluice::bench::allocations() noexcept {
  return count.load(std::memory_order_relaxed);
}

// The array and nothrow forms call these (C++20 [new.delete]).
void* operator new(std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size > 0 ? size : 1)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
