#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

namespace tests {

/// Runs a coroutine on a loop of this thread until nothing is left to do, and gives what it returned or
/// throws.
template <class T>
T run(boost::asio::io_context& loop, boost::asio::awaitable<T> work) {
  std::exception_ptr thrown;
  std::optional<T> returned;
  boost::asio::co_spawn(loop, std::move(work), [&](std::exception_ptr e, T value) {
    thrown = std::move(e);
    if (!thrown) returned.emplace(std::move(value));
  });
  loop.restart();
  loop.run();
  if (thrown) std::rethrow_exception(thrown);
  return std::move(returned.value());
}

inline void run(boost::asio::io_context& loop, boost::asio::awaitable<void> work) {
  std::exception_ptr thrown;
  boost::asio::co_spawn(loop, std::move(work), [&](std::exception_ptr e) { thrown = std::move(e); });
  loop.restart();
  loop.run();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace tests
