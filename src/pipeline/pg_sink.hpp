#pragma once

#include <memory>
#include <optional>

#include "mask/sealer.hpp"
#include "observe/counters.hpp"
#include "pg/connection.hpp"
#include "pg/loader.hpp"
#include "pipeline/dead_letters.hpp"
#include "pipeline/load_size.hpp"
#include "pipeline/ports.hpp"

namespace sluice::pipeline {

/// PostgreSQL over one connection. `plan`, `seal` and `counters` outlive it. `seal` is of the same loop,
/// which may assign it at any time; empty: quarantined bodies are not kept. `letters` is where bad messages
/// go by bad_messages::dlq, else null. `history` is of the same loop. `in_order`: no message is held back
/// while those behind it are committed.
class pg_sink final : public sink {
 public:
  pg_sink(boost::asio::any_io_executor executor, pg::connect_options o, const pg::load_plan& plan,
          std::optional<mask::sealer>& seal, std::unique_ptr<dead_letters> letters, pg::load_history& history,
          bool in_order, observe::counters& counters);
  ~pg_sink() override;

  awaitable<result<pg::load_report>> load(copy::segment& s, bool outcome_unknown) override;
  awaitable<result<>> probe() override;
  void close() noexcept override;

 private:
  awaitable<result<>> connect();
  result<pg::load_report> slow(copy::segment& s, std::size_t count, failure why);
  void count_connection(bool open) noexcept;

  pg::connection connection_;
  const pg::load_plan& plan_;
  std::optional<mask::sealer>& seal_;
  std::unique_ptr<dead_letters> letters_;
  pg::dead_letter_box box_;
  pg::load_history& history_;
  bool in_order_;
  load_size size_;
  observe::counters& counters_;
  bool counted_ = false;  ///< among the open connections
};

}  // namespace sluice::pipeline
