#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "core/byte_budget.hpp"
#include "core/failure.hpp"
#include "http/endpoint.hpp"
#include "http/tls.hpp"

namespace sluice::http {

struct header {
  std::string_view name;
  std::string_view value;
};

/// Views into the caller's memory, which must outlive the call. Content-Length and Host are added by the
/// client.
struct request {
  std::string_view method = "POST";
  std::string_view target = "/";
  std::span<const header> headers = {};
  std::string_view body = {};
  bool repeatable = true;  ///< may be sent again if an idle connection turns out to be closed
  /// Where the answer's body has to get its bytes before it is read; null: nowhere. It waits for them for
  /// that long, and then fails with `no_memory()`. They are its own until `release`, or the next request that
  /// has one.
  byte_budget* memory = nullptr;
  std::chrono::milliseconds memory_wait{0};
};

/// Views into the client's buffers: they die with the next call of `send`, or the client.
/// `body` is followed by at least `body_padding` readable bytes (for simdjson).
struct response {
  static constexpr std::size_t body_padding = 64;
  unsigned status = 0;
  std::string_view body;
  std::string_view error_type;   ///< x-amzn-errortype
  std::string_view query_error;  ///< x-amzn-query-error
  std::string_view date;         ///< Date
  std::string_view content_type;
};

struct options {
  std::chrono::milliseconds connect_timeout{5'000};  ///< resolve, connect and TLS handshake together
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t body_bytes_max = 64 * 1024 * 1024;  ///< ten messages of 1 MiB, escaped, with room
};

/// One keep-alive connection to one endpoint; connects when it must, and again after a failure.
///
/// Belongs to one coroutine at a time, on one executor. Must outlive the awaitables it gave. `close`, called
/// from another coroutine of the same loop, ends a call in flight with `errc::cancelled`; the next call
/// connects anew. Errors: errno and resolver codes, `timed_out`, `connection_closed`, `tls_refused`,
/// `bad_answer`, `too_large`, `no_memory()`, and `bad_configuration` for a header that holds a line break;
/// each names the endpoint. Any HTTP status is a response, not a failure.
class client {
 public:
  /// `tls` is needed for https endpoints only.
  client(boost::asio::any_io_executor executor, endpoint to, options o,
         std::shared_ptr<boost::asio::ssl::context> tls);
  client(client&&) noexcept;
  client& operator=(client&&) noexcept;
  ~client();

  /// Sends and reads the whole answer within `timeout` (in addition to the connect timeout, if it has to
  /// connect). An idle connection that the peer closed before the first byte of the answer is replaced and
  /// the request sent once more, if it is `repeatable`.
  boost::asio::awaitable<result<response>> send(const request& r, std::chrono::milliseconds timeout);

  /// How long the last answer, whose header was there, waited for memory: the server's time had begun.
  std::chrono::steady_clock::duration waited() const noexcept;
  /// Frees the body of the last answer, whose bytes stay taken for what was made of it; or those, too.
  void drop_body() noexcept;
  void release() noexcept;

  const endpoint& to() const noexcept;
  void close() noexcept;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::http
