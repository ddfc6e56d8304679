#include "core/failure.hpp"

#include <algorithm>
#include <ostream>
#include <stdexcept>
#include <utility>

// g++ warns of Boost's error_category, whose destructor is protected and not virtual on purpose: g++ 12,
// Boost 1.81.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
#endif

namespace sluice {
namespace {

struct sluice_category_type final : boost::system::error_category {
  const char* name() const noexcept override { return "sluice"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::bad_configuration: return "bad configuration";
      case errc::missing_credentials: return "no credentials";
      case errc::missing_key: return "no key";
      case errc::timed_out: return "timed out";
      case errc::connection_closed: return "connection closed";
      case errc::tls_refused: return "TLS refused";
      case errc::bad_answer: return "bad answer";
      case errc::too_large: return "too large";
      case errc::schema_mismatch: return "table does not fit the plan";
      case errc::table_refuses: return "table takes no row";
      case errc::bad_message: return "bad message";
      case errc::cancelled: return "cancelled";
    }
    return "unknown";
  }
};

struct named_aws_error {
  std::string_view name;
  aws_errc code;
};

// Both spellings of each: the JSON protocol's shape, and the legacy code of `x-amzn-query-error`.
constexpr named_aws_error aws_errors[] = {
    {"QueueDoesNotExist", aws_errc::queue_does_not_exist},
    {"NonExistentQueue", aws_errc::queue_does_not_exist},
    {"QueueDeletedRecently", aws_errc::queue_deleted_recently},
    {"QueueNameExists", aws_errc::queue_name_exists},
    {"QueueAlreadyExists", aws_errc::queue_name_exists},
    {"PurgeQueueInProgress", aws_errc::purge_in_progress},
    {"ReceiptHandleIsInvalid", aws_errc::receipt_handle_invalid},
    {"MessageNotInflight", aws_errc::message_not_inflight},
    {"InvalidParameterValue", aws_errc::invalid_parameter},
    {"InvalidParameterValueException", aws_errc::invalid_parameter},
    {"MissingParameter", aws_errc::invalid_parameter},
    {"MissingRequiredParameterException", aws_errc::invalid_parameter},
    {"InvalidAttributeName", aws_errc::invalid_parameter},
    {"InvalidAttributeValue", aws_errc::invalid_parameter},
    {"InvalidMessageContents", aws_errc::invalid_parameter},
    {"InvalidIdFormat", aws_errc::invalid_parameter},
    {"InvalidAddress", aws_errc::invalid_parameter},
    {"EmptyBatchRequest", aws_errc::invalid_parameter},
    {"TooManyEntriesInBatchRequest", aws_errc::invalid_parameter},
    {"BatchEntryIdsNotDistinct", aws_errc::invalid_parameter},
    {"InvalidBatchEntryId", aws_errc::invalid_parameter},
    {"BatchRequestTooLong", aws_errc::invalid_parameter},
    {"OverLimit", aws_errc::over_limit},
    {"RequestThrottled", aws_errc::throttled},
    {"RequestThrottledException", aws_errc::throttled},
    {"Throttling", aws_errc::throttled},
    {"ThrottlingException", aws_errc::throttled},
    {"ThrottledException", aws_errc::throttled},
    {"TooManyRequestsException", aws_errc::throttled},
    {"RequestLimitExceeded", aws_errc::throttled},
    {"ProvisionedThroughputExceededException", aws_errc::throttled},
    {"BandwidthLimitExceeded", aws_errc::throttled},
    {"LimitExceededException", aws_errc::throttled},
    {"SlowDown", aws_errc::throttled},
    {"KmsThrottled", aws_errc::throttled},
    {"KMS.ThrottlingException", aws_errc::throttled},
    {"AccessDenied", aws_errc::access_denied},
    {"AccessDeniedException", aws_errc::access_denied},
    {"OptInRequired", aws_errc::access_denied},
    {"InvalidSecurity", aws_errc::access_denied},
    {"SignatureDoesNotMatch", aws_errc::signature_mismatch},
    {"InvalidSignatureException", aws_errc::signature_mismatch},
    {"IncompleteSignature", aws_errc::signature_mismatch},
    {"AuthFailure", aws_errc::signature_mismatch},
    {"RequestTimeTooSkewed", aws_errc::clock_skew},
    {"RequestExpired", aws_errc::clock_skew},
    {"RequestInTheFuture", aws_errc::clock_skew},
    {"ExpiredToken", aws_errc::expired_token},
    {"ExpiredTokenException", aws_errc::expired_token},
    {"InvalidClientTokenId", aws_errc::invalid_token},
    {"UnrecognizedClientException", aws_errc::invalid_token},
    {"MissingAuthenticationToken", aws_errc::invalid_token},
    {"MissingAuthenticationTokenException", aws_errc::invalid_token},
    {"UnsupportedOperation", aws_errc::unsupported},
    {"UnknownOperationException", aws_errc::unsupported},
    {"InternalError", aws_errc::internal},
    {"InternalFailure", aws_errc::internal},
    {"ServiceUnavailable", aws_errc::internal},
    {"RequestTimeout", aws_errc::internal},
    {"RequestTimeoutException", aws_errc::internal},
    {"PriorRequestNotComplete", aws_errc::internal},
};

struct aws_category_type final : boost::system::error_category {
  const char* name() const noexcept override { return "aws"; }
  std::string message(int value) const override {
    for (const auto& e : aws_errors) {
      if (static_cast<int>(e.code) == value) return std::string(e.name);
    }
    return static_cast<aws_errc>(value) == aws_errc::kms ? "KMS" : "unknown AWS error";
  }
};

struct http_category_type final : boost::system::error_category {
  const char* name() const noexcept override { return "http"; }
  std::string message(int value) const override { return "HTTP status " + std::to_string(value); }
};

struct sqlstate_category_type final : boost::system::error_category {
  const char* name() const noexcept override { return "sqlstate"; }
  std::string message(int value) const override {
    return "SQLSTATE " + to_string(sqlstate_text(error_code(value, *this)));
  }
};

int base36(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return -1;
}

}  // namespace

