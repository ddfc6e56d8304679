#pragma once

#include <simdjson.h>

#include <string_view>
#include <vector>

#include "support/sqs_server/operations.hpp"

namespace sluice::sqs_server {

struct batch_entry {
  std::string_view id;
  simdjson::dom::object input;
};
/// The entries of a batch: 1 to 10, with ids that are well formed and distinct. `shape` is the model's name
/// of an entry. The views live as long as the input.
outcome<std::vector<batch_entry>> read_batch(const call& c, std::string_view shape);

/// Writes {"Successful":[...],"Failed":[...]}: successes as they come, failures after them.
class batch_reply {
 public:
  explicit batch_reply(std::string& out) : writer_(out) { writer_.open('{').key("Successful").open('['); }
  /// An object with its Id, for the caller to add to and close.
  json_writer& success(std::string_view id) {
    return writer_.open('{').key("Id").raw_string(id);  // ids have nothing to escape
  }
  void failure(std::string_view id, service_error error) { failures_.push_back({id, std::move(error)}); }
  void finish();

 private:
  struct failed {
    std::string_view id;
    service_error error;
  };
  json_writer writer_;
  std::vector<failed> failures_;
};

}  // namespace sluice::sqs_server
