#include "sqs/explain.hpp"

#include <fmt/format.h>

namespace sluice::sqs {
namespace {

// The IAM action that a batch operation needs is that of the single one.
std::string action_of(std::string_view operation) {
  if (operation.ends_with("Batch")) operation.remove_suffix(5);
  return fmt::format("sqs:{}", operation);
}

std::string span_of(std::chrono::seconds time) {
  const auto seconds = time.count() < 0 ? -time.count() : time.count();
  return seconds < 120 ? fmt::format("{} s", seconds) : fmt::format("{} min", seconds / 60);
}

std::string what_and_where(const call_context& c) {
  return fmt::format("{} at {}", describe(c), c.endpoint);
}

std::string why(const refusal& r) {
  if (r.name.empty()) return r.code.message();
  if (r.code.category() == http_category()) return fmt::format("{} ({})", r.code.message(), r.name);
  return r.name;
}

// A region other than the one that requests are signed for; empty if all agree, or nobody can tell.
std::string_view other_region(const call_context& c) {
  for (const std::string_view region : {region_of(c.endpoint), region_of(c.queue)}) {
    if (!region.empty() && region != c.region) return region;
  }
  return {};
}

failure queue_missing(const refusal& r, const call_context& c) {
  return {r.code,
          fmt::format("queue {} does not exist in {} at {}", queue_name(c.queue), c.region, c.endpoint),
          "create it, or set SLUICE_QUEUE (or QUEUE_NAME) and AWS_REGION to the right ones"};
}

failure clock_wrong(const refusal& r, const call_context& c) {
  const std::string what = what_and_where(c);
  if (c.clock_skew.count() == 0) {
    return {r.code, what + ": the server finds this machine's clock wrong", "set the clock (NTP)"};
  }
  return {r.code,
          fmt::format("{}: this machine's clock is {} {} the server's", what, span_of(c.clock_skew),
                      c.clock_skew.count() > 0 ? "behind" : "ahead of"),
          "set the clock (NTP)"};
}

std::string remedy(aws_errc code, const call_context& c) {
  switch (code) {
    case aws_errc::access_denied:
      return fmt::format("allow {} on the queue to the identity of these credentials ({})",
                         action_of(c.operation), c.credentials);
    case aws_errc::signature_mismatch:
      return fmt::format("does the secret key belong to the access key id? look at the credentials ({})",
                         c.credentials);
    case aws_errc::expired_token:
      return fmt::format("get new credentials: the session of these has ended ({})", c.credentials);
    case aws_errc::invalid_token:
      return fmt::format("AWS does not know the access key id, or its session token is wrong ({})",
                         c.credentials);
    case aws_errc::kms:
      return "allow kms:Decrypt (and kms:GenerateDataKey, to send) with the queue's key, and see that it is "
             "enabled";
    case aws_errc::over_limit:
      return "too many messages are in flight (120,000 at most): delete them, or let them come back";
    case aws_errc::queue_deleted_recently:
    case aws_errc::purge_in_progress: return "wait 60 s";
    case aws_errc::queue_name_exists: return "it exists with other attributes: change them, or the name";
    case aws_errc::unsupported: return "does the endpoint speak SQS's JSON protocol?";
    default: return {};
  }
}

// SQS has no name of its own for it: the signature is at fault, the text says why.
bool is_about_clock(const refusal& r) {
  const auto says = [&](std::string_view part) { return r.text.find(part) != r.text.npos; };
  return r.code == aws_errc::clock_skew ||
         (r.code == aws_errc::signature_mismatch && (says("Signature expired") || says("not yet current")));
}

bool is_about_identity(const error_code& code) {
  return code == aws_errc::access_denied || code == aws_errc::signature_mismatch ||
         code == aws_errc::invalid_token || code == aws_errc::queue_does_not_exist;
}

}  // namespace

std::string_view queue_name(std::string_view url_or_name) noexcept {
  return url_or_name.substr(url_or_name.rfind('/') + 1);
}

std::string_view region_of(std::string_view url) noexcept {
  const std::size_t scheme = url.find("://");
  if (scheme == url.npos) return {};
  std::string_view host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/:"));
  const std::size_t first = host.find('.');
  const std::size_t second = host.find('.', first + 1);
  if (first == host.npos || second == host.npos) return {};
  const std::string_view domain = host.substr(second);
  const bool aws = (host.starts_with("sqs.") || host.starts_with("sqs-fips.")) &&
                   (domain.starts_with(".amazonaws.com") || domain == ".api.aws" ||
                    domain == ".api.amazonwebservices.com.cn");
  return aws ? host.substr(first + 1, second - first - 1) : std::string_view();
}

std::string describe(const call_context& c) {
  return fmt::format("{} on queue {}", c.operation, queue_name(c.queue));
}

failure explain(const refusal& r, const call_context& c) {
  failure f;
  if (r.code == aws_errc::queue_does_not_exist) {
    f = queue_missing(r, c);
  } else if (is_about_clock(r)) {
    f = clock_wrong(r, c);
  } else {
    f = {r.code, fmt::format("{}: {}", what_and_where(c), why(r))};
    if (r.code.category() == aws_category()) {
      f.fix = remedy(static_cast<aws_errc>(r.code.value()), c);
    } else if (r.code == http_status(404)) {
      f.fix = "is that SQS? see AWS_ENDPOINT_URL_SQS and AWS_ENDPOINT_URL";
    }
  }
  if (const auto region = other_region(c); !region.empty() && is_about_identity(r.code)) {
    f.fix = fmt::format("requests are signed for {}, the address is one of {}: set AWS_REGION={}", c.region,
                        region, region);
  } else if (r.code == aws_errc::signature_mismatch && r.text.find("valid region") != r.text.npos) {
    f.fix = fmt::format("the endpoint is not in {}: set AWS_REGION to its region", c.region);
  }
  f.server_text = r.text;
  return f;
}

}  // namespace sluice::sqs
