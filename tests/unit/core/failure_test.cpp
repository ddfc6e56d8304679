#include "core/failure.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace sluice;

TEST_CASE("a SQLSTATE survives the way through an error code") {
  for (const char* text : {"23505", "40P01", "XX000", "08006", "P0001", "ZZZZZ", "57P01"}) {
    CHECK(to_string(sqlstate_text(sqlstate(text))) == text);
    CHECK(sqlstate(text).category() == sqlstate_category());
  }
}

TEST_CASE("what is not a SQLSTATE reads as internal_error") {
  for (const char* text : {"", "2350", "235055", "2350x", "23-05"}) {
    CHECK(to_string(sqlstate_text(sqlstate(text))) == "XX000");
  }
}

TEST_CASE("AWS error names are known in both spellings, with the wrapping that each protocol has") {
  CHECK(aws_error_from_name("com.amazonaws.sqs#QueueDoesNotExist") == aws_errc::queue_does_not_exist);
  CHECK(aws_error_from_name("AWS.SimpleQueueService.NonExistentQueue;Sender") ==
        aws_errc::queue_does_not_exist);
  CHECK(aws_error_from_name("QueueDoesNotExist:http://internal.amazon.com/coral/") ==
        aws_errc::queue_does_not_exist);
  CHECK(aws_error_from_name("RequestThrottled") == aws_errc::throttled);
  CHECK(aws_error_from_name("KMS.ThrottlingException") == aws_errc::throttled);
  CHECK(aws_error_from_name("KmsDisabled") == aws_errc::kms);
  CHECK(aws_error_from_name("com.amazon.coral.service#InvalidParameterValueException") ==
        aws_errc::invalid_parameter);
  CHECK(aws_error_from_name("SomethingNew") == aws_errc::unknown);
  CHECK(aws_error_from_name("") == aws_errc::unknown);
}

TEST_CASE("a failure reads as one line: what, then what to do") {
  const failure f(errc::missing_key, "no key", "make one");
  CHECK(f.line() == "no key; make one");
  CHECK(failure(errc::timed_out, "no answer").line() == "no answer");
  CHECK(failure(errc::timed_out, "no answer").in("receive").what == "receive: no answer");
}

TEST_CASE("a value of a failed result is a broken promise") {
  const result<int> r = failure(errc::timed_out, "no answer");
  CHECK_THROWS(r.value());
}
