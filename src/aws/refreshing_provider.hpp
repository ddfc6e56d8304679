#pragma once

#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "aws/credentials_source.hpp"
#include "aws/provider.hpp"

namespace sluice::aws {

/// Keeps what a source gave, and asks for more before it ends.
///
/// In the last 15 minutes one caller fetches new ones while the others go on with the old; a fetch that fails
/// then is tried again a minute later. Only when there are none, or they have ended, does everybody wait for
/// that one fetch. When the last of them gives up waiting, the fetch ends too. Belongs to one loop, as its
/// callers do; lives until they have returned.
class refreshing_provider final : public credentials_provider,
                                  public std::enable_shared_from_this<refreshing_provider> {
 public:
  static constexpr std::chrono::minutes ahead{15};     ///< botocore's advisory window
  static constexpr std::chrono::seconds again{60};     ///< between fetches that gave nothing better
  static constexpr std::chrono::seconds just_now{10};  ///< no refusal makes what is this new be fetched again

  refreshing_provider(std::unique_ptr<credentials_source> source, network n);

  boost::asio::awaitable<result<std::shared_ptr<const credentials>>> get(
      bool refresh, boost::asio::cancellation_slot end) override;

 private:
  void start_fetch();
  void fetched(result<credentials> fresh);
  boost::asio::awaitable<bool> wait_for_fetch(boost::asio::cancellation_slot end);
  bool has_ended() const;
  bool is_due(bool refresh) const;

  std::unique_ptr<credentials_source> source_;
  network network_;
  std::shared_ptr<const credentials> at_hand_;
  std::optional<failure> failed_;                               ///< the last fetch's
  std::chrono::sys_seconds fetched_at_{};                       ///< when the last one began
  std::shared_ptr<boost::asio::cancellation_signal> fetching_;  ///< ends the fetch that is waited for
  std::exception_ptr broken_;
  std::vector<boost::asio::steady_timer*> waiting_;
};

}  // namespace sluice::aws
