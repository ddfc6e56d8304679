// What it costs to put a row into the buffer from which batches are loaded, with 1, 2 and 4 threads that
// receive. The candidates: a segment that each loop owns (what sluice does), and four that all threads share.
// Nobody loads: a full batch is given back at once, so that the buffer alone is measured; the queues have a
// thread that takes the rows out again.
#include <benchmark/benchmark.h>
#include <concurrentqueue/concurrentqueue.h>

#include <array>
#include <atomic>
#include <boost/lockfree/queue.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "copy/arena.hpp"

namespace {

constexpr std::size_t row_bytes = 120;  // a login event as a tuple
constexpr std::size_t batch_rows = 10'000;
using row = std::array<std::byte, row_bytes>;

/// What sluice does: nothing is shared.
class loop_owned {
 public:
  static constexpr bool shared = false;
  void add(const row& r) {
    std::byte* at = rows_.claim(r.size());
    if (at == nullptr) {
      rows_.clear();
      at = rows_.claim(r.size());
    }
    std::memcpy(at, r.data(), r.size());
  }

 private:
  sluice::copy::arena rows_{batch_rows * row_bytes};
};

class mutex_and_vector {
 public:
  static constexpr bool shared = true;
  void add(const row& r) {
    const std::lock_guard lock(mutex_);  // guards the rows: all threads append to them
    if (rows_.size() == batch_rows) rows_.clear();
    rows_.push_back(r);
  }

 private:
  std::mutex mutex_;
  std::vector<row> rows_ = [] {
    std::vector<row> v;
    v.reserve(batch_rows);
    return v;
  }();
};

/// A queue with a thread that empties it.
template <class Queue>
class emptied {
 public:
  static constexpr bool shared = true;
  ~emptied() {
    done_.store(true, std::memory_order_relaxed);
    reader_.join();
  }
  void add(const row& r) {
    while (!queue_.put(r)) std::this_thread::yield();  // full
  }

 private:
  Queue queue_;
  std::atomic<bool> done_{false};
  std::thread reader_{[this] {
    while (!done_.load(std::memory_order_relaxed)) {
      if (!queue_.take()) std::this_thread::yield();
    }
  }};
};

struct boost_queue {
  bool put(const row& r) { return rows.bounded_push(r); }
  bool take() {
    return rows.consume_all([](const row& r) { benchmark::DoNotOptimize(r.data()); }) > 0;
  }
  boost::lockfree::queue<row> rows{batch_rows};
};

struct moodycamel_queue {
  bool put(const row& r) { return rows.try_enqueue(r); }
  bool take() { return rows.try_dequeue_bulk(taken.begin(), taken.size()) > 0; }
  moodycamel::ConcurrentQueue<row> rows{batch_rows};
  std::vector<row> taken = std::vector<row>(1'000);
};

/// Segments that all threads fill: a place is reserved by one atomic operation on a packed word.
///
/// word: bit 63 closed, bits 32 to 62 the generation, bits 0 to 31 rows reserved. Closed segments refuse; the
/// generation changes when a segment is opened again, so that a reservation that was prepared before fails.
/// - reserve (acq_rel): what follows, the copy, is not done before the segment was opened;
/// - publish (release): who sees the count, sees the row;
/// - the last of a closed segment gives it back (its acquire pairs with all releases before).
class segment_ring {
 public:
  static constexpr bool shared = true;
  segment_ring() {
    for (segment& s : segments_) s.word.store(closed, std::memory_order_relaxed);
    segments_[0].word.store(0, std::memory_order_release);
  }
  void add(const row& r) {
    for (;;) {
      const std::size_t current = current_.load(std::memory_order_acquire);
      segment& s = segments_[current % segments_.size()];
      std::uint64_t word = s.word.load(std::memory_order_acquire);
      if ((word & closed) != 0) {
        std::this_thread::yield();  // somebody is opening the next
        continue;
      }
      const std::uint64_t rows = word & rows_mask;
      if (rows < batch_rows) {
        if (!s.word.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel)) continue;
        std::memcpy(s.rows.get() + rows * row_bytes, r.data(), row_bytes);
        if (s.published.fetch_add(1, std::memory_order_acq_rel) + 1 == batch_rows)
          s.free.store(true, std::memory_order_release);
        return;
      }
      if (s.word.compare_exchange_strong(word, word | closed, std::memory_order_acq_rel)) open(current + 1);
    }
  }

 private:
  static constexpr std::uint64_t closed = std::uint64_t{1} << 63U;
  static constexpr std::uint64_t rows_mask = 0xFFFF'FFFF;
  static constexpr std::uint64_t generation = std::uint64_t{1} << 32U;
  struct alignas(64) segment {
    std::atomic<std::uint64_t> word;
    alignas(64) std::atomic<std::uint64_t> published{0};
    std::atomic<bool> free{true};
    std::unique_ptr<std::byte[]> rows = std::make_unique<std::byte[]>(batch_rows * row_bytes);
  };

  void open(std::size_t index) {
    segment& s = segments_[index % segments_.size()];
    while (!s.free.load(std::memory_order_acquire)) std::this_thread::yield();
    s.free.store(false, std::memory_order_relaxed);
    s.published.store(0, std::memory_order_relaxed);
    const std::uint64_t old = s.word.load(std::memory_order_relaxed) & ~closed & ~rows_mask;
    s.word.store((old + generation) & ~closed, std::memory_order_release);
    current_.store(index, std::memory_order_release);
  }

  std::array<segment, 8> segments_;
  alignas(64) std::atomic<std::size_t> current_{0};
};

template <class Buffer>
void add_rows(benchmark::State& state) {
  static std::unique_ptr<Buffer> common;
  std::unique_ptr<Buffer> own;
  if constexpr (!Buffer::shared) own = std::make_unique<Buffer>();
  if (Buffer::shared && state.thread_index() == 0) common = std::make_unique<Buffer>();
  row r{};
  for ([[maybe_unused]] auto _ : state) {  // all threads wait for one another here
    r[0] ^= std::byte{1};
    (Buffer::shared ? *common : *own).add(r);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
  if (state.thread_index() == 0) common.reset();
}

#define SLUICE_BUFFER(type) \
  BENCHMARK(add_rows<type>)->Name(#type)->Threads(1)->Threads(2)->Threads(4)->UseRealTime()
SLUICE_BUFFER(loop_owned);
SLUICE_BUFFER(mutex_and_vector);
SLUICE_BUFFER(segment_ring);
SLUICE_BUFFER(emptied<boost_queue>);
SLUICE_BUFFER(emptied<moodycamel_queue>);

}  // namespace
