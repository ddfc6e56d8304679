#pragma once

#include <functional>
#include <memory>
#include <string>

#include "aws/environment.hpp"
#include "aws/profile.hpp"
#include "aws/provider.hpp"

namespace sluice::aws {

/// Keys of the environment; null if there are none. Half a pair, and characters that no key has, are
/// `missing_credentials`.
result<std::shared_ptr<const credentials>> keys_of_environment(const environment& env);

/// The same for the keys that a profile holds.
result<std::shared_ptr<const credentials>> keys_of_profile(const profile& p);

/// Those of the environment and of files. Other programs rotate the files: a refresh reads them again.
class local_provider final : public credentials_provider {
 public:
  using shared_credentials = std::shared_ptr<const credentials>;
  using reader = std::function<result<shared_credentials>()>;

  /// `first` is what `read` gave. `read` gives null when they are gone.
  local_provider(reader read, shared_credentials first)
      : read_(std::move(read)), at_hand_(std::move(first)) {}

  boost::asio::awaitable<result<shared_credentials>> get(bool refresh,
                                                         boost::asio::cancellation_slot end) override;

 private:
  reader read_;
  shared_credentials at_hand_;
};

}  // namespace sluice::aws
