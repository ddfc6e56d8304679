#include "pg/connection.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/assert.hpp>
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <tuple>

#include "core/verdict.hpp"
#include "http/deadline.hpp"
#include "pg/errors.hpp"
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

struct clear_result {
  void operator()(PGresult* r) const noexcept { PQclear(r); }
};
using result_ptr = std::unique_ptr<PGresult, clear_result>;

/// Fills empty fields with what libpq would take: environment, service file, compiled defaults.
connect_options with_defaults(connect_options o) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> defaults(PQconndefaults(),
                                                                              PQconninfoFree);
  const auto fill = [&](std::string& field, std::string_view keyword) {
    for (const PQconninfoOption* d = defaults.get(); field.empty() && d != nullptr && d->keyword != nullptr;
         ++d) {
      if (d->keyword == keyword && d->val != nullptr) field = d->val;
    }
  };
  fill(o.host, "host");
  fill(o.port, "port");
  fill(o.user, "user");
  fill(o.database, "dbname");
  if (o.database.empty()) o.database = o.user;
  return o;
}

bool is_given(const connect_options& o, std::string_view keyword, const char* variable) {
  return std::getenv(variable) != nullptr ||
         std::ranges::any_of(o.extra, [&](const auto& e) { return e.first == keyword; });
}

PGconn* start_connecting(const connect_options& o, const addresses& at) {
  std::vector<const char*> keywords, values;
  const auto add = [&](const char* keyword, const char* value) {
    if (*value == '\0') return;
    keywords.push_back(keyword);
    values.push_back(value);
  };
  add("host", at.host.c_str());
  add("hostaddr", at.hostaddr.c_str());
  add("port", at.port.c_str());
  add("user", o.user.c_str());
  add("dbname", o.database.c_str());
  add("password", o.password.c_str());
  add("application_name", o.application_name.c_str());
  // libpq would ask for GSSAPI encryption first, and lose a round trip.
  if (!is_given(o, "gssencmode", "PGGSSENCMODE")) add("gssencmode", "disable");
  for (const auto& [keyword, value] : o.extra) add(keyword.c_str(), value.c_str());
  add("client_encoding", "UTF8");
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  return PQconnectStartParams(keywords.data(), values.data(), 0);
}

}  // namespace

struct connection::impl {
  enum class readiness { read, write, either };

  impl(asio::any_io_executor e, connect_options o)
      : executor(std::move(e)), options(with_defaults(std::move(o))), names(executor), socket(executor) {}
  ~impl() { finish(); }

  awaitable<result<>> connect();
  awaitable<query_result> simple(std::string sql, std::span<const copy_source> sources);
  awaitable<query_result> extended(std::string sql, std::vector<std::optional<std::string>> parameters);
  awaitable<void> rollback();
  void close() noexcept;

 private:
  awaitable<result<>> wait(readiness what);
  awaitable<result<>> flush();
  awaitable<result<result_ptr>> next_result();
  awaitable<result<>> send(const copy_source& source);
  awaitable<query_result> answers(bool sent, std::span<const copy_source> sources);
  result<> assign_socket();
  void finish() noexcept;

  failure ended(failure f) {
    finish();
    return f;
  }
  void start_clock(std::chrono::milliseconds most) {
    allowed = most;
    due = std::chrono::steady_clock::now() + most;
  }

 public:
  asio::any_io_executor executor;
  connect_options options;
  PGconn* pg = nullptr;

 private:
  resolver names;
  stream_descriptor socket;
  bool closed_outside = false;
  std::chrono::milliseconds allowed{};
  std::chrono::steady_clock::time_point due{};
};

/// Releases the descriptor first: it would close the socket, which is libpq's, under another file's number.
void connection::impl::finish() noexcept {
  if (socket.is_open()) socket.release();
  PQfinish(std::exchange(pg, nullptr));
}

void connection::impl::close() noexcept {
  closed_outside = true;
  names.cancel();
  finish();
}

result<> connection::impl::assign_socket() {
  error_code e;
  socket.assign(PQsocket(pg), e);
  if (e) return failure(e, fmt::format("the socket of {} cannot be watched", options.where()));
  return {};
}

