#include "support/sqs_server/error.hpp"

#include <fmt/format.h>

namespace sluice::sqs_server::errors {
namespace {

service_error coral(std::string_view type, std::string_view query_code, unsigned status,
                    std::string message) {
  return {type, query_code, status, std::move(message), false};
}

}  // namespace

service_error queue_does_not_exist() {
  return {"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400,
          "The specified queue does not exist."};
}

service_error queue_name_exists(std::string_view attribute) {
  return {"QueueNameExists", "QueueAlreadyExists", 400,
          fmt::format("A queue already exists with the same name and a different value for attribute {}",
                      attribute)};
}

service_error queue_deleted_recently() {
  return {
      "QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400,
      "You must wait 60 seconds after deleting a queue before you can create another with the same name."};
}

service_error purge_in_progress(std::string_view queue) {
  return {"PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403,
          fmt::format("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue)};
}

service_error receipt_handle_invalid(std::string_view handle) {
  return {"ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404,
          fmt::format("The input receipt handle \"{}\" is not a valid receipt handle.", handle)};
}

service_error receipt_handle_expired(std::string_view handle) {
  return invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.");
}

service_error not_available_for_change(std::string_view handle) {
  return invalid_value(handle, "ReceiptHandle",
                       "Message does not exist or is not available for visibility timeout change.");
}

service_error message_not_inflight() {
  return {"MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400,
          "The specified message isn't in flight."};
}

service_error over_limit(std::string_view queue) {
  return {"OverLimit", "OverLimit", 403,
          fmt::format("The maximum number of messages of queue {} is in flight.", queue)};
}

service_error invalid_attribute_name(std::string message) {
  return {"InvalidAttributeName", "InvalidAttributeName", 400, std::move(message)};
}

service_error invalid_attribute_value(std::string message) {
  return {"InvalidAttributeValue", "InvalidAttributeValue", 400, std::move(message)};
}

service_error invalid_message_contents() {
  return {
      "InvalidMessageContents", "InvalidMessageContents", 400,
      "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to "
      "#xFFFD | #x10000 to #x10FFFF"};
}

service_error invalid_value(std::string_view value, std::string_view parameter, std::string_view reason) {
  return invalid_parameter(
      fmt::format("Value {} for parameter {} is invalid. Reason: {}", value, parameter, reason));
}

service_error invalid_parameter(std::string message) {
  return coral("InvalidParameterValueException", "InvalidParameterValue", 400, std::move(message));
}

service_error missing_parameter(std::string_view parameter) {
  return coral("MissingRequiredParameterException", "MissingParameter", 400,
               fmt::format("The request must contain the parameter {}.", parameter));
}

service_error empty_batch(std::string_view entry_shape) {
  return {"EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400,
          fmt::format("There should be at least one {} in the request.", entry_shape)};
}

service_error too_many_entries(std::size_t count) {
  return {"TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400,
          fmt::format("Maximum number of entries per request are 10. You have sent {}.", count)};
}

service_error entry_ids_not_distinct(std::string_view id) {
  return {"BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400,
          fmt::format("Id {} repeated.", id)};
}

service_error invalid_entry_id() {
  return {
      "InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400,
      "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most "
      "80 letters long."};
}

service_error batch_too_long(std::size_t limit, std::size_t size) {
  return {"BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400,
          fmt::format("Batch requests cannot be longer than {} bytes. You have sent {} bytes.", limit, size)};
}

service_error resource_not_found(std::string message) {
  return {"ResourceNotFoundException", "ResourceNotFoundException", 404, std::move(message)};
}

service_error unsupported(std::string message) {
  return {"UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400, std::move(message)};
}

service_error throttled() {
  return {"RequestThrottled", "RequestThrottled", 403, "Rate exceeded."};
}

service_error internal(unsigned status) {
  auto error = status == 503 ? coral("ServiceUnavailableException", "ServiceUnavailable", status,
                                     "The service is unavailable. Please try again.")
                             : coral("InternalFailure", "InternalError", status,
                                     "We encountered an internal error. Please try again.");
  error.sender = false;
  return error;
}

service_error serialization(std::string message) {
  return coral("SerializationException", "MalformedInput", 400, std::move(message));
}

service_error unknown_operation() {
  return coral("UnknownOperationException", "InvalidAction", 404, "The requested operation is not known.");
}

service_error access(std::string_view type, std::string_view query_code, unsigned status,
                     std::string message) {
  return coral(type, query_code, status, std::move(message));
}

}  // namespace sluice::sqs_server::errors
