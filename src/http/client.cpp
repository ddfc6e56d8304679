#include "http/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "http/answer.hpp"
#include "http/connection.hpp"
#include "http/deadline.hpp"

namespace sluice::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t read_bytes = 32 * 1024;  // an answer of ten small messages fits
// Of one that will have to wait for memory: its header. What is read beyond it waits here, not in the socket.
constexpr std::size_t header_read_bytes = 1024;
// Of an answer's bytes that are not understood yet. The parser has no limit on the line before a chunk.
constexpr std::size_t unread_bytes_max = 256 * 1024;

// Without an early end, so that compilers use vector instructions.
bool has_line_break(std::string_view text) noexcept {
  bool found = false;
  for (const char c : text) found |= c == '\r' || c == '\n' || c == '\0';
  return found;
}

void append_number(std::string& out, std::size_t n) {
  std::array<char, 20> digits{};
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr);
}

// What the socket takes at once of a request; the rest is for async_write. A request nearly always fits.
std::size_t write_now(asio::ip::tcp::socket& socket, std::span<const asio::const_buffer> out, error_code& e) {
  const std::size_t sent = socket.write_some(out, e);
  if (e == asio::error::would_block || e == asio::error::try_again) e = {};
  return sent;
}
std::size_t write_now(asio::ssl::stream<asio::ip::tcp::socket&>&, std::span<const asio::const_buffer>,
                      error_code&) {
  return 0;
}

// What can be read at once. Of TLS that is the rest of a record: more would be read from the socket for as
// long as a server sends records that hold nothing.
std::size_t read_now(asio::ip::tcp::socket& socket, asio::mutable_buffer into, error_code& e) {
  const std::size_t n = socket.read_some(asio::buffer(into), e);
  if (e == asio::error::would_block || e == asio::error::try_again) e = {};
  return n;
}
std::size_t read_now(asio::ssl::stream<asio::ip::tcp::socket&>& stream, asio::mutable_buffer into,
                     error_code& e) {
  return SSL_pending(stream.native_handle()) > 0 ? stream.read_some(asio::buffer(into), e) : 0;
}

// The peer went away, as opposed to: it answered what cannot be understood.
bool is_closed(const error_code& e) noexcept {
  return e == beast::http::error::end_of_stream || e == beast::http::error::partial_message ||
         e == asio::error::eof || e == asio::error::connection_reset || e == asio::error::broken_pipe ||
         e == asio::error::connection_aborted || e == asio::ssl::error::stream_truncated;
}

}  // namespace

struct client::impl {
  impl(const asio::any_io_executor& executor, endpoint to, options o, std::shared_ptr<asio::ssl::context> tls)
      : link(executor, std::move(to), std::move(tls)), limits(o) {}

  asio::awaitable<result<response>> send(const request& r, milliseconds timeout);
  template <class Stream>
  asio::awaitable<error_code> exchange(Stream& stream, const request& r, std::string_view body);
  asio::awaitable<error_code> wait_for_memory(milliseconds longest);
  void start_clock(milliseconds timeout);
  template <class Stream>
  void read(Stream& stream, std::string_view first, error_code& e);
  void parse(std::string_view came, error_code& e);
  bool write_head(const request& r);
  failure failed(const error_code& e, milliseconds timeout) const;
  response received();
  bool wants_memory() const noexcept { return memory && !memory->granted(); }
  bool timed_out() const noexcept { return limit && limit->expired(); }

  connection link;
  options limits;
  std::string head;
  std::string unread;  ///< what came of an answer and is not understood yet
  answer got;
  std::optional<answer_parser> parser;
  byte_budget* budget = nullptr;  ///< of the call in flight
  std::optional<byte_budget::claim> memory;
  asio::steady_timer* turn = nullptr;  ///< while the answer waits for memory
  std::chrono::steady_clock::duration waited{};
  std::optional<deadline> limit;
  milliseconds time_for_it{0};  ///< what `limit` began with
  bool cancelled = false;       ///< closed from outside during this call
};

bool client::impl::write_head(const request& r) {
  head.clear();
  ((head += r.method) += ' ') += r.target;
  ((head += " HTTP/1.1\r\nHost: ") += link.to().host_header) += "\r\n";
  if (!r.body.empty() || r.method != "GET") {
    head += "Content-Length: ";
    append_number(head, r.body.size());
    head += "\r\n";
  }
  for (const header& h : r.headers) {
    if (has_line_break(h.name) || has_line_break(h.value)) return false;
    (((head += h.name) += ": ") += h.value) += "\r\n";
  }
  head += "\r\n";
  return !has_line_break(r.target);
}

