#include "sim/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/system/errc.hpp>
#include <exception>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "support/fake_queue.hpp"
#include "support/fake_sink.hpp"
#include "support/keys.hpp"
#include "support/simulated_process.hpp"

namespace tests {
namespace {

using namespace sluice;

constexpr int receives_max = 4;  ///< in quiet times, before the queue takes a message for dead

record::plan one_column() {
  record::plan p;
  p.table = "t";
  p.source_name = "simulation";
  record::column c;
  c.name = "user_id";
  c.type = record::column_type::text;
  c.from = "/user_id";
  p.columns = {c};
  return p;
}

struct running {
  std::unique_ptr<observe::counters> counters;
  std::unique_ptr<simulated_process> process;
};

/// What the world does in one run.
class world {
 public:
  explicit world(std::uint64_t seed) : random_(seed), table_(queue_), plan_(one_column()) {
    choose_options();
    choose_mode();
    choose_messages();
    arm();
    lanes_ = chance(0.5) ? 1 : static_cast<std::size_t>(between(2, 4));
    one_outage_ = chance(0.15);
    if (one_outage_) {
      choose_outage();
    } else {
      for (int i = between(1, 3); i > 0; --i) start();
    }
  }

  verdict_of_run run() {
    try {
      if (one_outage_) {
        outage_phase();
      } else {
        trouble_phase();
        quiet_phase();
      }
      check();
    } catch (const std::exception& e) {
      result_.wrong = e.what();
    }
    return result_;
  }

 private:
  int between(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }

