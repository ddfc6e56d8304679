#include "observe/line_writer.hpp"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "observe/line_queue.hpp"

namespace sluice::observe {
namespace {

/// How many lines the file did not take. Ends early when nothing waits for it any more.
std::uint64_t write_all(int file, std::string_view lines, const std::atomic<bool>& abandoned) noexcept {
  while (!lines.empty() && !abandoned) {
    const ssize_t n = ::write(file, lines.data(), whole_lines(lines, PIPE_BUF));
    if (n >= 0) {
      lines.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {  // a process that shares the file has made it non-blocking
      pollfd room{.fd = file, .events = POLLOUT, .revents = 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      const auto ends = static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
      return std::max<std::uint64_t>(ends, 1);
    }
  }
  return 0;
}

}  // namespace

struct line_writer::state {
  state(int f, teller t) : file(f), tell(std::move(t)) {}

  const int file;
  const teller tell;
  std::atomic<std::uint64_t> lost{0};
  std::mutex mutex;  ///< guards what follows: loops push, the thread takes; it is never held while one writes
  std::condition_variable pushed, written;
  line_queue queue{bytes_max};
  std::thread thread;
  bool waiting = false;  ///< the thread, for lines
  bool writing = false;
  bool closed = false;  ///< the thread ends when all is written
  bool ended = false;
  std::atomic<bool> abandoned{false};  ///< the thread ends after the write that it is in
};

line_writer::line_writer(int file, teller tell) : state_(std::make_shared<state>(file, std::move(tell))) {}

line_writer::~line_writer() {
  std::unique_lock lock(state_->mutex);
  if (!state_->thread.joinable()) return;
  state_->closed = true;
  state_->pushed.notify_one();
  const bool ended = state_->written.wait_for(lock, exit_wait, [this] { return state_->ended; });
  state_->abandoned = true;
  std::thread thread = std::move(state_->thread);
  lock.unlock();
  if (ended) {
    thread.join();
  } else {
    thread.detach();
  }
}

void line_writer::write(std::string_view line) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->queue.push(line)) state_->lost.fetch_add(1, std::memory_order_relaxed);
  if (!state_->thread.joinable()) {
    state_->thread = std::thread([s = state_] { run(*s); });
  } else if (state_->waiting) {
    state_->waiting = false;  // one call to wake it is enough
    state_->pushed.notify_one();
  }
}

void line_writer::flush(std::chrono::milliseconds longest) {
  std::unique_lock lock(state_->mutex);
  state_->written.wait_for(lock, longest, [this] { return state_->queue.empty() && !state_->writing; });
}

std::uint64_t line_writer::lost() const noexcept {
  return state_->lost.load(std::memory_order_relaxed);
}

void line_writer::run(state& s) {
  pthread_setname_np(pthread_self(), "sluice-log");
  std::string lines;
  std::uint64_t untold = 0;  // lost, and no line has said so yet
  std::unique_lock lock(s.mutex);
  while (!s.abandoned) {
    if (s.queue.empty()) {
      if (s.closed) break;
      s.waiting = true;
      s.pushed.wait(lock);
      s.waiting = false;
      continue;
    }
    const std::uint64_t dropped = s.queue.take(lines);
    s.writing = true;
    lock.unlock();
    const std::uint64_t refused = write_all(s.file, lines, s.abandoned);
    s.lost.fetch_add(refused, std::memory_order_relaxed);
    untold += dropped + refused;
    if (untold > 0 && refused == 0 && s.tell && write_all(s.file, s.tell(untold), s.abandoned) == 0)
      untold = 0;
    lock.lock();
    s.writing = false;
    s.written.notify_all();
  }
  s.ended = true;
  s.written.notify_all();
}

}  // namespace sluice::observe
