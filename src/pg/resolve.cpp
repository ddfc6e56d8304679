#include "pg/resolve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <utility>
#include <vector>

namespace sluice::pg {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> items;
  std::size_t at = 0;
  for (std::size_t comma = 0; comma != list.npos; at = comma + 1) {
    comma = list.find(',', at);
    items.push_back(list.substr(at, comma == list.npos ? comma : comma - at));
  }
  return items;
}

bool is_name(const std::string& host) {
  error_code e;
  asio::ip::make_address(host, e);
  return e && !host.empty() && !host.starts_with('/') && !host.starts_with('@');
}

void append(std::string& list, const std::string& item, bool first) {
  if (!first) list += ',';
  list += item;
}

std::string turned(const std::string& list, std::size_t by) {
  std::vector<std::string> items = split(list);
  std::ranges::rotate(items, items.begin() + static_cast<std::ptrdiff_t>(by % items.size()));
  std::string joined;
  for (const std::string& item : items) append(joined, item, &item == items.data());
  return joined;
}

}  // namespace

addresses turned(const addresses& list, std::size_t by) {
  return {turned(list.host, by), list.hostaddr.empty() ? "" : turned(list.hostaddr, by),
          turned(list.port, by)};
}

/// Outlives its caller: getaddrinfo cannot be interrupted, and answers into this when it will.
struct resolver::lookup {
  explicit lookup(const asio::any_io_executor& executor) : names(executor), done(executor) {}
  tcp::resolver names;
  asio::steady_timer done;
  bool answered = false;
  bool cancelled = false;
  error_code error;
  tcp::resolver::results_type found;
};

asio::awaitable<result<tcp::resolver::results_type>> resolver::look_up(
    std::string name, std::chrono::steady_clock::time_point due) {
  auto state = std::make_shared<lookup>(executor_);
  pending_ = state;
  state->done.expires_at(due);
  state->names.async_resolve(name, "", [state](const error_code& e, tcp::resolver::results_type found) {
    state->answered = true;
    state->error = e;
    state->found = std::move(found);
    state->done.cancel();
  });
  co_await state->done.async_wait(asio::as_tuple(asio::use_awaitable));
  pending_.reset();
  // One that has not begun must not be asked for: all look-ups of a loop wait for one thread, and what a
  // server does not answer stays there for long.
  if (state->cancelled || !state->answered) state->names.cancel();
  if (state->cancelled) co_return failure(errc::cancelled, "look-up of " + name);
  if (!state->answered) {
    co_return failure(errc::timed_out, fmt::format("no answer from DNS for {}", name), "check the resolver");
  }
  if (state->error) {
    co_return failure(state->error, fmt::format("database host {} is not known", name), "check PGHOST");
  }
  co_return std::move(state->found);
}

asio::awaitable<result<addresses>> resolver::resolve(std::string host, std::string port,
                                                     std::chrono::steady_clock::time_point due) {
  const std::vector<std::string> hosts = split(host);
  const std::vector<std::string> ports = split(port);
  if (std::ranges::none_of(hosts, is_name)) co_return addresses{host, {}, port};

  addresses list;
  bool first = true;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::string& its_port = ports.size() == hosts.size() ? ports[i] : ports[0];
    std::vector<std::string> found;
    if (is_name(hosts[i])) {
      const auto answer = co_await look_up(hosts[i], due);
      // One unknown name of several does not matter while another is known.
      if (!answer && (hosts.size() == 1 || answer.error().code == errc::cancelled)) co_return answer.error();
      if (answer) {
        for (const auto& entry : *answer) found.push_back(entry.endpoint().address().to_string());
      }
    } else {
      found.push_back(hosts[i].starts_with('/') ? "" : hosts[i]);
    }
    for (const std::string& address : found) {
      append(list.host, hosts[i], first);
      append(list.hostaddr, address, first);
      append(list.port, its_port, first);
      first = false;
    }
  }
  if (first)
    co_return failure(errc::bad_configuration, fmt::format("no database host of {} is known", host),
                      "check PGHOST");
  co_return list;
}

void resolver::cancel() noexcept {
  if (!pending_) return;
  pending_->cancelled = true;
  pending_->done.cancel();
}

}  // namespace sluice::pg
