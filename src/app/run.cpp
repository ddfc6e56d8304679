#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "app/commands.hpp"
#include "app/context.hpp"
#include "app/grade.hpp"
#include "app/ledger_keeper.hpp"
#include "app/open_files.hpp"
#include "app/progress.hpp"
#include "app/second_signal.hpp"
#include "app/task_protection.hpp"
#include "app/watch.hpp"
#include "core/backoff.hpp"
#include "core/verdict.hpp"
#include "observe/emf.hpp"
#include "observe/line_writer.hpp"
#include "observe/process.hpp"
#include "pg/catalogue.hpp"
#include "pipeline/lane.hpp"
#include "pipeline/pg_sink.hpp"
#include "pipeline/signal.hpp"
#include "pipeline/sqs_queue.hpp"
#include "sqs/trace.hpp"

namespace sluice::app {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
template <class T>
using awaitable = boost::asio::awaitable<T>;

constexpr std::uint64_t backlog_min = 1'000;  ///< messages that wait: more than a few receives at once
/// Bodies in answers of the queue, in all loops. An answer of the ten largest messages is more than a loop's
/// part, and is read when nothing else is held.
constexpr std::size_t answer_bytes_max = std::size_t{16} << 20;
constexpr auto emf_every = 1min;
constexpr auto protection_every = 1s;

/// One loop on one thread.
struct worker {
  boost::asio::io_context loop{1};
  std::optional<mask::sealer> seal;
  pg::load_history history;
  std::unique_ptr<pipeline::lane> lane;
  result<> outcome;
  std::exception_ptr broken;
  std::thread thread;
};

/// A run from start to end. The control loop (main thread) has the signals, the progress bar and the upkeep
/// of the ledger; the lanes have threads of their own.
class service {
 public:
  service(const config& c, bool until_empty, observe::counters& counters)
      : config_(c),
        files_max_(raise_open_files()),
        few_files_(fit_open_files(config_.pipeline, c.threads, files_max_)),
        until_empty_(until_empty),
        log_(c.log_format, c.log_level),
        counters_(counters) {}
  int run();

 private:
  awaitable<result<>> prepare();
  awaitable<result<>> look_at_all();
  result<> make_workers();
  result<> make_lane(worker& w);
  awaitable<void> control();
  void begin(awaitable<void> task);
  awaitable<void> watch_signals();
  awaitable<void> watch_hangups();
  result<> reload_keys();
  awaitable<void> tell_when_let_go(std::string key);
  bool holds(std::string_view key) const;
  std::string oldest_key() const;
  awaitable<void> report_emf();
  void ended(const worker& w);
  void help();
  void stop_all();
  void show(progress& bar);
  int conclude(clock::duration took);
  result<> open_watch();
  result<> make_protection();
  int refuse(const failure& f);

