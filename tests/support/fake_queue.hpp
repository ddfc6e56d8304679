#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/errc.hpp>
#include <cstdlib>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "pipeline/ports.hpp"

namespace tests {

using namespace std::chrono_literals;

/// An SQS queue in memory, shared by the connections of one loop, that can be told to fail. It checks the
/// rule of acknowledgement by itself: `removed_too_early` lists messages that were deleted before `committed`
/// said that they may be.
class fake_queue {
 public:
  using clock = sluice::pipeline::clock;

  struct item {
    std::string id;
    std::string body;
    std::string group{};  ///< of a FIFO queue: while one of it is hidden, none of it is given out
    clock::time_point hidden_until{};
    int receives = 0;
    bool removed = false;
    bool torn = false;  ///< its body does not fit its digest, however often it comes
  };

  void put(std::string body, std::string group = {}) {
    std::string id = fmt::format("00000000-0000-4000-8000-{:012x}", items.size());
    by_id[id] = items.size();
    items.push_back({.id = std::move(id), .body = std::move(body), .group = std::move(group)});
  }

  /// Later messages were sent later.
  static std::int64_t sent_ms_of(std::string_view id) {
    return 1'700'000'000'000 + std::strtoll(std::string(id.substr(id.size() - 12)).c_str(), nullptr, 16);
  }

  std::size_t left() const {
    return static_cast<std::size_t>(std::ranges::count(items, false, &item::removed));
  }
  std::size_t visible() const {
    const auto now = clock::now();
    return static_cast<std::size_t>(
        std::ranges::count_if(items, [&](const item& i) { return !i.removed && i.hidden_until <= now; }));
  }

  std::vector<item> items;
  std::map<std::string, std::size_t, std::less<>> by_id;
  std::chrono::seconds visibility{30};
  std::chrono::milliseconds latency{0};
  std::size_t answer_bytes_max =
      std::numeric_limits<std::size_t>::max();  ///< of bodies; over it, they are hidden

  std::set<std::string> committed;  ///< ids, as the sink says
  std::vector<std::string> removed_too_early;
  std::size_t given_back = 0;
  std::size_t extended = 0;
  std::size_t receives = 0;
  std::size_t too_large = 0;
  std::size_t most_receives_at_once = 0;

  /// Called before each call takes effect: a failure is answered instead.
  std::function<std::optional<sluice::failure>(const char* call)> trouble;
  /// Called after it took effect: the reply is lost, and this failure seen instead.
  std::function<std::optional<sluice::failure>(const char* call)> lost_reply;
  /// What a call says that is closed in flight, if its answer was there already: not that it was cancelled.
  std::optional<sluice::failure> closed_with;
  /// How long a call takes; `latency` if not set.
  std::function<std::chrono::milliseconds(const char* call)> delay;
  /// Whether a message stays visible although it is delivered, as a standard queue may do.
  std::function<bool()> deliver_twice;
  /// Entries of a remove that are refused this time.
  std::function<bool(const std::string& id)> refuse_removal;
  bool refuses_for_good = false;  ///< these: a SenderFault
  /// Entries of an extension or a return that are refused: whether for good.
  std::function<std::optional<bool>(const std::string& id)> refuse_hiding;
  /// What the counts say, where they lag behind.
  std::function<std::optional<sluice::pipeline::backlog>()> counts;
  bool ignores_wait = false;  ///< as some proxies do: an empty answer comes at once
  /// Whether a message goes to the dead-letter queue now that it would be received once more.
  std::function<bool(const item&)> is_dead;
  std::set<std::string> dead;

  std::size_t receiving = 0;
  std::size_t holding = 0;  ///< connections that have brought messages, and were not told to release them

  /// The last answer, whichever connection it went to: views into it die with the next.
  struct copy {
    std::string id, handle, body, group;
    int receives;
    bool torn;
  };
  std::deque<copy> copies;
  std::vector<sluice::sqs::message> messages;
};

/// What the connections of one process to the queue have together. Outlives them.
struct fake_process {
  std::size_t calls_max = std::numeric_limits<std::size_t>::max();  ///< descriptors: EMFILE beyond
  std::size_t calls = 0;                                            ///< in flight
  std::size_t shortages = 0;                                        ///< calls that found no descriptor
  std::size_t told_removed = 0;  ///< messages that answers, as they arrived, called deleted
};

class fake_connection final : public sluice::pipeline::queue {
 public:
  template <class T>
  using awaitable = boost::asio::awaitable<T>;

