#include "core/verdict.hpp"

#include <algorithm>
#include <array>
#include <boost/system/errc.hpp>
#include <string_view>

namespace sluice {
namespace {

using namespace std::string_view_literals;

// A routine that a row meets, such as a trigger: no case fits it, more than one row where one is wanted, no
// RETURN, RAISE, an error of PL/Python's.
constexpr std::array routine_classes = {"09"sv, "20"sv, "21"sv, "27"sv, "2F"sv, "38"sv, "P0"sv};
// The others of PostgreSQL's appendix A that are named nowhere below: the session is not what it should be.
constexpr std::array other_classes = {"00"sv, "01"sv, "02"sv, "03"sv, "0B"sv, "0F"sv, "0L"sv,
                                      "0P"sv, "0Z"sv, "24"sv, "25"sv, "26"sv, "2B"sv, "2D"sv,
                                      "34"sv, "3B"sv, "72"sv, "F0"sv, "HV"sv};

template <std::size_t N>
bool is_any_of(const std::array<std::string_view, N>& classes, std::string_view group) noexcept {
  return std::ranges::find(classes, group) != classes.end();
}

verdict classify_sqlstate(const error_code& code) noexcept {
  const auto text = sqlstate_text(code);
  const std::string_view state(text.data(), text.size());
  const std::string_view group = state.substr(0, 2);

  if (group == "08") return verdict::reconnect;
  if (state == "40001" || state == "40P01") return verdict::retry;  // serialization failure, deadlock
  if (group == "40") return verdict::reconnect;                     // 40003: the outcome is unknown
  if (state == "55P03" || state == "57014")
    return verdict::retry;                       // lock not available; a timeout of the server's
  if (group == "53") return verdict::retry;      // out of disk, memory, connections
  if (state == "57P04") return verdict::fatal;   // database dropped
  if (group == "57") return verdict::reconnect;  // shutdown, crash, starting up
  if (state == "25006" || state == "25P03")
    return verdict::reconnect;                 // a standby after failover; idle in transaction
  if (state == "28P01") return verdict::auth;  // password: it may have been rotated
  if (group == "22" || group == "23" || group == "44" || group == "54") return verdict::bad_row;
  if (is_any_of(routine_classes, group)) return verdict::bad_row;
  if (state == "XX001" || state == "XX002") return verdict::fatal;  // corruption
  if (group == "58" || group == "XX") return verdict::retry;
  if (group == "0A" || group == "28" || group == "39" || group == "3D" || group == "3F" || group == "42" ||
      group == "55") {
    return verdict::fatal;
  }
  // What is no class of PostgreSQL's own is a trigger's or an extension's word on a row.
  return is_any_of(other_classes, group) ? verdict::reconnect : verdict::bad_row;
}

verdict classify_aws(aws_errc e) noexcept {
  switch (e) {
    case aws_errc::throttled:
    case aws_errc::over_limit: return verdict::throttle;
    case aws_errc::internal:
    case aws_errc::queue_deleted_recently:
    case aws_errc::purge_in_progress: return verdict::retry;
    case aws_errc::expired_token:
    case aws_errc::invalid_token:
    case aws_errc::signature_mismatch:
    case aws_errc::clock_skew: return verdict::auth;
    case aws_errc::queue_does_not_exist:
    case aws_errc::queue_name_exists:
    case aws_errc::receipt_handle_invalid:
    case aws_errc::message_not_inflight:
    case aws_errc::invalid_parameter:
    case aws_errc::access_denied:
    case aws_errc::kms:
    case aws_errc::unsupported: return verdict::fatal;
    case aws_errc::unknown: return verdict::reconnect;
  }
  return verdict::reconnect;
}

verdict classify_http(int status) noexcept {
  if (status == 429) return verdict::throttle;
  if (status == 401 || status == 403) return verdict::auth;
  if (status == 408 || status >= 500) return verdict::retry;
  return status >= 400 ? verdict::fatal : verdict::reconnect;
}

verdict classify_own(errc e) noexcept {
  switch (e) {
    case errc::cancelled: return verdict::cancelled;
    case errc::timed_out:
    case errc::connection_closed:
    case errc::bad_answer: return verdict::reconnect;
    case errc::table_refuses: return verdict::retry;
    case errc::bad_message: return verdict::bad_row;
    case errc::bad_configuration:
    case errc::missing_credentials:
    case errc::missing_key:
    case errc::tls_refused:
    case errc::too_large:
    case errc::schema_mismatch: return verdict::fatal;
  }
  return verdict::fatal;
}

}  // namespace

std::string_view to_string(verdict v) noexcept {
  switch (v) {
    case verdict::retry: return "retry";
    case verdict::reconnect: return "reconnect";
    case verdict::throttle: return "throttle";
    case verdict::auth: return "auth";
    case verdict::bad_row: return "bad_row";
    case verdict::fatal: return "fatal";
    case verdict::cancelled: return "cancelled";
  }
  return "unknown";
}

bool is_shortage(const error_code& code) noexcept {
  namespace system = boost::system::errc;
  return code == system::too_many_files_open || code == system::too_many_files_open_in_system ||
         code == system::no_buffer_space || code == system::not_enough_memory;
}

verdict classify(const error_code& code) noexcept {
  if (code.category() == sqlstate_category()) return classify_sqlstate(code);
  if (code.category() == aws_category()) return classify_aws(static_cast<aws_errc>(code.value()));
  if (code.category() == http_category()) return classify_http(code.value());
  if (code.category() == sluice_category()) return classify_own(static_cast<errc>(code.value()));
  if (is_shortage(code)) return verdict::throttle;
  return verdict::reconnect;  // errno, Asio, resolver: the link is at fault
}

verdict classify(const failure& f) noexcept {
  return classify(f.code);
}

bool is_too_slow(const failure& f) noexcept {
  return f.code == errc::timed_out || f.code == sqlstate("57014") || f.code == sqlstate("55P03");
}

}  // namespace sluice
