#include "core/verdict.hpp"

#include <boost/system/errc.hpp>
#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace sluice;

namespace {

struct by_sqlstate {
  const char* state;
  verdict want;
};

}  // namespace

TEST_CASE("each SQLSTATE class has its verdict") {
  constexpr by_sqlstate table[] = {
      {"08000", verdict::reconnect}, {"08006", verdict::reconnect}, {"08P01", verdict::reconnect},
      {"0A000", verdict::fatal},     {"22001", verdict::bad_row},   {"22003", verdict::bad_row},
      {"22P02", verdict::bad_row},   {"22021", verdict::bad_row},   {"23502", verdict::bad_row},
      {"23503", verdict::bad_row},   {"23505", verdict::bad_row},   {"23514", verdict::bad_row},
      {"25006", verdict::reconnect}, {"25P03", verdict::reconnect}, {"28000", verdict::fatal},
      {"28P01", verdict::auth},      {"3D000", verdict::fatal},     {"3F000", verdict::fatal},
      {"40001", verdict::retry},     {"40P01", verdict::retry},     {"40003", verdict::reconnect},
      {"42P01", verdict::fatal},     {"42501", verdict::fatal},     {"42703", verdict::fatal},
      {"44000", verdict::bad_row},   {"53100", verdict::retry},     {"53200", verdict::retry},
      {"53300", verdict::retry},     {"54000", verdict::bad_row},   {"55000", verdict::fatal},
      {"55P03", verdict::retry},     {"57014", verdict::retry},     {"57P01", verdict::reconnect},
      {"57P02", verdict::reconnect}, {"57P03", verdict::reconnect}, {"57P04", verdict::fatal},
      {"57P05", verdict::reconnect}, {"58030", verdict::retry},     {"P0001", verdict::bad_row},
      {"XX000", verdict::retry},     {"XX001", verdict::fatal},     {"XX002", verdict::fatal},
      {"09000", verdict::bad_row},   {"20000", verdict::bad_row},   {"21000", verdict::bad_row},
      {"27000", verdict::bad_row},   {"2F005", verdict::bad_row},   {"38000", verdict::bad_row},
      {"39P01", verdict::fatal},     {"26000", verdict::reconnect}, {"HV000", verdict::reconnect},
      {"99999", verdict::bad_row},   {"AB123", verdict::bad_row},
  };
  for (const auto& row : table) {
    INFO(row.state);
    CHECK(classify(sqlstate(row.state)) == row.want);
  }
}

TEST_CASE("each AWS error has its verdict") {
  CHECK(classify(aws_errc::throttled) == verdict::throttle);
  CHECK(classify(aws_errc::over_limit) == verdict::throttle);
  for (const auto e : {aws_errc::internal, aws_errc::queue_deleted_recently, aws_errc::purge_in_progress}) {
    CHECK(classify(e) == verdict::retry);
  }
  for (const auto e : {aws_errc::expired_token, aws_errc::invalid_token, aws_errc::signature_mismatch,
                       aws_errc::clock_skew}) {
    CHECK(classify(e) == verdict::auth);
  }
  for (const auto e :
       {aws_errc::queue_does_not_exist, aws_errc::queue_name_exists, aws_errc::receipt_handle_invalid,
        aws_errc::message_not_inflight, aws_errc::invalid_parameter, aws_errc::access_denied, aws_errc::kms,
        aws_errc::unsupported}) {
    CHECK(classify(e) == verdict::fatal);
  }
  CHECK(classify(aws_errc::unknown) == verdict::reconnect);
}

TEST_CASE("an HTTP status without a name has its verdict") {
  CHECK(classify(http_status(200)) == verdict::reconnect);
  CHECK(classify(http_status(400)) == verdict::fatal);
  CHECK(classify(http_status(401)) == verdict::auth);
  CHECK(classify(http_status(403)) == verdict::auth);
  CHECK(classify(http_status(404)) == verdict::fatal);
  CHECK(classify(http_status(408)) == verdict::retry);
  CHECK(classify(http_status(429)) == verdict::throttle);
  CHECK(classify(http_status(500)) == verdict::retry);
  CHECK(classify(http_status(503)) == verdict::retry);
}

TEST_CASE("conditions of our own and of the link have their verdicts") {
  CHECK(classify(errc::cancelled) == verdict::cancelled);
  CHECK(classify(errc::bad_message) == verdict::bad_row);
  CHECK(classify(errc::table_refuses) == verdict::retry);
  for (const auto e : {errc::timed_out, errc::connection_closed, errc::bad_answer})
    CHECK(classify(e) == verdict::reconnect);
  for (const auto e : {errc::bad_configuration, errc::missing_credentials, errc::missing_key,
                       errc::tls_refused, errc::too_large, errc::schema_mismatch}) {
    CHECK(classify(e) == verdict::fatal);
  }
  namespace system = boost::system::errc;
  CHECK(classify(make_error_code(system::connection_refused)) == verdict::reconnect);
  CHECK(classify(make_error_code(system::connection_reset)) == verdict::reconnect);
  // Asio says so, too, when it could open no socket: only what we closed is cancelled.
  CHECK(classify(make_error_code(system::operation_canceled)) == verdict::reconnect);
  for (const auto none_left : {system::too_many_files_open, system::too_many_files_open_in_system,
                               system::no_buffer_space, system::not_enough_memory}) {
    CHECK(classify(make_error_code(none_left)) == verdict::throttle);
  }
}

TEST_CASE("a time-out and a wait for a lock are too slow, for which a smaller transaction may do") {
  for (const failure& f :
       {failure(errc::timed_out, ""), failure(sqlstate("57014"), ""), failure(sqlstate("55P03"), "")})
    CHECK(is_too_slow(f));
  for (const failure& f : {failure(errc::connection_closed, ""), failure(sqlstate("57P01"), "")})
    CHECK_FALSE(is_too_slow(f));
}

TEST_CASE("a value that no list has is never taken for a success, nor for a row's fault") {
  CHECK(classify(error_code(9'999, aws_category())) == verdict::reconnect);
  CHECK(classify(error_code(9'999, sluice_category())) == verdict::fatal);
  CHECK(classify(failure(errc::bad_message, "what")) == verdict::bad_row);
}

TEST_CASE("each verdict has a name") {
  for (const auto v : {verdict::retry, verdict::reconnect, verdict::throttle, verdict::auth, verdict::bad_row,
                       verdict::fatal, verdict::cancelled}) {
    CHECK(to_string(v) != "unknown");
  }
  CHECK(to_string(static_cast<verdict>(99)) == "unknown");
}
