#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aws/sigv4.hpp"

namespace sluice::sqs_server {

/// One request. The views are of the buffer that was parsed.
struct http_request {
  std::string_view method;
  std::string_view target;
  std::vector<aws::sigv4::header> headers;  ///< names as they came, values without blanks around them
  std::string_view body;
  bool keep_alive = true;

  std::string_view header(std::string_view lower_case_name) const noexcept;
};

/// Reads requests of HTTP/1.1 (RFC 9112) with a body of known length, which is all that AWS clients send.
class http_parser {
 public:
  static constexpr std::size_t head_bytes_max = 16 * 1024;
  /// Ten entries that make 1 MiB, with each character escaped to six.
  static constexpr std::size_t body_bytes_max = 8 * 1024 * 1024;

  enum class status { done, need_more, malformed, too_large, length_required };
  /// Looks at all that was read so far. After `done` the request takes `needed()` bytes of it; call `reset`
  /// before the next one.
  status parse(std::string_view buffer, http_request& request);
  bool expects_continue() const noexcept { return expects_continue_; }
  std::size_t needed() const noexcept { return needed_; }  ///< bytes of the whole request; 0 if not yet known
  void reset() noexcept { *this = {}; }

 private:
  status parse_head(std::string_view head, http_request& request);

  std::size_t needed_ = 0;
  std::size_t head_size_ = 0;
  std::size_t body_size_ = 0;
  bool expects_continue_ = false;
};

}  // namespace sluice::sqs_server
