#include "aws/refreshing_provider.hpp"

#include <boost/asio/as_tuple.hpp>
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

asio::awaitable<result<std::shared_ptr<const credentials>>> refreshing_provider::get(bool refresh) {
  if (fetching_) {
    if (refresh || has_ended()) co_await wait_for_fetch();
  } else if (is_due(refresh)) {
    co_await fetch();
  }
  if (failed_ && (refresh || has_ended())) co_return *failed_;
  co_return at_hand_;
}

asio::awaitable<void> refreshing_provider::fetch() {
  fetching_ = true;
  fetched_at_ = network_.now();
  auto fresh = co_await source_->fetch();
  fetching_ = false;
  if (fresh) {
    failed_.reset();
    at_hand_ = std::make_shared<const credentials>(*std::move(fresh));
  } else {
    failed_ = std::move(fresh).error();
  }
  for (asio::steady_timer* each : std::exchange(waiting_, {})) each->cancel();
}

// It ends, for each wait of a source does.
asio::awaitable<void> refreshing_provider::wait_for_fetch() {
  asio::steady_timer own(network_.executor, asio::steady_timer::time_point::max());
  waiting_.push_back(&own);
  co_await own.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace sluice::aws
