#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/backoff.hpp"
#include "core/failure.hpp"
#include "observe/counters.hpp"
#include "observe/log.hpp"
#include "pipeline/batch_pool.hpp"
#include "pipeline/concurrency.hpp"
#include "pipeline/database_health.hpp"
#include "pipeline/options.hpp"
#include "pipeline/ports.hpp"
#include "pipeline/signal.hpp"
#include "pipeline/ticket_queue.hpp"
#include "record/reader.hpp"

namespace sluice::pipeline {

/// The whole path of a message on one loop: pollers receive, parse, mask and fill batches; loaders commit
/// them; settlers delete what was committed, extend what takes long, and give back what cannot be loaded.
///
/// The rule of acknowledgement: a message is deleted only after the transaction that holds its row, or its
/// quarantine entry, has been committed; whatever else happens, it stays in the queue.
///
/// Runs on one thread, which owns it; lanes share nothing but counters, the log, and what they know of the
/// database. It and these outlive `run`.
class lane {
 public:
  lane(boost::asio::any_io_executor executor, options o, ports p, record::reader reader,
       database_health& health, observe::counters& counters, observe::logger& log);
  ~lane();
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  /// Until `stop`, or until the queue is empty (options.until_empty), or a failure that only a person can
  /// correct (returned). When it returns nothing is in flight: every message received was settled or is
  /// visible again after its visibility timeout.
  awaitable<result<>> run();

  /// Receives no more, commits and deletes what it has, and gives back the rest, within `stop_max`. On the
  /// loop's thread; may be called again.
  void stop();

  /// There is work for more loops than those at it: receives until there is none again. On the loop's thread.
  void help();

  /// Reads the messages that come from now on with this one. On the loop's thread.
  void use(record::reader r) { reader_ = std::move(r); }

 private:
  // poller.cpp
  void call_pollers();
  awaitable<void> poll();
  std::size_t receives_max() const;
  std::size_t messages_max() const;
  bool takes_one_more(const batch* b) const;
  void receive_fewer(std::size_t most);
  void note_size(std::span<const sqs::message> reply) noexcept;
  void call_for_help(steady_time now);
  void received(std::size_t messages, steady_time asked, clock::duration took, bool connected);
  awaitable<void> place(queue& from, std::span<const sqs::message> messages, steady_time hidden,
                        bool on_trial);
  bool is_torn(const sqs::message& m);
  bool try_place(const sqs::message& m, steady_time hidden, bool on_trial);
  bool encode(batch& b, const sqs::message& m, copy::segment::entry e);
  awaitable<bool> receive_failed(const failure& f, backoff& wait);
  awaitable<void> check_empty(queue& q);
  awaitable<void> look_whether_empty(queue& q);
  void note_depth(const backlog& depth);
  // loader.cpp
  awaitable<void> load_batches();
  awaitable<batch*> next_batch();
  awaitable<result<pg::load_report>> load(sink& to, batch& b,
                                          std::optional<database_health::trouble>& failing);
  awaitable<void> give_up(sink& to, batch& b, const failure& why);
  awaitable<void> wait_for_sink(sink& to);
  void give_back(batch& b);
  enum class keep { nothing, trial };
  void give_back_waiting(keep what);
  bool is_beyond_patience() const;
  void loaded(const batch& b, const pg::load_report& report, clock::duration took);
  void tell_set_aside();
  void tell_traces(const copy::segment& s, std::span<const copy::slot> slots);
  // settler.cpp
  void call_settlers();
  awaitable<void> settle();
  awaitable<std::optional<steady_time>> serve(queue& q, const ticket& t);
  void ask(batch& b, request what);  ///< tickets for all its messages
  void note_answer(request what, const settlement::outcome& o, steady_time asked);
  bool may_settle_again(request what, const failure& f);
  std::chrono::seconds extension(const batch& b) const;
  void settled(const ticket& t);
  void give_up_tickets();
  awaitable<void> keep_hidden();  // the heartbeat

  /// So many of those that are counted in `n`, while it lives.
  template <class Count>
  struct in_flight {
    explicit in_flight(Count& n, std::size_t by = 1) noexcept : count(n), of_it(by) { count += of_it; }
    in_flight(const in_flight&) = delete;
    in_flight& operator=(const in_flight&) = delete;
    ~in_flight() { count -= of_it; }
    Count& count;
    std::size_t of_it;
  };