  /// `process` null: of one without limits.
  fake_connection(fake_queue& of, const boost::asio::any_io_executor& executor,
                  fake_process* process = nullptr)
      : of_(of), process_(process), wait_(executor) {}

  awaitable<sluice::result<std::span<const sluice::sqs::message>>> receive(
      std::size_t messages_max, std::chrono::seconds longest) override {
    const descriptor mine(process_);
    if (!mine) co_return no_descriptor();
    ++of_.receives;
    of_.most_receives_at_once = std::max(of_.most_receives_at_once, ++of_.receiving);
    const auto until = fake_queue::clock::now() + (of_.ignores_wait ? 0s : longest);
    bool cancelled = false;
    while (!cancelled && of_.visible() == 0 && fake_queue::clock::now() < until)
      cancelled = !co_await pause(5ms);
    if (!cancelled) cancelled = !co_await pause(delay("receive"));
    --of_.receiving;
    if (cancelled) co_return sluice::failure(sluice::errc::cancelled, "closed");
    if (auto f = of_.trouble ? of_.trouble("receive") : std::nullopt) co_return *f;
    const auto messages = take(messages_max);
    if (!std::exchange(holds_, true)) ++of_.holding;
    std::size_t bytes = 0;
    for (const auto& m : messages) bytes += m.body.size();
    if (bytes > of_.answer_bytes_max) {
      ++of_.too_large;
      co_return sluice::failure(sluice::errc::too_large, "over the limit of an answer");
    }
    if (auto f = of_.lost_reply ? of_.lost_reply("receive") : std::nullopt) co_return *f;
    co_return messages;
  }

  awaitable<sluice::result<std::vector<sluice::sqs::batch_failure>>> remove(
      std::span<const std::string_view> handles) override {
    const descriptor mine(process_);
    if (!mine) co_return no_descriptor();
    if (!co_await pause(delay("remove")))
      co_return of_.closed_with.value_or(sluice::failure(sluice::errc::cancelled, "closed"));
    if (auto f = of_.trouble ? of_.trouble("remove") : std::nullopt) co_return *f;
    std::vector<sluice::sqs::batch_failure> failed;
    for (std::size_t i = 0; i < handles.size(); ++i) {
      fake_queue::item& item = find(handles[i]);
      if (!of_.committed.contains(item.id)) of_.removed_too_early.push_back(item.id);
      if (of_.refuse_removal && of_.refuse_removal(item.id)) {
        failed.push_back({.index = i, .sender_fault = of_.refuses_for_good, .code = "InternalError"});
      } else if (!item.group.empty() && item.hidden_until <= fake_queue::clock::now()) {
        failed.push_back({.index = i, .sender_fault = true, .code = "InvalidParameterValue"});  // has expired
      } else if (handles[i] == handle_of(item)) {
        item.removed = true;  // a stale handle "succeeds" and deletes nothing
      }
    }
    if (auto f = of_.lost_reply ? of_.lost_reply("remove") : std::nullopt) co_return *f;
    if (process_ != nullptr) process_->told_removed += handles.size() - failed.size();
    co_return failed;
  }

  awaitable<sluice::result<std::vector<sluice::sqs::batch_failure>>> hide(
      std::span<const std::string_view> handles, std::chrono::seconds visibility) override {
    const descriptor mine(process_);
    if (!mine) co_return no_descriptor();
    if (!co_await pause(delay("hide"))) co_return sluice::failure(sluice::errc::cancelled, "closed");
    if (auto f = of_.trouble ? of_.trouble("hide") : std::nullopt) co_return *f;
    std::vector<sluice::sqs::batch_failure> failed;
    for (std::size_t i = 0; i < handles.size(); ++i) {
      fake_queue::item& item = find(handles[i]);
      if (const auto refused = of_.refuse_hiding ? of_.refuse_hiding(item.id) : std::nullopt) {
        failed.push_back({.index = i, .sender_fault = *refused, .code = "InvalidParameterValue"});
        continue;
      }
      if (item.removed || handles[i] != handle_of(item)) continue;
      item.hidden_until = fake_queue::clock::now() + visibility;
      ++(visibility == 0s ? of_.given_back : of_.extended);
    }
    co_return failed;
  }

