#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>

#include "aws/credentials.hpp"
#include "core/failure.hpp"

namespace sluice::aws {

/// A place that hands out credentials that expire. `fetch` asks the place each time; each of its waits has an
/// end. One that was given up may still be ending when the next begins. Failures keep the code of what went
/// wrong on the way, so that `classify` tells a network that is away from a refusal.
class credentials_source {
 public:
  virtual ~credentials_source() = default;
  virtual boost::asio::awaitable<result<credentials>> fetch() = 0;
};

/// Where network sources run, and how patient they are. Tests bring other clocks and shorter waits.
struct network {
  boost::asio::any_io_executor executor;
  std::function<std::chrono::sys_seconds()> now = [] {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  };
  std::chrono::milliseconds metadata_timeout{
      1'000};  ///< of each answer on the machine itself, as in botocore
  std::chrono::milliseconds container_timeout{
      2'000};  ///< of each answer of the container's endpoint, as in botocore
  std::chrono::milliseconds sts_timeout{5'000};
  std::chrono::milliseconds pause{1'000};  ///< between tries
};

}  // namespace sluice::aws