  /// A task's connection is in the list of those that a stop closes, while the task lives.
  template <class Connection>
  struct listed {
    listed(std::vector<Connection*>& l, Connection& c) : list(l), connection(&c) {
      list.push_back(connection);
    }
    listed(const listed&) = delete;
    listed& operator=(const listed&) = delete;
    ~listed() { std::erase(list, connection); }
    std::vector<Connection*>& list;
    Connection* connection;
  };

  /// A poller or settler that is not needed for so long ends, and its connection.
  static constexpr std::chrono::minutes unwanted_max{1};
  static constexpr std::chrono::milliseconds poll_look{20};  ///< between looks at the polls of other loops

  void spawn(awaitable<void> task, std::size_t& alive);
  void fail(failure f);
  bool stopping() const noexcept { return stop_at_.has_value(); }
  bool may_come_again() const noexcept;
  awaitable<void> polls_over(steady_time latest);
  /// The database takes rows, as far as is known; there is a batch to put messages in, and a connection to
  /// load it by.
  bool may_receive() const {
    return pool_.has_room() && probing_ < options_.loaders && (health_.trusted() || health_.room() > 0);
  }
  std::uint64_t& returns(bool on_trial) noexcept { return on_trial ? trial_returns_ : returns_; }
  awaitable<void> until_gone(const std::size_t& alive);
  awaitable<void> pause(std::chrono::milliseconds how_long);

  boost::asio::any_io_executor executor_;
  options options_;
  ports ports_;
  record::reader reader_;
  database_health& health_;
  observe::counters& counters_;
  observe::logger& log_;

  batch_pool pool_;
  concurrency receive_limit_;
  concurrency settle_limit_;
  std::size_t reply_bytes_;         ///< of a full reply of the largest bodies lately
  std::size_t body_bytes_max_ = 0;  ///< of all that came
  bool reply_measured_ = false;     ///< until then, of the largest that the queue takes
  ticket_queue tickets_;
  std::vector<queue*> receiving_;  ///< connections of pollers, for stop
  std::vector<sink*> loading_;
  std::vector<queue*> settling_;

  signal may_poll_;  ///< for pollers that are not needed
  signal room_;      ///< for pollers that have messages and no batch to put them in
  signal work_;      ///< for loaders
  signal calls_;     ///< for settlers
  signal gone_;      ///< a task has ended
  signal stop_;      ///< cuts waits short

  std::size_t pollers_ = 0, settlers_ = 0;  ///< those that have not resolved to end
  std::size_t polling_ = 0, serving_ = 0;   ///< of these, those that have something to do
  std::size_t awaited_ = 0;                 ///< messages that are asked for, and in no batch yet
  std::size_t pollers_alive_ = 0, loaders_alive_ = 0, settlers_alive_ = 0, heartbeat_alive_ = 0;
  bool timeless_ = false;      ///< the queue does not say when messages were sent
  bool checking_ = false;      ///< somebody asks whether the queue is empty
  bool received_all_ = false;  ///< no poller is left: what is being filled can be loaded at once
  bool loaded_all_ = false;
  bool polls_closed_ = false;        ///< at stop, after `poll_grace`
  bool sinks_closed_ = false;        ///< at stop, late: load no more, give back
  bool queues_closed_ = false;       ///< at stop, too late: not even that
  std::uint64_t returns_ = 0;        ///< how often a batch went back
  std::uint64_t trial_returns_ = 0;  ///< and one that was on trial
  std::size_t probing_ = 0;          ///< loaders whose database is away
  steady_time called_for_help_{};
  std::size_t set_aside_untold_ = 0;  ///< messages that the log does not know of yet
  steady_time set_aside_next_{};      ///< when it may be told
  steady_time traces_next_{};
  std::size_t traces_left_ = 0;                     ///< traces that may be told until then
  bool broke_ = false;                              ///< a task ended by an exception
  std::map<std::string, std::uint32_t> torn_;       ///< by message id: how often its digest was wrong
  steady_time received_at_{};                       ///< the last answer to a receive
  steady_time empty_since_{};                       ///< of a drain: no message has come
  steady_time nothing_since_{};                     ///< and the queue has said that it holds none
  std::optional<steady_time> depth_unknown_since_;  ///< when it did not say
  std::optional<steady_time> stop_at_;              ///< when `stop` was called
  std::optional<failure> failure_;
  std::uint64_t seeds_;
};

}  // namespace sluice::pipeline
