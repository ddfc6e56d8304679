#include "pg/connection.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/assert.hpp>
#include <stdexcept>
#include <tuple>

#include "core/verdict.hpp"
#include "http/deadline.hpp"
#include "pg/errors.hpp"
#include "pg/libpq.hpp"
#include "pg/resolve.hpp"

namespace sluice::pg {
namespace asio = boost::asio;
using asio::awaitable;
using asio::posix::stream_descriptor;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
/// What is handed to libpq before its buffer is flushed: PQputCopyData never says "full", the buffer only
/// grows.
constexpr std::size_t copy_chunk_bytes = 64U << 10U;

}  // namespace

struct connection::impl {
  enum class readiness { read, write, either };

  impl(asio::any_io_executor e, connect_options o)
      : executor_(std::move(e)),
        options_(with_defaults(std::move(o))),
        names_(executor_),
        socket_(executor_) {}
  ~impl() { finish(); }

  awaitable<result<>> connect();
  awaitable<query_result> simple(std::string sql, std::span<const copy_source> sources);
  awaitable<query_result> extended(std::string sql, std::vector<std::optional<std::string>> parameters);
  awaitable<void> rollback();
  void close() noexcept;

  bool connected() const noexcept { return pg_ != nullptr && PQstatus(pg_) == CONNECTION_OK; }
  int server_version() const noexcept { return PQserverVersion(pg_); }
  const connect_options& options() const noexcept { return options_; }

 private:
  awaitable<result<>> wait(readiness what);
  awaitable<result<>> flush();
  awaitable<result<result_ptr>> next_result();
  awaitable<result<>> send(const copy_source& source);
  awaitable<query_result> answers(bool sent, std::span<const copy_source> sources);
  result<> assign_socket();
  void finish() noexcept;

  failure closed() const {
    return {errc::cancelled, fmt::format("closed connection to {}", options_.where())};
  }
  failure ended(failure f) {
    finish();
    return f;
  }
  void start_clock(std::chrono::milliseconds most) {
    allowed_ = most;
    due_ = std::chrono::steady_clock::now() + most;
  }

  asio::any_io_executor executor_;
  connect_options options_;
  PGconn* pg_ = nullptr;
  resolver names_;
  stream_descriptor socket_;
  boost::asio::cancellation_signal end_wait_;  ///< for a password
  bool closed_outside_ = false;
  std::size_t turns_ = 0;  ///< of the list of addresses
  std::chrono::milliseconds allowed_{};
  std::chrono::steady_clock::time_point due_{};
};

/// Releases the descriptor first: it would close the socket, which is libpq's, under another file's number.
void connection::impl::finish() noexcept {
  if (socket_.is_open()) socket_.release();
  PQfinish(std::exchange(pg_, nullptr));
}

void connection::impl::close() noexcept {
  closed_outside_ = true;
  end_wait_.emit(boost::asio::cancellation_type::terminal);
  names_.cancel();
  finish();
}

result<> connection::impl::assign_socket() {
  error_code e;
  socket_.assign(PQsocket(pg_), e);
  if (e) return failure(e, fmt::format("the socket of {} cannot be watched", options_.where()));
  return {};
}

/// After this has failed, `pg_` may be null: the caller returns at once.
awaitable<result<>> connection::impl::wait(readiness what) {
  const deadline limit(executor_, due_ - std::chrono::steady_clock::now(), [this] { socket_.cancel(); });
  error_code e;
  switch (what) {
    case readiness::read:
      std::tie(e) = co_await socket_.async_wait(stream_descriptor::wait_read, as_result);
      break;
    case readiness::write:
      std::tie(e) = co_await socket_.async_wait(stream_descriptor::wait_write, as_result);
      break;
    case readiness::either: {
      auto both = asio::experimental::make_parallel_group(
          socket_.async_wait(stream_descriptor::wait_read, asio::deferred),
          socket_.async_wait(stream_descriptor::wait_write, asio::deferred));
      const auto [order, read, write] =
          co_await both.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
      e = order[0] == 0 ? read : write;
      break;
    }
  }
  if (closed_outside_) co_return closed();
  if (limit.expired()) {
    co_return ended(
        {errc::timed_out,
         fmt::format("no answer from PostgreSQL at {} within {} ms", options_.where(), allowed_.count()),
         "is it PostgreSQL that is there, and does the network let it through?"});
  }
  if (e) co_return ended(failure(e, fmt::format("connection to PostgreSQL at {} failed", options_.where())));
  co_return result<>{};
}

