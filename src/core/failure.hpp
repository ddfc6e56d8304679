#pragma once

#include <array>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

using boost::system::error_code;

/// Conditions of our own, beside errno, SQLSTATE, AWS error names and HTTP status, which have categories of
/// their own below.
enum class errc {
  bad_configuration = 1,  ///< a setting, file or plan that cannot work; only its author can correct it
  missing_credentials,
  missing_key,        ///< a mask rule needs a key ring, or a key id that the ring lacks
  timed_out,          ///< a deadline of ours passed
  connection_closed,  ///< the peer closed, before or in the middle of an answer
  tls_refused,        ///< certificate or handshake
  bad_answer,         ///< the peer sent what the protocol does not allow
  too_large,          ///< over a limit of ours
  schema_mismatch,    ///< the table is not what the plan wants
  table_refuses,      ///< the table takes no row at all, good ones neither
  bad_message,        ///< a message that cannot become a row
  cancelled,          ///< we were asked to stop
};

/// AWS error names that sluice acts on (SQS, STS; both the JSON shapes and the legacy query codes map here).
enum class aws_errc {
  unknown = 1,
  queue_does_not_exist,
  queue_deleted_recently,
  queue_name_exists,
  purge_in_progress,
  receipt_handle_invalid,
  message_not_inflight,
  invalid_parameter,
  over_limit,
  throttled,
  access_denied,
  signature_mismatch,
  clock_skew,
  expired_token,
  invalid_token,
  kms,
  unsupported,
  internal,
};

const boost::system::error_category& sluice_category() noexcept;
const boost::system::error_category& aws_category() noexcept;
/// Values are HTTP status numbers, for answers that carry no AWS error name.
const boost::system::error_category& http_category() noexcept;
/// Values are SQLSTATEs read as five base-36 digits (PostgreSQL docs, appendix A).
const boost::system::error_category& sqlstate_category() noexcept;

inline error_code make_error_code(errc e) noexcept {
  return {static_cast<int>(e), sluice_category()};
}
inline error_code make_error_code(aws_errc e) noexcept {
  return {static_cast<int>(e), aws_category()};
}
inline error_code http_status(unsigned status) noexcept {
  return {static_cast<int>(status), http_category()};
}

/// `text` is five characters of [0-9A-Z]; anything else gives XX000 (internal_error).
error_code sqlstate(std::string_view text) noexcept;
/// The five characters of a code of `sqlstate_category`.
std::array<char, 5> sqlstate_text(const error_code& code) noexcept;
inline std::string to_string(const std::array<char, 5>& text) {
  return {text.data(), text.size()};
}

/// Maps an AWS error name, in either spelling, to what sluice does about it. Takes text after '#' and before
/// ':'. Source: the Smithy model of SQS, and botocore's lists of throttling and credential errors.
aws_errc aws_error_from_name(std::string_view name) noexcept;

/// What went wrong, for code (`code`) and for a person (`what`, `fix`).
///
/// `what` says what was attempted, where, and why it failed, in our words; `fix` says what to do, and may be
/// empty. `server_text` is what the peer said. It is untrusted and may hold a user's data: never log or show
/// it.
struct failure {
  failure() = default;  ///< Boost 1.81's result wants one
  failure(error_code c, std::string w, std::string f = {}, std::string text = {})
      : code(c), what(std::move(w)), fix(std::move(f)), server_text(std::move(text)) {}
  failure(errc c, std::string w, std::string f = {})
      : failure(make_error_code(c), std::move(w), std::move(f)) {}

  /// Adds what the caller knows: "receive from queue x: <what>".
  failure in(std::string_view context) && {
    what.insert(0, std::string(context) + ": ");
    return std::move(*this);
  }
  /// One line: what, and what to do.
  std::string line() const { return fix.empty() ? what : what + "; " + fix; }

  error_code code;
  std::string what;
  std::string fix;
  std::string server_text;
};

/// Its line, without the server's text.
std::ostream& operator<<(std::ostream& out, const failure& f);

/// For `result::value()` on an error: a promise was broken (callers check first).
[[noreturn]] void throw_exception_from_error(const failure& f, const boost::source_location& where);

template <class T = void>
using result = boost::system::result<T, failure>;

}  // namespace sluice

namespace boost::system {
template <>
struct is_error_code_enum<sluice::errc> : std::true_type {};
template <>
struct is_error_code_enum<sluice::aws_errc> : std::true_type {};
}  // namespace boost::system