  config config_;  ///< with no more calls in flight than there may be files
  std::size_t files_max_;
  bool few_files_;
  bool until_empty_;
  observe::logger log_;
  observe::counters& counters_;
  boost::asio::io_context loop_{1};
  pipeline::signal changed_{loop_.get_executor()};
  watch watch_{loop_.get_executor(), config_, counters_, log_};
  std::optional<task_protection> protection_;
  std::shared_ptr<const mask::key_ring> keys_;
  /// Those before it, the oldest first. A reader that masks with one keeps it, and so does a batch that was.
  std::vector<std::weak_ptr<const mask::key_ring>> old_keys_;
  pg::load_plan load_plan_;
  queue_info queue_;
  std::string dead_letter_url_;
  pipeline::database_health health_{counters_.held, counters_.databases_away};
  std::vector<std::unique_ptr<worker>> workers_;
  ledger_keeper ledger_{loop_.get_executor(), config_, log_};
  second_signal second_;
  boost::asio::signal_set signals_{loop_, SIGINT, SIGTERM};
  boost::asio::signal_set hangups_{loop_};
  std::size_t tasks_ = 0;  ///< of the control loop
  std::exception_ptr broken_;
  std::size_t alive_ = 0;
  bool stopped_by_signal_ = false;
};

// Somebody waits for a drain, and one lost answer is no reason to refuse it; a peer that stays away is. A
// service waits: whoever starts it anew would not know more.
awaitable<result<>> service::prepare() {
  backoff wait(until_empty_ ? backoff::options{.tries_max = 3}
                            : backoff::options{.tries_max = 0, .total_max = config_.pipeline.queue_away_max},
               std::random_device()());
  for (;;) {
    auto looked = co_await look_at_all();
    const bool again = !looked && may_pass(classify(looked.error()));
    const auto delay = again ? wait.next(clock::now()) : std::nullopt;
    if (!delay) co_return looked;
    if (!until_empty_) {
      const failure& why = looked.error();
      log_.warning("start_delayed", {{"why", why.what}, {"fix", why.fix}, {"retry_in_ms", delay->count()}});
    }
    co_await changed_.wait(*delay);
  }
}

// Everything that can be wrong with settings, keys, queue and table shows here, before a message is touched.
awaitable<result<>> service::look_at_all() {
  auto keys = load_keys(config_);
  if (!keys) co_return keys.error();
  keys_ = *std::move(keys);
  if (auto reader = record::reader::make(config_.plan, keys_); !reader) co_return reader.error();

  auto session = make_session(config_, loop_.get_executor());
  if (!session) co_return session.error();
  sqs::client client(loop_.get_executor(), *session);
  auto found = co_await find_queue(client, config_);
  if (!found) co_return found.error();
  queue_ = *std::move(found);
  auto letters = co_await prepare_bad_messages(client, config_, queue_);
  if (!letters) co_return letters.error();
  dead_letter_url_ = *std::move(letters);

  config_.database.application_name = session_name(queue_);
  pg::connection database(loop_.get_executor(), config_.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  if (auto alone = co_await check_one_database(database, queue_); !alone) co_return alone;
  auto plan = co_await plan_load(database, config_);
  if (!plan) co_return plan.error();
  load_plan_ = *std::move(plan);
  co_return co_await ledger_.start(client, database, queue_);
}

result<> service::make_lane(worker& w) {
  auto session = make_session(config_, w.loop.get_executor());
  if (!session) return session.error();
  auto reader = record::reader::make(config_.plan, keys_);
  if (!reader) return reader.error();

  if (keys_) w.seal = mask::sealer::make(keys_).value();

  const auto executor = w.loop.get_executor();
  const std::size_t answer_bytes = answer_bytes_max / config_.threads;
  (*session)->answers.resize(answer_bytes);
  pipeline::ports ports;
  pipeline::sqs_queue::settings settings{.queue_url = queue_.url,
                                         .visibility = config_.visibility.value_or(0s),
                                         .attributes = config_.plan.attributes(),
                                         .memory_wait = queue_.visibility / 2};
  auto& attributes = settings.attributes;
  if (config_.log_traceparent &&
      std::ranges::find(attributes, sqs::traceparent_attribute) == attributes.end())
    attributes.emplace_back(sqs::traceparent_attribute);
  ports.open_queue = [this, executor, shared = *session, settings]() -> std::unique_ptr<pipeline::queue> {
    return std::make_unique<pipeline::sqs_queue>(executor, shared, settings, counters_);
  };
  ports.open_sink = [this, executor, shared = *session, &w]() -> std::unique_ptr<pipeline::sink> {
    std::unique_ptr<pipeline::dead_letters> letters;
    if (config_.bad == pg::bad_messages::dlq)
      letters = std::make_unique<pipeline::dead_letters>(executor, shared, dead_letter_url_, counters_);
    return std::make_unique<pipeline::pg_sink>(executor, config_.database, load_plan_, w.seal,
                                               std::move(letters), w.history, queue_.is_fifo(), counters_);
  };
  // At idle one loop looks out for messages, and calls the others; a drain needs them all at once.
  const bool looks_out = until_empty_ || workers_.empty();
  if (looks_out) ports.call_for_help = [this] { help(); };
  ports.tell_of_failure = [this] { stop_all(); };
  pipeline::options options = config_.pipeline;
  if (!looks_out) options.pollers_min = 0;
  options.visibility = queue_.visibility;
  options.receive_max = static_cast<std::size_t>(config_.receive_max);
  options.answer_bytes_max = answer_bytes;
  options.message_bytes_max = queue_.message_bytes_max();
  options.until_empty = until_empty_;
  options.leave_bad = config_.bad == pg::bad_messages::leave;
  options.in_order = queue_.is_fifo();
  if (options.in_order) options.loaders = 1;
  options.seed = std::random_device()();
  w.lane = std::make_unique<pipeline::lane>(executor, options, std::move(ports), *std::move(reader), health_,
                                            counters_, log_);
  return {};
}

result<> service::make_workers() {
  for (unsigned i = 0; i < config_.threads; ++i) {
    auto w = std::make_unique<worker>();
    if (auto made = make_lane(*w); !made) return made;
    workers_.push_back(std::move(w));
  }
  if (pipeline::read_backlog(queue_.attributes).visible >= backlog_min) help();
  for (const auto& each : workers_) {
    worker& w = *each;
    boost::asio::co_spawn(w.loop, w.lane->run(), [&w](std::exception_ptr e, result<> outcome) {
      w.broken = e;
      w.outcome = std::move(outcome);
      w.loop.stop();  // nothing of the lane is left, and new credentials that are on their way are not needed
    });
    ++alive_;
    w.thread = std::thread([this, &w] {
      w.loop.run();
      boost::asio::post(loop_, [this, &w] { ended(w); });
    });
  }
  return {};
}

void service::ended(const worker& w) {
  --alive_;
  if (w.broken) stop_all();
  changed_.notify();
}

// From a loop's thread: the workers are all made before the first loop runs.
void service::help() {
  for (const auto& w : workers_) boost::asio::post(w->loop, [lane = w->lane.get()] { lane->help(); });
}

// The others go with one that failed: it may be the one that looks out for them, and who starts sluice anew
// has to know.
void service::stop_all() {
  for (const auto& w : workers_) boost::asio::post(w->loop, [lane = w->lane.get()] { lane->stop(); });
}

// The first: a second one ends the process (see second_signal).
awaitable<void> service::watch_signals() {
  const auto [error, signal] =
      co_await signals_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (error) co_return;
  stopped_by_signal_ = true;
  log_.info("stopping", {{"signal", signal}});
  stop_all();
}

// Everything that can fail is done before a loop is told: they all take the new ring, or none does.
result<> service::reload_keys() {
  if (config_.values.find("keys.ring") != nullptr || config_.values.find("keys.file") == nullptr) {
    return failure{errc::bad_configuration, "the key ring is not in a file, so it is as it was at the start",
                   "name a file with SLUICE_KEYS_FILE instead of SLUICE_KEYS"};
  }
  auto keys = load_keys(config_);
  if (!keys) return keys.error();
  std::vector<record::reader> readers;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    auto reader = record::reader::make(config_.plan, *keys);
    if (!reader) return reader.error();
    readers.push_back(*std::move(reader));
  }
  std::erase_if(old_keys_, [](const auto& ring) { return ring.expired(); });
  old_keys_.emplace_back(keys_);
  if (keys_ && keys_->primary() != (*keys)->primary()) begin(tell_when_let_go(std::string(keys_->primary())));
  keys_ = *std::move(keys);
  auto next = readers.begin();
  for (const auto& each : workers_) {
    boost::asio::post(each->loop, [w = each.get(), reader = std::move(*next++),
                                   seal = mask::sealer::make(keys_).value()]() mutable {
      w->lane->use(std::move(reader));
      w->seal = std::move(seal);
    });
  }
  return {};
}

awaitable<void> service::watch_hangups() {
  for (;;) {
    const auto [error, signal] =
        co_await hangups_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    if (error) co_return;
    if (const auto reloaded = reload_keys()) {
      log_.info("keys_reloaded", {{"primary", keys_->primary()}, {"keys", keys_->ids().size()}});
    } else {
      log_.error("keys_kept", {{"why", reloaded.error().what}, {"fix", reloaded.error().fix}});
    }
  }
}

// A batch keeps the ring that it was masked with until it is committed or given back.
std::string service::oldest_key() const {
  std::string oldest;
  if (keys_) oldest = keys_->primary();
  for (const auto& old : old_keys_) {
    const auto ring = old.lock();
    if (!ring) continue;
    oldest = ring->primary();
    break;
  }
  return oldest;
}

bool service::holds(std::string_view key) const {
  return std::ranges::any_of(old_keys_, [&](const auto& old) {
    const auto ring = old.lock();
    return ring && ring->primary() == key;
  });
}

awaitable<void> service::tell_when_let_go(std::string key) {
  while (alive_ > 0 && holds(key)) co_await changed_.wait(100ms);
  if (!holds(key)) log_.info("old_key_let_go", {{"key", key}});
}

// The last document, at the end, has what came after the one before.
awaitable<void> service::report_emf() {
  const value* wanted = config_.values.find("log.emf");
  if (wanted == nullptr) co_return;
  observe::emf_reporter reporter(wanted->text, queue_.url.substr(queue_.url.rfind('/') + 1));
  observe::line_writer documents(STDOUT_FILENO);
  std::uint64_t lost = 0;
  auto due = clock::now() + emf_every;
  while (alive_ > 0) {
    co_await changed_.wait(due - clock::now());
    if (alive_ > 0 && clock::now() < due) continue;
    due += emf_every;
    documents.write(reporter.document(counters_, std::chrono::system_clock::now()) + '\n');
    if (const auto lost_before = std::exchange(lost, documents.lost()); lost > lost_before)
      log_.warning("emf_dropped", {{"documents", lost - lost_before}});
  }
}

void service::show(progress& bar) {
  const auto aside = counters_.set_aside.get();
  bar.show(counters_.deleted.get(), aside > 0 ? fmt::format("{} set aside", grouped(aside)) : std::string());
}

awaitable<void> service::control() {
  const pipeline::backlog depth = pipeline::read_backlog(queue_.attributes);
  const bool bar_wanted = until_empty_ && config_.log_level >= observe::level::info;
  const clock::duration pause = bar_wanted ? clock::duration(100ms) : clock::duration(1min);
  progress::teller tell;
  if (config_.log_format == observe::log_format::json) {
    tell = [this](std::uint64_t done, std::uint64_t total, double per_second) {
      log_.info("drain_progressed", {{"messages", done},
                                     {"of", total},
                                     {"per_second", per_second},
                                     {"set_aside", counters_.set_aside.get()}});
    };
  }
  progress bar(
      "draining", depth.visible + depth.in_flight, isatty(STDERR_FILENO) != 0,
      [this](const std::string& text) { log_.text(text); }, std::move(tell));
  while (alive_ > 0) {
    co_await changed_.wait(pause);
    if (bar_wanted) show(bar);
  }
  bar.finish();
  ledger_.close();
  watch_.close();
  if (protection_) protection_->close();
  signals_.cancel();
  hangups_.cancel();
}

// When all have ended, new credentials may still be on their way: they are not waited for.
void service::begin(awaitable<void> task) {
  ++tasks_;
  boost::asio::co_spawn(loop_, std::move(task), [this](std::exception_ptr e) {
    if (e) {
      broken_ = e;
      stop_all();
      signals_.cancel();
      hangups_.cancel();
    }
    if (--tasks_ == 0) loop_.stop();
  });
}

// A drain that nobody asked to be watched is not: it is short, and several may run on one machine.
result<> service::open_watch() {
  if (until_empty_ && config_.values.find("admin.listen")->source == "default") return {};
  const auto stopping = [this]() -> std::vector<observe::trouble> {
    if (stopped_by_signal_) return {{"sluice is stopping", "nothing: what is held is being committed"}};
    return {};
  };
  return watch_.open(
      queue_, stopping, [this] { return keys_ ? std::string(keys_->primary()) : std::string(); },
      [this] { return oldest_key(); });
}

result<> service::make_protection() {
  if (!config_.protect_task) return {};
  auto agent = task_protection::find_agent(config_.env);
  if (!agent) return agent.error();
  protection_.emplace(*std::move(agent), aws::network{.executor = loop_.get_executor()}, counters_, log_);
  return {};
}

int service::refuse(const failure& f) {
  if (config_.log_format == observe::log_format::json && !until_empty_) {
    log_.error("start_refused", {{"why", f.what}, {"fix", f.fix}});
  } else {
    log_.text(failure_line(f));
  }
  return exit_code::refused;
}

int service::run() {
  std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads is no reason to stop
  second_.arm();
  result<> ready;
  // From the first moment: process 1 of a container has no default action for a signal. What hangs up while
  // it starts, which may be minutes, is told to watch_hangups: the ring that was read may be the old one.
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    stopped_by_signal_ = !error;
    loop_.stop();
  });
  if (!until_empty_) hangups_.add(SIGHUP);  // a drain ends with its terminal
  boost::asio::co_spawn(loop_, prepare(), [&](std::exception_ptr e, result<> r) {
    broken_ = e;
    ready = std::move(r);
    signals_.cancel();
  });
  loop_.run();
  if (broken_) std::rethrow_exception(broken_);
  if (stopped_by_signal_) return exit_code::done;  // no message was touched
  if (!ready) return refuse(ready.error());

  loop_.restart();
  const auto started = clock::now();
  if (auto opened = open_watch(); !opened) return refuse(opened.error());
  if (auto made = make_protection(); !made) return refuse(made.error());
  if (auto made = make_workers(); !made) return refuse(made.error());
  if (!keys_ && config_.bad == pg::bad_messages::quarantine) log_.warning("bodies_not_kept");
  if (!keys_ && config_.bad == pg::bad_messages::dlq) log_.warning("large_bodies_stay");
  if (const std::string ring = readable_ring(config_); !ring.empty())
    log_.warning("key_ring_readable", {{"file", ring}});
  for (const grade& weak : weak_masks(config_.plan))
    log_.warning("mask_weak", {{"column", weak.what}, {"fix", weak.fix}});
  if (few_files_) {
    log_.info("calls_limited", {{"files", files_max_},
                                {"threads", config_.threads},
                                {"receives_max", config_.pipeline.pollers_max},
                                {"deletes_max", config_.pipeline.ackers}});
  }
  if (!until_empty_) {
    log_.info("started", {{"queue", queue_.url},
                          {"table", config_.plan.table},
                          {"mode", config_.values.text("load.mode")},
                          {"threads", config_.threads},
                          {"locked_bytes", observe::read_process().locked_bytes}});
  }
  begin(watch_signals());
  if (!until_empty_) begin(watch_hangups());
  begin(ledger_.run());
  begin(watch_.serve());
  begin(report_emf());
  if (protection_) begin(protection_->run(protection_every));
  begin(watch_.look_at_queue());
  begin(control());
  loop_.run();
  for (const auto& w : workers_) w->thread.join();
  if (broken_) std::rethrow_exception(broken_);
  for (const auto& w : workers_) {
    if (w->broken) std::rethrow_exception(w->broken);
  }
  return conclude(clock::now() - started);
}

