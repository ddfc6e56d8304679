#pragma once

#include <memory>
#include <optional>

#include "mask/sealer.hpp"
#include "pg/connection.hpp"
#include "pg/loader.hpp"
#include "pipeline/ports.hpp"

namespace sluice::pipeline {

/// PostgreSQL over one connection. `plan` outlives it; `seal` empty: quarantined bodies are not kept.
class pg_sink final : public sink {
 public:
  pg_sink(boost::asio::any_io_executor executor, pg::connect_options o, const pg::load_plan& plan,
          std::optional<mask::sealer> seal);

  awaitable<result<pg::load_report>> load(copy::segment& s, bool outcome_unknown) override;
  awaitable<result<>> probe() override;
  void close() noexcept override { connection_.close(); }

 private:
  pg::connection connection_;
  const pg::load_plan& plan_;
  std::optional<mask::sealer> seal_;
};

}  // namespace sluice::pipeline
