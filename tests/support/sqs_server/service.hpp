#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "support/sqs_server/faults.hpp"
#include "support/sqs_server/http.hpp"
#include "support/sqs_server/operations.hpp"
#include "support/sqs_server/verifier.hpp"

namespace simdjson::dom {
class parser;
}

namespace sluice::sqs_server {

/// The answer to one request, with head and body in one buffer that is used again.
class reply {
 public:
  /// Where the body goes: add to its end.
  std::string& body() noexcept { return buffer_; }
  void clear();
  void fail(const service_error& e);  ///< throws what was written away
  /// Puts the head in front of the body; what is sent is valid until `clear`.
  std::string_view finish(std::string_view request_id, std::string_view date, bool keep_alive);

  unsigned status = 200;
  std::string_view content_type;
  std::string query_error;
  fault_injector::plan faults;
  std::optional<receive_call> waiting;  ///< a long poll: not an answer yet

 private:
  static constexpr std::size_t head_room = 768;
  std::string buffer_;
};

/// Answers requests: everything between an HTTP request and its reply but for sockets and waiting. Pure, with
/// the time passed in.
class service {
 public:
  struct options {
    bool check_signatures = true;
  };
  service(options o, broker& queues, verifier& keys, std::uint64_t seed);
  service(const service&) = delete;
  service& operator=(const service&) = delete;
  ~service();

  /// `local` says that the peer is this machine: only then are the control endpoints there.
  void handle(const http_request& r, bool local, instant now, reply& out);
  /// Tries a long poll again; false if it goes on waiting.
  bool resume(const receive_call& r, instant now, reply& out);

  broker& queues() noexcept { return state_.queues; }
  fault_injector& faults() noexcept { return faults_; }
  std::string next_request_id() { return to_string(random_.next_uuid()); }
  void count_bytes(std::size_t in, std::size_t out) noexcept { bytes_in_ += in, bytes_out_ += out; }
  std::string stats(instant now);

 private:
  outcome<> call_operation(const http_request& r, instant now, reply& out);
  outcome<const operation*> find_operation(const http_request& r) const;
  outcome<> authenticate(const http_request& r, const operation& o, std::string_view queue_url, instant now);
  void control(const http_request& r, instant now, reply& out);
  void settle(const outcome<>& done, reply& out);

  options options_;
  verifier& keys_;
  fault_injector faults_;
  state state_;
  random_source random_;
  std::unique_ptr<simdjson::dom::parser> parser_;
  std::vector<std::uint64_t> requests_;  // as operations()
  std::map<std::string_view, std::uint64_t> errors_;
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
};

}  // namespace sluice::sqs_server
