#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/failure.hpp"

namespace sluice::http {

/// Where to connect, and what the Host header says.
struct endpoint {
  bool tls = true;
  std::string host;  ///< name or address, IPv6 without brackets
  std::uint16_t port = 443;
  std::string host_header;   ///< as signed: lower case, port only if not the scheme's own, IPv6 in brackets
  std::string target = "/";  ///< the URL's path and query, as given

  bool operator==(const endpoint&) const = default;
};

/// Parses `http://host[:port][/path]` or https. Refuses user info, fragments and other schemes with
/// `bad_configuration`.
result<endpoint> parse_endpoint(std::string_view url);

struct header {
  std::string_view name;
  std::string_view value;
};

/// Views into the caller's memory, which must outlive the call. Content-Length and Host are added by the
/// client.
struct request {
  std::string_view method = "POST";
  std::string_view target = "/";
  std::span<const header> headers;
  std::string_view body;
  bool repeatable = true;  ///< may be sent again if an idle connection turns out to be closed
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

/// A TLS context that verifies peers against the system's store, or against the PEM file `ca_bundle` where
/// that is not empty.
result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const std::string& ca_bundle);

/// One keep-alive connection to one endpoint; connects when it must, and again after a failure.
///
/// Belongs to one coroutine at a time, on one executor. Must outlive the awaitables it gave. `close`, called from
/// another coroutine of the same loop, ends a call in flight with `errc::cancelled`; the next call connects anew.
/// Errors: errno and resolver codes, `timed_out`, `connection_closed`, `tls_refused`, `bad_answer`, `too_large`;
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

  const endpoint& to() const noexcept;
  void close() noexcept;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::http