awaitable<result<>> connection::impl::connect() {
  finish();
  closed_outside_ = false;
  if (options_.password_for) {
    auto made = co_await options_.password_for(executor_, options_, end_wait_.slot());
    if (closed_outside_) co_return closed();
    if (!made) co_return made.error();
    options_.password = *std::move(made);
  }
  start_clock(options_.connect_timeout);
  const bool given = is_given(options_, "hostaddr", "PGHOSTADDR");
  addresses at{options_.host, {}, options_.port};
  if (!given) {
    auto found = co_await names_.resolve(options_.host, options_.port, due_);
    if (!found) co_return found.error();
    at = turned(*found, turns_);
  }

  pg_ = start_connecting(options_, at);
  if (pg_ == nullptr) throw std::bad_alloc();
  PQsetErrorVerbosity(pg_, PQERRORS_SQLSTATE);
  PQsetNoticeReceiver(pg_, [](void*, const PGresult*) {}, nullptr);
  PostgresPollingStatusType next =
      PQstatus(pg_) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
    if (auto assigned = assign_socket(); !assigned) co_return ended(assigned.error());
    auto ready = co_await wait(next == PGRES_POLLING_READING ? readiness::read : readiness::write);
    // libpq goes on to the next address when one refuses, but one that says nothing uses up all of the time:
    // the next attempt begins behind it.
    if (!ready && ready.error().code == errc::timed_out) ++turns_;
    if (!ready) co_return ready.error();
    // The poll may close the socket and open another under the same number, which epoll would not know.
    socket_.release();
    next = PQconnectPoll(pg_);
  }
  if (next != PGRES_POLLING_OK) {
    co_return ended(connect_failure(options_, PQerrorMessage(pg_), PQconnectionNeedsPassword(pg_) != 0));
  }
  if (PQsetnonblocking(pg_, 1) != 0) co_return ended(lost(options_));
  if (auto assigned = assign_socket(); !assigned) co_return ended(assigned.error());
  co_return result<>{};
}

/// Until libpq has sent all: reads meanwhile, for a server that waits for us to read would never take more.
awaitable<result<>> connection::impl::flush() {
  for (;;) {
    const int pending = PQflush(pg_);
    if (pending == 0) co_return result<>{};
    if (pending < 0) co_return ended(lost(options_));
    if (auto ready = co_await wait(readiness::either); !ready) co_return ready.error();
    if (PQconsumeInput(pg_) == 0) co_return ended(lost(options_));
  }
}

/// Null when there is no more. What libpq has read already is used before the socket is waited for.
awaitable<result<result_ptr>> connection::impl::next_result() {
  start_clock(options_.statement_timeout);
  if (auto sent = co_await flush(); !sent) co_return sent.error();
  while (PQisBusy(pg_) != 0) {
    if (auto ready = co_await wait(readiness::read); !ready) co_return ready.error();
    if (PQconsumeInput(pg_) == 0) co_return ended(lost(options_));
  }
  co_return result_ptr(PQgetResult(pg_));
}

awaitable<result<>> connection::impl::send(const copy_source& source) {
  std::size_t unflushed = 0;
  for (std::span<const std::byte> part : source) {
    while (!part.empty()) {
      const std::size_t n = std::min(part.size(), copy_chunk_bytes);
      if (PQputCopyData(pg_, reinterpret_cast<const char*>(part.data()), static_cast<int>(n)) != 1) {
        co_return ended(lost(options_));
      }
      part = part.subspan(n);
      unflushed += n;
      if (unflushed < copy_chunk_bytes) continue;
      unflushed = 0;
      start_clock(options_.statement_timeout);
      if (auto sent = co_await flush(); !sent) co_return sent.error();
    }
  }
  if (PQputCopyEnd(pg_, nullptr) != 1) co_return ended(lost(options_));
  co_return result<>{};
}

