#include "app/second_signal.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>

#include "app/context.hpp"

namespace sluice::app {
namespace {

using stop_handler = void (*)(int);

struct stop_signal {
  int number;
  std::atomic<stop_handler> told;  ///< of the first one; null: nothing is left to be told
};
std::array<stop_signal, 2> stop_signals{{{SIGINT, nullptr}, {SIGTERM, nullptr}}};
std::atomic<bool> stop_seen{false};
static_assert(std::atomic<stop_handler>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

// Calls only what a handler may (signal-safety(7)); Asio's handler writes to a pipe.
extern "C" void count_signal(int number) {
  const bool second = stop_seen.exchange(true);
  for (const stop_signal& w : stop_signals) {
    const stop_handler first = w.told.load();
    if (w.number == number && (second || first == nullptr)) _exit(exit_code::interrupted);
    if (w.number == number) first(number);
  }
}

}  // namespace

void second_signal::arm() noexcept {
  armed_ = true;
  stop_seen = false;
  for (stop_signal& w : stop_signals) {
    struct sigaction action{};
    if (sigaction(w.number, nullptr, &action) != 0) continue;
    w.told = action.sa_handler;
    action.sa_handler = count_signal;
    sigaction(w.number, &action, nullptr);
  }
}

second_signal::~second_signal() {
  if (!armed_) return;
  for (stop_signal& w : stop_signals) {
    w.told = nullptr;
    std::signal(w.number, count_signal);
  }
}

}  // namespace sluice::app
