#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/failure.hpp"
#include "sqs/codec.hpp"

namespace sluice::sqs {

/// What a person needs to know of a call that was refused.
struct call_context {
  std::string_view operation;  ///< "ReceiveMessage"
  std::string_view queue;      ///< name or URL
  std::string_view region;
  std::string endpoint;                ///< "https://sqs.eu-west-1.amazonaws.com"
  std::string_view credentials;        ///< where they came from: "environment", "profile default"
  std::chrono::seconds clock_skew{0};  ///< server's clock minus ours, by its Date header; 0 if not known
};

/// Turns a refusal into a failure that says what, where, and what to do. Pure. The server's text goes into
/// `server_text` only.
failure explain(const refusal& r, const call_context& c);

/// "ReceiveMessage on queue login-queue": the context of a failure that names the endpoint itself.
std::string describe(const call_context& c);

/// The last part of a queue's URL, or the name itself.
std::string_view queue_name(std::string_view url_or_name) noexcept;

/// The region in "https://sqs.eu-west-1.amazonaws.com/..."; empty if it is another kind of address.
std::string_view region_of(std::string_view url) noexcept;

}  // namespace sluice::sqs