  awaitable<sluice::result<sluice::pipeline::backlog>> depth() override {
    const descriptor mine(process_);
    if (!mine) co_return no_descriptor();
    if (!co_await pause(delay("depth"))) co_return sluice::failure(sluice::errc::cancelled, "closed");
    if (auto f = of_.trouble ? of_.trouble("depth") : std::nullopt) co_return *f;
    const auto said = of_.counts ? of_.counts() : std::nullopt;
    if (said) co_return *said;
    const auto visible = of_.visible();
    co_return sluice::pipeline::backlog{.visible = visible, .in_flight = of_.left() - visible};
  }

  void release() noexcept override {
    if (std::exchange(holds_, false)) --of_.holding;
  }

  void close() noexcept override {
    closed_ = true;
    wait_.cancel();
  }

 private:
  /// For as long as a call takes.
  class descriptor {
   public:
    explicit descriptor(fake_process* of) : of_(of), has_(of == nullptr || of->calls < of->calls_max) {
      if (of_ != nullptr) ++(has_ ? of_->calls : of_->shortages);
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
      if (of_ != nullptr && has_) --of_->calls;
    }
    explicit operator bool() const noexcept { return has_; }

   private:
    fake_process* of_;
    bool has_;
  };
  static sluice::failure no_descriptor() {
    return {make_error_code(boost::system::errc::too_many_files_open), "no descriptor"};
  }

  std::chrono::milliseconds delay(const char* call) const {
    return of_.delay ? of_.delay(call) : of_.latency;
  }

  awaitable<bool> pause(std::chrono::milliseconds how_long) {
    closed_ = false;  // what is closed while no call is in flight connects anew
    wait_.expires_after(how_long);
    co_await wait_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    co_return !std::exchange(closed_, false);
  }

  std::span<const sluice::sqs::message> take(std::size_t messages_max) {
    const auto now = fake_queue::clock::now();
    auto& copies = of_.copies;
    auto& messages = of_.messages;
    copies.clear();
    messages.clear();
    std::set<std::string_view> blocked;
    for (const fake_queue::item& item : of_.items) {
      if (!item.group.empty() && !item.removed && item.hidden_until > now) blocked.insert(item.group);
    }
    for (fake_queue::item& item : of_.items) {
      if (copies.size() == messages_max) break;
      if (item.removed || item.hidden_until > now || blocked.contains(item.group)) continue;
      if (of_.is_dead && of_.is_dead(item)) {
        of_.dead.insert(item.id);
        item.removed = true;
        continue;
      }
      const bool again = item.group.empty() && of_.deliver_twice && of_.deliver_twice();
      if (!again) item.hidden_until = now + of_.visibility;
      ++item.receives;
      std::string padded = item.body;
      padded.reserve(padded.size() + 64);  // what simdjson may read past the end
      copies.push_back({item.id, handle_of(item), std::move(padded), item.group, item.receives, item.torn});
    }
    for (const fake_queue::copy& c : copies) {
      sluice::sqs::message m;
      m.message_id = c.id;
      m.receipt_handle = c.handle;
      m.body = c.body;
      m.sent_ms = fake_queue::sent_ms_of(c.id);
      m.group_id = c.group;
      m.receive_count = static_cast<std::uint32_t>(c.receives);
      m.digests_ok = !c.torn;
      messages.push_back(m);
    }
    return messages;
  }

  static std::string handle_of(const fake_queue::item& i) { return fmt::format("{}/{}", i.id, i.receives); }

  fake_queue::item& find(std::string_view handle) {
    return of_.items.at(of_.by_id.find(handle.substr(0, handle.find('/')))->second);
  }

  fake_queue& of_;
  fake_process* process_;
  sluice::pipeline::timer wait_;
  bool closed_ = false;
  bool holds_ = false;
};

}  // namespace tests