awaitable<query_result> connection::impl::answers(bool sent, std::span<const copy_source> sources) {
  if (!sent) co_return server_error{.why = ended(lost(options_))};
  answer all;
  std::size_t next_source = 0;
  for (;;) {
    auto next = co_await next_result();
    if (!next) co_return server_error{.why = next.error()};
    const PGresult* r = next->get();
    if (r == nullptr) break;
    if (PQresultStatus(r) != PGRES_COPY_IN) {
      if (take(r, all, options_)) continue;
      co_return server_error{.why = ended({errc::bad_answer, "an answer that no query of ours asks for"})};
    }
    next->reset();
    if (next_source == sources.size())
      co_return server_error{.why = ended({errc::bad_answer, "COPY wants rows that no query of ours sends"})};
    if (auto done = co_await send(sources[next_source++]); !done) co_return server_error{.why = done.error()};
  }
  // libpq still takes a terminated connection for a good one here (57P01).
  const bool lost = all.refused && !all.refused->raised && classify(all.refused->why) == verdict::reconnect;
  if (PQstatus(pg_) == CONNECTION_BAD || lost) finish();
  if (lost && all.refused->why.code == sqlstate("25006"))
    ++turns_;  // a standby: another may be the primary now
  if (all.refused) co_return std::move(*all.refused);
  co_return std::move(all.got);
}

awaitable<query_result> connection::impl::simple(std::string sql, std::span<const copy_source> sources) {
  if (pg_ == nullptr) co_return server_error{.why = lost(options_)};
  closed_outside_ = false;
  co_return co_await answers(PQsendQuery(pg_, sql.c_str()) == 1, sources);
}

awaitable<query_result> connection::impl::extended(std::string sql,
                                                   std::vector<std::optional<std::string>> parameters) {
  if (pg_ == nullptr) co_return server_error{.why = lost(options_)};
  closed_outside_ = false;
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const auto& p : parameters) values.push_back(p ? p->c_str() : nullptr);
  const bool sent = PQsendQueryParams(pg_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                                      values.data(), nullptr, nullptr, 0) == 1;
  co_return co_await answers(sent, {});
}

awaitable<void> connection::impl::rollback() {
  if (pg_ == nullptr || PQtransactionStatus(pg_) == PQTRANS_IDLE) co_return;
  const auto done = co_await simple("ROLLBACK", {});
  if (!done) finish();
}

connection::connection(asio::any_io_executor executor, connect_options o)
    : impl_(std::make_unique<impl>(std::move(executor), std::move(o))) {}
connection::connection(connection&&) noexcept = default;
connection& connection::operator=(connection&&) noexcept = default;
connection::~connection() = default;

awaitable<result<>> connection::connect() {
  return impl_->connect();
}
bool connection::connected() const noexcept {
  return impl_->connected();
}
void connection::close() noexcept {
  impl_->close();
}
awaitable<query_result> connection::query(std::string_view sql, std::span<const copy_source> sources) {
  return impl_->simple(std::string(sql), sources);
}
awaitable<query_result> connection::execute(std::string_view sql,
                                            std::vector<std::optional<std::string>> parameters) {
  return impl_->extended(std::string(sql), std::move(parameters));
}
awaitable<void> connection::rollback() {
  return impl_->rollback();
}
const connect_options& connection::options() const noexcept {
  return impl_->options();
}
int connection::server_version() const noexcept {
  return impl_->server_version();
}

void throw_exception_from_error(const server_error& e, const boost::source_location&) {
  throw std::runtime_error(e.why.line());
}

}  // namespace sluice::pg