template <class Stream>
asio::awaitable<error_code> client::impl::exchange(Stream& stream, const request& r, std::string_view body) {
  error_code e;
  std::array<asio::const_buffer, 2> out = {asio::buffer(head), asio::buffer(body)};
  std::size_t sent = write_now(stream, out, e);
  if (!e && sent < head.size() + body.size()) {
    for (asio::const_buffer& part : out) {
      const std::size_t done = std::min(sent, part.size());
      part += done;
      sent -= done;
    }
    co_await asio::async_write(stream, out, asio::redirect_error(asio::use_awaitable, e));
  }
  if (e) {
    parser.emplace(got, limits);
    co_return e;
  }
  // No memory is kept for an answer until it comes: hundreds of long polls wait at once.
  do {  // 1xx answers come before the one that was asked for
    parser.emplace(got, limits);
    parser->eager(budget == nullptr);  // else it stops behind the header
    parse({}, e);
    while (!parser->is_done() && !e) {
      if constexpr (std::is_same_v<Stream, asio::ip::tcp::socket>) {
        co_await stream.async_wait(asio::socket_base::wait_read,
                                   asio::redirect_error(asio::use_awaitable, e));
        if (!e) read(stream, {}, e);
      } else {                       // what is decrypted already makes no socket readable
        std::array<char, 64> first;  // NOLINT(cppcoreguidelines-pro-type-member-init)
        const std::size_t n = co_await stream.async_read_some(asio::buffer(first),
                                                              asio::redirect_error(asio::use_awaitable, e));
        if (!e) read(stream, {first.data(), n}, e);
      }
      if (e == asio::error::eof && parser->got_some()) parser->put_eof(e);
      if (!e && wants_memory()) {
        e = co_await wait_for_memory(r.memory_wait);
        if (!e) parse({}, e);
      }
    }
  } while (!e && got.status / 100 == 1);
  co_return e;
}

// Reads what has come behind `first`, without waiting, and parses it.
template <class Stream>
void client::impl::read(Stream& stream, std::string_view first, error_code& e) {
  std::array<char, read_bytes> came;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  first.copy(came.data(), first.size());
  const bool will_wait = budget != nullptr && !memory && budget->has_waiting();
  const auto rest = asio::buffer(came, will_wait ? header_read_bytes : read_bytes) + first.size();
  const std::size_t n = first.size() + read_now(stream, rest, e);
  error_code refused;
  parse({came.data(), n}, refused);
  if (refused || parser->is_done()) e = refused;
}

// Gives the parser what came, behind what it did not understand before.
void client::impl::parse(std::string_view came, error_code& e) {
  if (!unread.empty()) came = unread += came;
  while (!came.empty() && !parser->is_done() && !wants_memory()) {
    const std::size_t used = parser->take(asio::buffer(came), e);
    came.remove_prefix(used);
    if (e || used == 0) break;
    if (budget != nullptr && !memory && parser->is_header_done() && !parser->is_done()) {
      memory.emplace(*budget, parser->body_bytes());
      parser->eager(true);
    }
  }
  if (unread.empty()) {
    unread = came;
  } else {
    unread.erase(0, unread.size() - came.size());
    if (unread.empty()) std::string().swap(unread);  // an answer that waited for memory leaves none behind
  }
  if (!e && unread.size() > unread_bytes_max) e = beast::http::error::buffer_overflow;
}

// The socket is not read meanwhile, so the server waits, too. The time that an answer may take begins anew.
asio::awaitable<error_code> client::impl::wait_for_memory(milliseconds longest) {
  limit.reset();
  const auto began = std::chrono::steady_clock::now();
  asio::steady_timer timer(link.plain().get_executor(), longest);
  memory->when_granted([&timer] { timer.cancel(); });
  turn = &timer;
  error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  turn = nullptr;
  waited = std::chrono::steady_clock::now() - began;
  if (cancelled) co_return asio::error::operation_aborted;
  if (wants_memory()) co_return no_memory();
  start_clock(time_for_it);
  co_return error_code();
}

void client::impl::start_clock(milliseconds timeout) {
  time_for_it = timeout;
  limit.emplace(link.plain().get_executor(), timeout, [this] { link.close(); });
}

