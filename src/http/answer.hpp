#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/client.hpp"

namespace sluice::http {

/// What is kept of an answer: memory that the next one uses again.
struct answer {
  static constexpr std::size_t body_kept_max = 1024;  ///< a larger buffer is not kept through a long poll

  /// By a swap: an empty string that is assigned leaves the memory where it is (libstdc++).
  void drop_body() noexcept {
    if (body.capacity() > body_kept_max) std::string().swap(body);
  }
  void clear() noexcept {
    drop_body();
    for (std::string* text : {&body, &error_type, &query_error, &date, &content_type}) text->clear();
    status = 0;
  }

  unsigned status = 0;
  std::string body, error_type, query_error, date, content_type;
};

/// Reads one answer into an `answer`. Beast's own parsers allocate a node for each header field; of these,
/// four are wanted. The fields of a trailer are none of them (RFC 9110, section 6.5.1).
class answer_parser final : public boost::beast::http::basic_parser<false> {
 public:
  answer_parser(answer& into, const options& o) : into_(into), body_bytes_max_(o.body_bytes_max) {
    header_limit(static_cast<std::uint32_t>(o.header_bytes_max));
    body_limit(o.body_bytes_max);
    into_.clear();
  }

  /// Of the answer whose header was read: what it says, or, where it does not, the most that there may be.
  std::size_t body_bytes() const {
    return static_cast<std::size_t>(
        std::min<std::uint64_t>(content_length().value_or(body_bytes_max_), body_bytes_max_));
  }

  /// As put(), which see, but that more is needed is no error. An answer that is split behind its last
  /// chunk's line would be given back to put() with four bytes, and Beast asserts that five are there: of a
  /// chunked answer that is not whole, five at least are to come.
  std::size_t take(boost::asio::const_buffer input, error_code& e) {
    constexpr std::size_t last_chunk_bytes = 5;  // "0\r\n\r\n"
    if (is_header_done() && chunked() && input.size() < last_chunk_bytes) return 0;
    const std::size_t used = put(input, e);
    if (e == boost::beast::http::error::need_more) e = {};
    return used;
  }

 private:
  using field = boost::beast::http::field;
  using text = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb, text, text, int, error_code&) override {}
  void on_response_impl(int code, text, int, error_code&) override {
    into_.status = static_cast<unsigned>(code);
  }
  void on_field_impl(field known, text name, text value, error_code&) override {
    if (header_read_) return;
    const auto keep = [&](std::string& kept) { kept.assign(value.data(), value.size()); };
    if (known == field::date) return keep(into_.date);
    if (known == field::content_type) return keep(into_.content_type);
    if (known != field::unknown) return;
    if (boost::beast::iequals(name, "x-amzn-errortype")) return keep(into_.error_type);
    if (boost::beast::iequals(name, "x-amzn-query-error")) return keep(into_.query_error);
  }
  void on_header_impl(error_code&) override { header_read_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    const std::uint64_t expected = std::min<std::uint64_t>(length.value_or(0), body_bytes_max_);
    into_.body.reserve(static_cast<std::size_t>(expected) + response::body_padding);
  }
  std::size_t on_body_impl(text part, error_code&) override { return keep_body(part); }
  void on_chunk_header_impl(std::uint64_t, text, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, text part, error_code&) override { return keep_body(part); }
  void on_finish_impl(error_code&) override {}

  std::size_t keep_body(text part) {
    into_.body.append(part.data(), part.size());
    return part.size();
  }

  answer& into_;
  std::size_t body_bytes_max_;
  bool header_read_ = false;
};

}  // namespace sluice::http
