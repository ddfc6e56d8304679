#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::sqs_server {

/// An error as SQS tells it. Names, legacy codes and statuses are those of the service's Smithy model; texts
/// are those that the real service was recorded to give, where there is a record.
struct service_error {
  service_error() = default;  // what Boost 1.81's result::error() gives of a success
  service_error(std::string_view type_name, std::string_view code, unsigned http_status, std::string text,
                bool is_modelled = true)
      : type(type_name),
        query_code(code),
        status(http_status),
        message(std::move(text)),
        modelled(is_modelled) {}

  std::string_view type;        ///< shape name, the end of `__type`
  std::string_view query_code;  ///< for the header `x-amzn-query-error`, and the code of a batch entry
  unsigned status = 0;
  std::string message;
  bool modelled = true;  ///< its `__type` is com.amazonaws.sqs#..., else com.amazon.coral.service#...
  bool sender = true;    ///< the caller is at fault
};

template <class T = void>
using outcome = boost::system::result<T, service_error>;

[[noreturn]] inline void throw_exception_from_error(const service_error& e, const boost::source_location&) {
  throw std::logic_error("unchecked service error: " + e.message);
}

namespace errors {

service_error queue_does_not_exist();
service_error queue_name_exists(std::string_view attribute);
service_error queue_deleted_recently();
service_error purge_in_progress(std::string_view queue);
service_error receipt_handle_invalid(std::string_view handle);
service_error receipt_handle_expired(std::string_view handle);
service_error not_available_for_change(std::string_view handle);
service_error message_not_inflight();
service_error over_limit(std::string_view queue);
service_error invalid_attribute_name(std::string message);
service_error invalid_attribute_value(std::string message);
service_error invalid_message_contents();
/// "Value <value> for parameter <parameter> is invalid. Reason: <reason>"
service_error invalid_value(std::string_view value, std::string_view parameter, std::string_view reason);
service_error invalid_parameter(std::string message);
service_error missing_parameter(std::string_view parameter);
service_error empty_batch(std::string_view entry_shape);
service_error too_many_entries(std::size_t count);
service_error entry_ids_not_distinct(std::string_view id);
service_error invalid_entry_id();
service_error batch_too_long(std::size_t limit, std::size_t size);
service_error resource_not_found(std::string message);
service_error unsupported(std::string message);
service_error throttled();
service_error internal(unsigned status);
service_error serialization(std::string message);
service_error unknown_operation();
/// Refusals of the signature: `type` as the JSON protocol names it, `query_code` as the query protocol did.
service_error access(std::string_view type, std::string_view query_code, unsigned status,
                     std::string message);

}  // namespace errors
}  // namespace sluice::sqs_server
