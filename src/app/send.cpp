#include <fmt/format.h>
#include <simdjson.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/context.hpp"
#include "app/progress.hpp"
#include "core/backoff.hpp"
#include "core/verdict.hpp"
#include "pipeline/signal.hpp"

namespace sluice::app {
namespace {

using namespace std::chrono_literals;
template <class T>
using awaitable = boost::asio::awaitable<T>;

constexpr std::size_t senders = 8;

/// What the senders share: one loop, one thread.
struct outbox {
  std::vector<std::string> lines;
  std::uint64_t total = 0;
  std::uint64_t next = 0;
  std::uint64_t sent = 0;
  bool fifo = false;
  std::string group;         ///< FIFO: of every message
  std::string group_by;      ///< FIFO: JSON pointer of the field that is a message's group, instead
  std::uint64_t run_id = 0;  ///< FIFO: makes deduplication ids differ between runs
  std::size_t alive = 0;
  std::optional<failure> failed;

  const std::string& line(std::uint64_t i) const { return lines[static_cast<std::size_t>(i % lines.size())]; }
};

result<std::vector<std::string>> read_lines(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file) {
      return failure{errc::bad_configuration, fmt::format("{} cannot be read", path),
                     "give a file with one message on each line, or - for standard input"};
    }
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    if (line.size() > sqs::batch_bytes_max) {
      return failure{errc::bad_configuration,
                     fmt::format("{}: line {} is over 1 MiB, more than SQS takes", path, lines.size() + 1)};
    }
    lines.push_back(std::move(line));
  }
  if (lines.empty()) return failure{errc::bad_configuration, fmt::format("{} holds no message", path)};
  return lines;
}

/// The text at a JSON pointer; empty if there is none, which SQS refuses.
std::string group_of(const std::string& line, const std::string& pointer) {
  simdjson::dom::parser parser;
  std::string_view group;
  if (parser.parse(line).at_pointer(pointer).get(group) != simdjson::SUCCESS) return {};
  return std::string(group);
}

awaitable<void> send_some(outbox& box, std::shared_ptr<sqs::session> session, const std::string& url) {
  sqs::client client(co_await boost::asio::this_coro::executor, std::move(session));
  backoff wait({.tries_max = 8}, box.next);
  std::vector<sqs::outgoing> batch;
  std::vector<std::string> ids;
  while (!box.failed) {
    ids.clear();
    ids.reserve(2 * sqs::batch_entries_max);
    std::size_t bytes = 0;
    while (batch.size() < sqs::batch_entries_max && box.next < box.total) {
      const std::string& line = box.line(box.next);
      if (!batch.empty() && bytes + line.size() > sqs::batch_bytes_max) break;
      sqs::outgoing message{};
      message.body = line;
      if (box.fifo) {
        message.group_id = box.group_by.empty() ? box.group : ids.emplace_back(group_of(line, box.group_by));
        message.deduplication_id = ids.emplace_back(fmt::format("{:x}-{}", box.run_id, box.next));
      }
      batch.push_back(std::move(message));
      bytes += line.size();
      ++box.next;
    }
    if (batch.empty()) co_return;

    while (!batch.empty()) {
      auto answer = co_await client.send_batch(url, batch);
      if (answer) {
        box.sent += batch.size() - answer->size();
        std::vector<sqs::outgoing> again;
        for (const sqs::batch_failure& f : *answer) {
          if (f.sender_fault) {
            box.failed =
                failure{aws_errc::invalid_parameter, fmt::format("SQS refused a message: {}", f.code),
                        "check its size and characters"};
            co_return;
          }
          again.push_back(std::move(batch[f.index]));
        }
        batch = std::move(again);
        if (batch.empty()) break;
      }
      const verdict v = answer ? verdict::retry : classify(answer.error());
      const auto delay = may_pass(v) ? wait.next(std::chrono::steady_clock::now()) : std::nullopt;
      if (!delay) {
        box.failed =
            answer ? failure{aws_errc::internal, "SQS did not take all messages of a batch, eight times over"}
                   : answer.error();
        co_return;
      }
      boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, *delay);
      co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    wait.reset();
  }
}

awaitable<result<std::string>> target_queue(sqs::client& client, const config& c, bool create) {
  if (!c.queue_url.empty()) co_return c.queue_url;
  if (c.queue_name.empty()) {
    co_return failure{errc::bad_configuration, "no queue", "set SLUICE_QUEUE to its name, or give --queue"};
  }
  auto url = co_await client.queue_url(c.queue_name);
  if (url || !create || url.error().code != make_error_code(aws_errc::queue_does_not_exist)) co_return url;
  std::map<std::string, std::string> attributes;
  if (c.queue_name.ends_with(".fifo")) attributes.emplace("FifoQueue", "true");
  co_return co_await client.create_queue(c.queue_name, attributes);
}

awaitable<result<int>> send_all(boost::asio::any_io_executor executor, const config& c, const send_options& o,
                                std::uint64_t& sent) {
  outbox box;
  auto lines = read_lines(o.file);
  if (!lines) co_return lines.error();
  box.lines = *std::move(lines);
  box.total = o.count == 0 ? box.lines.size() : o.count;
  box.run_id = std::random_device()();
  box.group = o.group;
  box.group_by = o.group_by;

  auto session = make_session(c, executor);
  if (!session) co_return session.error();
  sqs::client client(executor, *session);
  auto url = co_await target_queue(client, c, o.create);
  if (!url) co_return url.error();
  box.fifo = url->ends_with(".fifo");

  const auto started = std::chrono::steady_clock::now();
  pipeline::signal ended(executor);
  std::exception_ptr broken;
  // FIFO: one sender, or the order of the lines is lost.
  const std::size_t wanted = box.fifo ? 1 : std::min<std::uint64_t>(senders, (box.total + 9) / 10);
  for (std::size_t i = 0; i < wanted; ++i) {
    ++box.alive;
    boost::asio::co_spawn(executor, send_some(box, *session, *url), [&](std::exception_ptr e) {
      --box.alive;
      if (e) broken = e;
      ended.notify();
    });
  }
  progress bar("sending", box.total, isatty(STDERR_FILENO) != 0, say);
  while (box.alive > 0) {
    co_await ended.wait(100ms);
    bar.show(box.sent, {});
  }
  bar.finish();
  sent = box.sent;
  if (broken) std::rethrow_exception(broken);
  if (box.failed) {
    print_failure(*box.failed);
    fmt::print("sent {} of {} messages\n", grouped(box.sent), grouped(box.total));
    co_return exit_code::failed;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  fmt::print("sent {} messages to {} in {:.1f} s\n", grouped(box.sent), *url, seconds);
  co_return exit_code::done;
}

}  // namespace

int send(const config& c, const send_options& o, std::uint64_t& sent) {
  return run_to_end(
      [&](boost::asio::any_io_executor executor) { return send_all(std::move(executor), c, o, sent); });
}

}  // namespace sluice::app