// The summary of a drain goes to standard output; that of a service is its last event.
int service::conclude(clock::duration took) {
  std::optional<failure> why;
  for (const auto& w : workers_) {
    if (!w->outcome && !why) why = w->outcome.error();
  }
  const double seconds = std::chrono::duration<double>(took).count();
  const auto settled = counters_.rows.get() + counters_.set_aside.get() + counters_.duplicates.get();
  if (!until_empty_) {
    log_.info("stopped", {{"rows", counters_.rows.get()},
                          {"set_aside", counters_.set_aside.get()},
                          {"duplicates", counters_.duplicates.get()},
                          {"deleted", counters_.deleted.get()},
                          {"given_back", counters_.given_back.get()},
                          {"seconds", seconds}});
  } else {
    log_.flush();  // on a terminal the progress bar stands where the summary is to be
    const observe::process_figures process = observe::read_process();
    const double each = settled == 0 ? 0 : 1.0 / static_cast<double>(settled);
    fmt::print("{} {} into {} in {:.2f} s\n", stopped_by_signal_ || why ? "stopped draining" : "drained",
               queue_.url, config_.plan.table, seconds);
    fmt::print("  rows loaded     {:>12}\n", grouped(counters_.rows.get()));
    fmt::print("  set aside       {:>12}\n", grouped(counters_.set_aside.get()));
    for (const auto& [reason, n] : counters_.set_aside_by_reason.read())
      fmt::print("    {:<28}{}\n", reason, grouped(n));
    fmt::print("  known before    {:>12}\n", grouped(counters_.duplicates.get()));
    fmt::print("  rate            {:>12} messages/s\n",
               grouped(static_cast<std::uint64_t>(static_cast<double>(settled) / seconds)));
    fmt::print("  SQS requests    {:>12}   {:.2f} a message\n", grouped(counters_.requests.get()),
               static_cast<double>(counters_.requests.get()) * each);
    fmt::print("  CPU             {:>12.1f} us a message, {} MiB resident at most\n",
               process.cpu_seconds * 1e6 * each, process.resident_bytes_max >> 20U);
  }
  if (!why) return exit_code::done;
  if (until_empty_) {
    log_.text(failure_line(*why));
  } else {
    log_.error("failed", {{"why", why->what}, {"fix", why->fix}});
  }
  return exit_code::failed;
}

}  // namespace

int run(const config& c, bool until_empty, observe::counters& counters) {
  return service(c, until_empty, counters).run();
}

}  // namespace sluice::app