const boost::system::error_category& sluice_category() noexcept {
  static const sluice_category_type category;
  return category;
}

const boost::system::error_category& aws_category() noexcept {
  static const aws_category_type category;
  return category;
}

const boost::system::error_category& http_category() noexcept {
  static const http_category_type category;
  return category;
}

const boost::system::error_category& sqlstate_category() noexcept {
  static const sqlstate_category_type category;
  return category;
}

error_code sqlstate(std::string_view text) noexcept {
  if (text.size() != 5 || std::ranges::any_of(text, [](char c) { return base36(c) < 0; })) text = "XX000";
  int value = 0;
  for (const char c : text) value = value * 36 + base36(c);
  // 00000 is success and would read as "no error".
  return {value, sqlstate_category()};
}

std::array<char, 5> sqlstate_text(const error_code& code) noexcept {
  constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::array<char, 5> text{};
  int value = code.value();
  for (std::size_t i = text.size(); i-- > 0; value /= 36)
    text[i] = digits[static_cast<std::size_t>(value % 36)];
  return text;
}

aws_errc aws_error_from_name(std::string_view name) noexcept {
  // "com.amazonaws.sqs#QueueDoesNotExist:http://..." and "AWS.SimpleQueueService.NonExistentQueue;Sender"
  if (const auto end = name.find_first_of(":;"); end != name.npos) name = name.substr(0, end);
  if (const auto hash = name.rfind('#'); hash != name.npos) name.remove_prefix(hash + 1);
  constexpr std::string_view legacy = "AWS.SimpleQueueService.";
  if (name.starts_with(legacy)) name.remove_prefix(legacy.size());
  for (const auto& e : aws_errors) {
    if (e.name == name) return e.code;
  }
  return name.starts_with("Kms") || name.starts_with("KMS.") ? aws_errc::kms : aws_errc::unknown;
}

std::ostream& operator<<(std::ostream& out, const failure& f) {
  return out << f.line();
}

void throw_exception_from_error(const failure& f, const boost::source_location&) {
  throw std::runtime_error(f.line());
}

}  // namespace sluice