/// After this has failed, `pg` may be null: the caller returns at once.
awaitable<result<>> connection::impl::wait(readiness what) {
  const deadline limit(executor, due - std::chrono::steady_clock::now(), [this] { socket.cancel(); });
  error_code e;
  switch (what) {
    case readiness::read:
      std::tie(e) = co_await socket.async_wait(stream_descriptor::wait_read, as_result);
      break;
    case readiness::write:
      std::tie(e) = co_await socket.async_wait(stream_descriptor::wait_write, as_result);
      break;
    case readiness::either: {
      auto both = asio::experimental::make_parallel_group(
          socket.async_wait(stream_descriptor::wait_read, asio::deferred),
          socket.async_wait(stream_descriptor::wait_write, asio::deferred));
      const auto [order, read, write] =
          co_await both.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
      e = order[0] == 0 ? read : write;
      break;
    }
  }
  if (closed_outside)
    co_return failure(errc::cancelled, fmt::format("closed connection to {}", options.where()));
  if (limit.expired()) {
    co_return ended({errc::timed_out,
                     fmt::format("no answer from PostgreSQL at {} within {}", options.where(), allowed)});
  }
  if (e) co_return ended(failure(e, fmt::format("connection to PostgreSQL at {} failed", options.where())));
  co_return result<>{};
}

awaitable<result<>> connection::impl::connect() {
  finish();
  closed_outside = false;
  start_clock(options.connect_timeout);
  const bool given = is_given(options, "hostaddr", "PGHOSTADDR");
  addresses at{options.host, {}, options.port};
  if (!given) {
    auto found = co_await names.resolve(options.host, options.port, due);
    if (!found) co_return found.error();
    at = std::move(*found);
  }

  pg = start_connecting(options, at);
  if (pg == nullptr) throw std::bad_alloc();
  PQsetErrorVerbosity(pg, PQERRORS_SQLSTATE);
  PQsetNoticeReceiver(pg, [](void*, const PGresult*) {}, nullptr);
  PostgresPollingStatusType next =
      PQstatus(pg) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
    if (auto assigned = assign_socket(); !assigned) co_return ended(assigned.error());
    auto ready = co_await wait(next == PGRES_POLLING_READING ? readiness::read : readiness::write);
    if (!ready) co_return ready.error();
    // The poll may close the socket and open another under the same number, which epoll would not know.
    socket.release();
    next = PQconnectPoll(pg);
  }
  if (next != PGRES_POLLING_OK) {
    co_return ended(connect_failure(options, PQerrorMessage(pg), PQconnectionNeedsPassword(pg) != 0));
  }
  if (PQsetnonblocking(pg, 1) != 0) co_return ended(lost(options));
  if (auto assigned = assign_socket(); !assigned) co_return ended(assigned.error());
  co_return result<>{};
}

/// Until libpq has sent all: reads meanwhile, for a server that waits for us to read would never take more.
awaitable<result<>> connection::impl::flush() {
  for (;;) {
    const int pending = PQflush(pg);
    if (pending == 0) co_return result<>{};
    if (pending < 0) co_return ended(lost(options));
    if (auto ready = co_await wait(readiness::either); !ready) co_return ready.error();
    if (PQconsumeInput(pg) == 0) co_return ended(lost(options));
  }
}

/// Null when there is no more. What libpq has read already is used before the socket is waited for.
awaitable<result<result_ptr>> connection::impl::next_result() {
  start_clock(options.statement_timeout);
  if (auto sent = co_await flush(); !sent) co_return sent.error();
  while (PQisBusy(pg) != 0) {
    if (auto ready = co_await wait(readiness::read); !ready) co_return ready.error();
    if (PQconsumeInput(pg) == 0) co_return ended(lost(options));
  }
  co_return result_ptr(PQgetResult(pg));
}

awaitable<result<>> connection::impl::send(const copy_source& source) {
  std::size_t unflushed = 0;
  for (std::span<const std::byte> part : source) {
    while (!part.empty()) {
      const std::size_t n = std::min(part.size(), copy_chunk_bytes);
      if (PQputCopyData(pg, reinterpret_cast<const char*>(part.data()), static_cast<int>(n)) != 1) {
        co_return ended(lost(options));
      }
      part = part.subspan(n);
      unflushed += n;
      if (unflushed < copy_chunk_bytes) continue;
      unflushed = 0;
      start_clock(options.statement_timeout);
      if (auto sent = co_await flush(); !sent) co_return sent.error();
    }
  }
  if (PQputCopyEnd(pg, nullptr) != 1) co_return ended(lost(options));
  co_return result<>{};
}