  void choose_options() {
    options_.loaders = static_cast<std::size_t>(between(1, 3));
    options_.segments = options_.loaders + static_cast<std::size_t>(between(1, 6));
    options_.segment.rows_max = static_cast<std::size_t>(between(1, 60));
    options_.segment.row_bytes = static_cast<std::size_t>(between(20, 4'000));
    options_.pollers_max = static_cast<std::size_t>(between(1, 8));
    options_.ackers = static_cast<std::size_t>(between(1, 6));
    options_.age_max = std::chrono::milliseconds(between(0, 200));
    options_.visibility = std::chrono::seconds(between(5, 40));
    options_.hold_max = std::chrono::milliseconds(between(0, 60'000));
    options_.wait = std::chrono::seconds(between(0, 20));
    options_.queue_away_max = std::chrono::minutes(5);
    options_.stop_max = std::chrono::seconds(between(1, 25));
    options_.poll_grace = std::chrono::milliseconds(500);
    queue_.visibility = options_.visibility;
    fail_ = chance(0.3) ? 0 : between(0, 30) / 100.0;
    lose_ = chance(0.3) ? 0 : between(0, 15) / 100.0;
    slow_ = chance(0.3) ? 0 : between(0, 30) / 100.0;
    hang_ = chance(0.5) ? 0 : between(0, 5) / 100.0;
    twice_ = chance(0.5) ? 0 : between(0, 10) / 100.0;
    fatal_ = chance(0.7) ? 0 : 0.005;
    outage_ = chance(0.5) ? 0 : between(1, 30) / 1'000.0;
    crash_every_ =
        chance(0.3) ? std::chrono::milliseconds(0) : std::chrono::milliseconds(between(50, 20'000));
  }

  void choose_mode() {
    fifo_ = chance(0.3);
    table_.bad = pg::bad_messages(between(0, fifo_ ? 1 : 2));  // in a FIFO queue bad messages cannot be left
    table_.with_ledger = fifo_ || chance(0.8);
    if (table_.with_ledger && chance(0.3)) table_.key_of = [this](const std::string& id) { return key(id); };
    table_.by_event = table_.with_ledger && !table_.key_of && chance(0.4);
    if (table_.by_event) plan_.business_key = {"/event"};
    options_.in_order = fifo_;
    if (fifo_) options_.loaders = 1;
    options_.leave_bad = table_.bad == pg::bad_messages::leave;
    if (!options_.leave_bad) return;
    // Not while servers fail: then good messages are received often, too.
    queue_.is_dead = [this](const fake_queue::item& i) {
      return !ill_ && i.receives >= received_before_[i.id] + receives_max;
    };
  }

  std::string key(const std::string& id) const { return std::to_string(fake_queue::sent_ms_of(id) % 17); }

  std::string some_group() { return fifo_ ? fmt::format("g{}", between(0, 7)) : std::string(); }

  void choose_messages() {
    const int n = between(0, 300);
    const int events = between(1, n + 1);
    const double bad = chance(0.3) ? 0 : between(0, 20) / 100.0;
    for (int i = 0; i < n; ++i) {
      const int event = between(1, events);
      if (chance(bad)) {
        const auto* const body = chance(0.5) ? R"({{"foo":1,"event":{}}})" : R"({{"event":{},"user_id":)";
        queue_.put(fmt::format(fmt::runtime(body), event), some_group());
        bad_.insert(queue_.items.back().id);
      } else {
        const std::string user(static_cast<std::size_t>(between(0, 300)), 'u');
        queue_.put(fmt::format(R"({{"user_id":"{}","event":{}}})", user, event), some_group());
        event_of_[queue_.items.back().id] = event;
      }
    }
    const double slow_rows = chance(0.7) ? 0 : between(1, 5) / 100.0;
    for (const auto& item : queue_.items) {
      if (chance(slow_rows)) slow_rows_.insert(item.id);
    }
    result_.messages = static_cast<std::uint64_t>(n);
  }

  /// A failure that the world may answer with, and that is worth another try; seldom one that is not.
  failure some_failure() {
    ++result_.faults;
    if (chance(fatal_)) return {aws_errc::access_denied, "denied"};
    switch (between(0, 8)) {
      case 0: return {errc::connection_closed, "closed"};
      case 1: return {errc::timed_out, "timed out"};
      case 2: return {http_status(503), "503"};
      case 3: return {make_error_code(aws_errc::throttled), "throttled"};
      case 4: return {sqlstate("40P01"), "deadlock"};
      case 5: return {sqlstate("57P01"), "shutdown"};
      case 6: return {make_error_code(boost::system::errc::too_many_files_open), "no descriptor"};
      case 7:
        return {make_error_code(boost::system::errc::operation_canceled), "as Asio says for some of these"};
      default: return {errc::bad_answer, "nonsense"};
    }
  }

  /// Nothing fails but the database, once: it is away, and then takes no rows for a while. A good message
  /// that would be received a third time is in the dead-letter queue, and lost.
  void choose_outage() {
    fail_ = lose_ = slow_ = hang_ = twice_ = fatal_ = outage_ = 0;
    if (options_.leave_bad) {
      table_.bad = pg::bad_messages::quarantine;
      options_.leave_bad = false;
    }
    queue_.is_dead = [this](const fake_queue::item& i) { return i.receives >= 2 && !bad_.contains(i.id); };
    const auto begins = time_.now() + std::chrono::milliseconds(between(0, 5'000));
    const auto answers = begins + std::chrono::milliseconds(between(1, 600'000));
    const auto loads = answers + std::chrono::milliseconds(chance(0.5) ? 0 : between(1, 1'200'000));
    table_.next_trouble = [this, begins, loads]() -> std::optional<fake_table::trouble> {
      if (time_.now() < begins || time_.now() >= loads) return std::nullopt;
      ++result_.faults;
      return fake_table::trouble{{sqlstate("53100"), "disk full"}, fake_table::when::before_commit};
    };
    table_.probe_trouble = [this, begins, answers]() -> std::optional<failure> {
      if (time_.now() < begins || time_.now() >= answers) return std::nullopt;
      return failure(errc::connection_closed, "closed");
    };
  }

  void outage_phase() {
    slow_rows_.clear();
    start(false);
    const auto limit = time_.now() + std::chrono::hours(2);
    while (queue_.left() > 0 && time_.now() < limit) step();
    for (const auto& p : processes_) p.process->stop();
    while (!processes_.empty() && time_.now() < limit) step();
    if (!processes_.empty()) throw std::runtime_error("a process did not end after an outage");
  }

  /// A server may go away at any call, and then answers nothing for up to two minutes.
  bool is_away(pipeline::steady_time& until) {
    if (chance(outage_)) until = time_.now() + std::chrono::milliseconds(between(1, 120'000));
    return time_.now() < until;
  }

  void arm() {
    queue_.trouble = [this](const char*) {
      const bool fails = ill_ && (is_away(queue_away_until_) || chance(fail_));
      return fails ? std::optional(some_failure()) : std::nullopt;
    };
    queue_.lost_reply = [this](const char*) {
      return ill_ && chance(lose_) ? std::optional(some_failure()) : std::nullopt;
    };
    queue_.delay = [this](const char*) { return some_delay(); };
    queue_.deliver_twice = [this] { return ill_ && chance(twice_); };
    queue_.refuse_removal = [this](const std::string&) { return ill_ && chance(fail_ / 2); };
    queue_.refuses_for_good = chance(0.3);
    queue_.refuse_hiding = [this](const std::string&) {
      return ill_ && chance(fail_ / 2) ? std::optional(chance(0.5)) : std::nullopt;
    };
    table_.delay = [this] { return some_delay(); };
    table_.in_order = fifo_;
    table_.is_slow = [this](const std::string& id) { return ill_ && slow_rows_.contains(id); };
    table_.next_trouble = [this]() -> std::optional<fake_table::trouble> {
      if (!ill_) return std::nullopt;
      if (is_away(table_away_until_) || chance(fail_))
        return fake_table::trouble{some_failure(), fake_table::when::before_commit};
      if (chance(lose_)) return fake_table::trouble{some_failure(), fake_table::when::after_commit};
      return std::nullopt;
    };
    table_.probe_trouble = [this] {
      const bool fails = ill_ && (is_away(table_away_until_) || chance(fail_));
      return fails ? std::optional(some_failure()) : std::nullopt;
    };
  }

  /// Real connections have deadlines: nothing takes longer than a minute.
  std::chrono::milliseconds some_delay() {
    if (ill_ && chance(hang_)) return std::chrono::milliseconds(60'000);
    if (ill_ && chance(slow_)) return std::chrono::milliseconds(between(0, 5'000));
    return std::chrono::milliseconds(between(0, 3));
  }

  void start() { start(!ill_ || chance(0.5)); }
  void start(bool until_empty) {
    pipeline::options o = options_;
    o.until_empty = until_empty;
    o.seed = random_();
    auto counters = std::make_unique<observe::counters>();
    auto process =
        std::make_unique<simulated_process>(queue_, table_, o, plan_, *counters, log_, test_keys(), lanes_);
    processes_.push_back({std::move(counters), std::move(process)});
  }

  void step() {
    const auto room = static_cast<std::int64_t>(lanes_ * options_.segments * options_.segment.rows_max);
    for (const auto& [counters, process] : processes_) {
      process->step();
      if (counters->held.get() > room)
        throw std::runtime_error("more is held than the segments have room for");
    }
    const auto before = time_.now();
    time_.advance();
    steps_at_once_ = time_.now() > before ? 0 : steps_at_once_ + 1;
    if (steps_at_once_ > 1'000) throw std::runtime_error("busy loop: timers that end at once, without end");
    std::erase_if(processes_, [](const auto& p) {
      if (p.process->ended()) check_end(p);
      return p.process->ended();
    });
  }

  /// Whatever a process has taken, it must have put back.
  static void check_end(const running& p) {
    static_cast<void>(p.process->outcome());  // a broken promise is thrown here
    const observe::counters& c = *p.counters;
    const std::pair<std::string_view, const observe::gauge&> levels[] = {
        {"held", c.held},
        {"segments_used", c.segments_used},
        {"receiving", c.receiving},
        {"loading", c.loading},
        {"settling", c.settling},
        {"databases_away", c.databases_away},
        {"queues_away", c.queues_away},
    };
    for (const auto& [name, level] : levels) {
      if (level.get() != 0) throw std::runtime_error(fmt::format("{} is {} at the end", name, level.get()));
    }
  }

  /// Of one that had just begun to react to what came last.
  void crash() {
    const auto which = processes_.begin() + between(0, static_cast<int>(processes_.size()) - 1);
    which->process->step(between(0, 40));
    which->process.reset();  // before its counters
    processes_.erase(which);
    ++result_.crashes;
  }

  void trouble_phase() {
    const auto until = time_.now() + std::chrono::milliseconds(between(100, 90'000));
    auto next_crash = time_.now() + crash_every_;
    while (time_.now() < until) {
      step();
      if (crash_every_ > std::chrono::milliseconds(0) && time_.now() >= next_crash && !processes_.empty()) {
        crash();
        next_crash =
            time_.now() + std::chrono::milliseconds(between(1, static_cast<int>(crash_every_.count()) * 2));
      }
      if (processes_.empty()) start();
    }
  }

  /// Stops half of them in good order, lets the others crash, and drains what is left.
  void quiet_phase() {
    ill_ = false;
    for (const auto& item : queue_.items) received_before_[item.id] = item.receives;
    if (chance(0.5)) {
      for (const auto& p : processes_) p.process->stop();
      const auto stop_by = time_.now() + options_.stop_max + std::chrono::seconds(10);
      while (!processes_.empty() && time_.now() < stop_by) step();
      if (!processes_.empty()) throw std::runtime_error("a stop did not end");
    }
    processes_.clear();
    const auto limit = time_.now() + std::chrono::minutes(20);
    while (queue_.left() > 0 && time_.now() < limit) {
      if (processes_.empty()) start();
      step();
    }
    while (!processes_.empty() && time_.now() < limit) step();
    if (!processes_.empty()) throw std::runtime_error("a drain did not end");
  }

  void check() const {
    if (queue_.left() > 0)
      throw std::runtime_error(fmt::format("{} messages were left in the queue", queue_.left()));
    if (!queue_.removed_too_early.empty()) {
      throw std::runtime_error("deleted before its commit: " + queue_.removed_too_early.front());
    }
    for (const auto& item : queue_.items) {
      const bool is_bad = bad_.contains(item.id);
      const auto row = table_.rows.find(item.id);
      const int rows = row == table_.rows.end() ? 0 : row->second;
      const bool aside = table_.set_aside.contains(item.id);
      const bool repeats = table_.repeats.contains(item.id);
      const bool once = table_.with_ledger ? rows + (repeats ? 1 : 0) == 1 : rows >= 1;
      const bool sent = table_.letters.contains(item.id), dead = queue_.dead.contains(item.id);
      const bool right = is_bad ? rows == 0 && aside != options_.leave_bad && dead == options_.leave_bad &&
                                      sent == (table_.bad == pg::bad_messages::dlq)
                                : once && !aside && !sent && !dead;
      if (!right) {
        throw std::runtime_error(fmt::format("{} message {}: {} rows, {} set aside, {} sent, {} dead",
                                             is_bad ? "bad" : "good", item.id, rows, aside, sent, dead));
      }
    }
    if (table_.rows.size() + table_.repeats.size() + table_.set_aside.size() + queue_.dead.size() !=
        queue_.items.size())
      throw std::runtime_error("rows of nobody");
    if (table_.by_event) check_events();
    if (fifo_) check_order();
    if (table_.key_of) check_newest();
  }

  /// Each event of a good message has one row.
  void check_events() const {
    std::map<int, int> rows;
    for (const auto& [id, event] : event_of_) rows[event] += table_.rows.contains(id) ? 1 : 0;
    for (const auto& [event, n] : rows) {
      if (n != 1) throw std::runtime_error(fmt::format("event {} has {} rows", event, n));
    }
  }

  /// Ids grow in the order in which the messages were sent.
  void check_order() const {
    std::map<std::string, std::string> last;
    for (const std::string& id : table_.taken) {
      const std::string& group = queue_.items.at(queue_.by_id.at(id)).group;
      std::string& before = last[group];
      if (id < before) throw std::runtime_error(fmt::format("{} of group {} after {}", id, group, before));
      before = id;
    }
  }

  void check_newest() const {
    std::map<std::string, std::string> newest;
    for (const auto& item : queue_.items) {
      if (!bad_.contains(item.id)) newest[key(item.id)] = item.id;
    }
    for (const auto& [of, id] : newest) {
      if (table_.newest.at(of).second != id)
        throw std::runtime_error(fmt::format("key {} has {}, not {}", of, table_.newest.at(of).second, id));
    }
  }

  std::mt19937_64 random_;
  simulated_time time_;
  fake_queue queue_;
  fake_table table_;
  record::plan plan_;
  pipeline::options options_;
  observe::logger log_{observe::log_format::text, observe::level::off};
  std::vector<running> processes_;
  std::size_t steps_at_once_ = 0;
  std::set<std::string> bad_;
  std::set<std::string> slow_rows_;  ///< a transaction with one of these is too slow, while servers are ill
  std::map<std::string, int> event_of_;         ///< good messages
  std::map<std::string, int> received_before_;  ///< the quiet phase
  std::size_t lanes_ = 1;                       ///< of each process
  bool one_outage_ = false;
  bool fifo_ = false;
  bool ill_ = true;
  double fail_ = 0, lose_ = 0, slow_ = 0, hang_ = 0, twice_ = 0, fatal_ = 0, outage_ = 0;
  pipeline::steady_time queue_away_until_{}, table_away_until_{};
  std::chrono::milliseconds crash_every_{0};
  verdict_of_run result_;
};

}  // namespace

verdict_of_run simulate(std::uint64_t seed) {
  return world(seed).run();
}

}  // namespace tests
