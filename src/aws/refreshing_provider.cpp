#include "aws/refreshing_provider.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace sluice::aws {

namespace asio = boost::asio;

refreshing_provider::refreshing_provider(std::unique_ptr<credentials_source> source, network n)
    : source_(std::move(source)), network_(std::move(n)) {}

bool refreshing_provider::has_ended() const {
  return !at_hand_ || (at_hand_->expires_at && *at_hand_->expires_at <= network_.now());
}

bool refreshing_provider::is_due(bool refresh) const {
  if (has_ended()) return true;
  const auto since = network_.now() - fetched_at_;
  if (refresh) return since >= just_now;
  return at_hand_->expires_at && *at_hand_->expires_at - network_.now() <= ahead && since >= again;
}

asio::awaitable<result<std::shared_ptr<const credentials>>> refreshing_provider::get(
    bool refresh, asio::cancellation_slot end) {
  const bool wanted = refresh || has_ended();  // else what is at hand will do while others are fetched
  if (!fetching_ && is_due(refresh)) start_fetch();
  // A source that fails before it waits for anything has ended already.
  if (fetching_ && wanted) {
    const bool waited = co_await wait_for_fetch(end);
    if (!waited) co_return failure{errc::cancelled, "the wait for credentials was ended on demand"};
  }
  if (broken_) std::rethrow_exception(broken_);
  if (failed_ && (refresh || has_ended())) co_return *failed_;
  co_return at_hand_;
}

// A task of its own: the caller that asked first may be gone before the others. One that was given up ends at
// its next wait, and says nothing.
void refreshing_provider::start_fetch() {
  const auto one = fetching_ = std::make_shared<asio::cancellation_signal>();
  fetched_at_ = network_.now();
  asio::co_spawn(
      network_.executor, source_->fetch(),
      asio::bind_cancellation_slot(
          one->slot(), [self = shared_from_this(), one](std::exception_ptr e, result<credentials> fresh) {
            if (self->fetching_ != one) return;
            self->broken_ = std::move(e);
            self->fetched(std::move(fresh));
          }));
}

void refreshing_provider::fetched(result<credentials> fresh) {
  fetching_.reset();
  if (fresh) {
    failed_.reset();
    at_hand_ = std::make_shared<const credentials>(*std::move(fresh));
  } else {
    failed_ = std::move(fresh).error();
  }
  for (asio::steady_timer* each : std::exchange(waiting_, {})) each->cancel();
}

// False if it was ended before the fetch, which has an end, for each wait of a source does.
asio::awaitable<bool> refreshing_provider::wait_for_fetch(asio::cancellation_slot end) {
  asio::steady_timer own(network_.executor, asio::steady_timer::time_point::max());
  waiting_.push_back(&own);
  if (end.is_connected()) {
    co_await own.async_wait(asio::bind_cancellation_slot(end, asio::as_tuple(asio::use_awaitable)));
    end.clear();
  } else {  // that of the coroutine
    co_await own.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (std::erase(waiting_, &own) == 0) co_return true;
  if (waiting_.empty()) std::exchange(fetching_, nullptr)->emit(asio::cancellation_type::terminal);
  co_return false;
}

}  // namespace sluice::aws