namespace {

/// Takes what a result says into `got`, or the error into `refused`. False for what no query of ours can
/// bring.
bool take(const PGresult* r, rows& got, std::optional<server_error>& refused, std::size_t& statement,
          const connect_options& o) {
  switch (PQresultStatus(r)) {
    case PGRES_TUPLES_OK:
      got.values.clear();
      for (int i = 0; i < PQntuples(r); ++i) {
        auto& row = got.values.emplace_back(static_cast<std::size_t>(PQnfields(r)));
        for (int j = 0; j < PQnfields(r); ++j) {
          if (PQgetisnull(r, i, j) != 0) continue;
          row[static_cast<std::size_t>(j)].emplace(PQgetvalue(r, i, j),
                                                   static_cast<std::size_t>(PQgetlength(r, i, j)));
        }
      }
      [[fallthrough]];
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY: {
      auto* any = const_cast<PGresult*>(r);  // libpq 15 does not say const here
      const std::string_view count = PQcmdTuples(any);
      std::from_chars(count.data(), count.data() + count.size(), got.affected);
      got.tag = PQcmdStatus(any);
      ++statement;
      return true;
    }
    case PGRES_FATAL_ERROR:
      if (refused) return true;
      refused = read_error(r, o);
      refused->statement = statement;
      return true;
    default: return false;
  }
}

}  // namespace

awaitable<query_result> connection::impl::answers(bool sent, std::span<const copy_source> sources) {
  if (!sent) co_return server_error{.why = ended(lost(options))};
  rows got;
  std::optional<server_error> refused;
  std::size_t statement = 0, next_source = 0;
  for (;;) {
    auto answer = co_await next_result();
    if (!answer) co_return server_error{.why = answer.error()};
    const PGresult* r = answer->get();
    if (r == nullptr) break;
    if (PQresultStatus(r) != PGRES_COPY_IN) {
      if (take(r, got, refused, statement, options)) continue;
      co_return server_error{.why = ended({errc::bad_answer, "an answer that no query of ours asks for"})};
    }
    answer->reset();
    BOOST_ASSERT_MSG(next_source < sources.size(), "a COPY without a source");
    if (auto done = co_await send(sources[next_source++]); !done) co_return server_error{.why = done.error()};
  }
  // libpq still takes a terminated connection for a good one here (57P01).
  if (PQstatus(pg) == CONNECTION_BAD || (refused && classify(refused->why) == verdict::reconnect)) finish();
  if (refused) co_return std::move(*refused);
  co_return got;
}

awaitable<query_result> connection::impl::simple(std::string sql, std::span<const copy_source> sources) {
  if (pg == nullptr) co_return server_error{.why = lost(options)};
  closed_outside = false;
  co_return co_await answers(PQsendQuery(pg, sql.c_str()) == 1, sources);
}

awaitable<query_result> connection::impl::extended(std::string sql,
                                                   std::vector<std::optional<std::string>> parameters) {
  if (pg == nullptr) co_return server_error{.why = lost(options)};
  closed_outside = false;
  std::vector<const char*> values;
  for (const auto& p : parameters) values.push_back(p ? p->c_str() : nullptr);
  const bool sent = PQsendQueryParams(pg, sql.c_str(), static_cast<int>(values.size()), nullptr,
                                      values.data(), nullptr, nullptr, 0) == 1;
  co_return co_await answers(sent, {});
}

awaitable<void> connection::impl::rollback() {
  if (pg == nullptr || PQtransactionStatus(pg) == PQTRANS_IDLE) co_return;
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
  return impl_->pg != nullptr && PQstatus(impl_->pg) == CONNECTION_OK;
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
  return impl_->options;
}
int connection::server_version() const noexcept {
  return PQserverVersion(impl_->pg);
}

void throw_exception_from_error(const server_error& e, const boost::source_location&) {
  throw std::runtime_error(e.why.line());
}

}  // namespace sluice::pg