asio::awaitable<result<response>> client::impl::send(const request& r, milliseconds timeout) {
  cancelled = false;
  budget = r.memory;
  if (budget != nullptr) memory.reset();
  if (!write_head(r)) {
    co_return failure{errc::bad_configuration,
                      fmt::format("{} {}: a header holds a line break", r.method, to_string(link.to())),
                      "look for one at the end of a token or key"};
  }
  std::string_view body = r.body;
  if (link.to().tls) {  // each buffer would be a TLS record of its own, in a packet of its own
    head += body;
    body = {};
  }
  for (;;) {
    const bool reused = link.is_open();
    if (!reused) {
      unread.clear();
      auto opened = co_await link.open(limits.connect_timeout);
      if (cancelled) co_return failure{errc::cancelled, "connection closed on demand"};
      if (!opened) co_return opened.error();
    }
    start_clock(timeout);
    waited = {};
    error_code e;
    if (link.to().tls) {
      e = co_await exchange(link.secure(), r, body);
    } else {
      e = co_await exchange(link.plain(), r, body);
    }
    if (!e) break;
    link.close();
    if (budget != nullptr) {
      got.clear();
      memory.reset();
    }
    if (cancelled) co_return failure{errc::cancelled, "connection closed on demand"};
    const bool was_idle_closed = reused && is_closed(e) && !parser->got_some() && !timed_out();
    if (!was_idle_closed || !r.repeatable) co_return failed(e, timeout);
  }
  limit.reset();
  co_return received();
}

response client::impl::received() {
  // Bytes that nobody asked for would be taken for the next answer.
  if (!parser->keep_alive() || !unread.empty()) link.close();
  const std::size_t size = got.body.size();
  if (budget != nullptr && memory) memory->keep(size);
  got.body.append(response::body_padding, '\0');
  return {.status = got.status,
          .body = std::string_view(got.body).substr(0, size),
          .error_type = got.error_type,
          .query_error = got.query_error,
          .date = got.date,
          .content_type = got.content_type};
}

failure client::impl::failed(const error_code& e, milliseconds timeout) const {
  const std::string where = to_string(link.to());
  if (e == no_memory()) {
    const auto seconds = std::chrono::duration<double>(waited).count();
    return {e, fmt::format("{}: an answer waited for {:.1f} s for memory, and was not read", where, seconds)};
  }
  if (timed_out()) {
    return {errc::timed_out, fmt::format("{}: no whole answer within {} ms", where, timeout.count()),
            "are host and port right, and does the network let it through?"};
  }
  if (is_closed(e)) {
    return {errc::connection_closed,
            fmt::format("{} closed the connection {}", where,
                        parser->got_some() ? "in the middle of its answer" : "before it answered")};
  }
  if (e == beast::http::error::header_limit || e == beast::http::error::buffer_overflow) {
    return {errc::too_large,
            fmt::format("{}: the answer's header, or a line in it, is over {} bytes", where,
                        e == beast::http::error::header_limit ? limits.header_bytes_max : unread_bytes_max)};
  }
  if (e == beast::http::error::body_limit) {
    return {errc::too_large,
            fmt::format("{}: the answer's body is over {} bytes", where, limits.body_bytes_max)};
  }
  if (e.category() == beast::http::make_error_code(beast::http::error::bad_version).category()) {
    return {errc::bad_answer, fmt::format("{}: the answer is not HTTP/1.1: {}", where, e.message()),
            "is it an SQS endpoint?"};
  }
  return {e, fmt::format("{}: {}", where, e.message())};
}

client::client(asio::any_io_executor executor, endpoint to, options o,
               std::shared_ptr<asio::ssl::context> tls)
    : impl_(std::make_unique<impl>(std::move(executor), std::move(to), o, std::move(tls))) {}
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;
client::~client() = default;

asio::awaitable<result<response>> client::send(const request& r, milliseconds timeout) {
  return impl_->send(r, timeout);
}

std::chrono::steady_clock::duration client::waited() const noexcept {
  return impl_->waited;
}

void client::drop_body() noexcept {
  impl_->got.drop_body();
}

void client::release() noexcept {
  drop_body();
  impl_->memory.reset();
}

const endpoint& client::to() const noexcept {
  return impl_->link.to();
}

void client::close() noexcept {
  impl_->cancelled = true;
  if (impl_->turn != nullptr) impl_->turn->cancel();
  impl_->link.close();
}

}  // namespace sluice::http
