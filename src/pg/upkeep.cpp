#include "pg/upkeep.hpp"

#include <fmt/format.h>

#include "pg/catalogue.hpp"

namespace sluice::pg {
namespace {

using boost::asio::awaitable;

/// Several processes may start at once: one at a time makes or drops tables ("sluice", as a number). Whoever
/// waits longer than lock_timeout gives up, rather than let loads queue behind it.
constexpr std::string_view begin =
    "BEGIN; SET LOCAL lock_timeout = '2s'; SELECT pg_advisory_xact_lock(126909663503205); ";

constexpr int backlog_days = 14;  ///< a queue keeps a message no longer (SQS, MessageRetentionPeriod)
constexpr int ahead_days = 3;
constexpr std::string_view events_forgotten_max = "50000";  ///< in one transaction: some hundred milliseconds

constexpr std::string_view tables_sql = R"(CREATE SCHEMA IF NOT EXISTS sluice;
CREATE TABLE IF NOT EXISTS sluice.ledger (
  sent_ms bigint NOT NULL,
  message_id uuid NOT NULL,
  PRIMARY KEY (sent_ms, message_id)
) PARTITION BY RANGE (sent_ms);
CREATE TABLE IF NOT EXISTS sluice.ledger_default PARTITION OF sluice.ledger DEFAULT;
CREATE TABLE IF NOT EXISTS sluice.business_ledger (
  sent_ms bigint NOT NULL,
  message_id uuid PRIMARY KEY
);
CREATE INDEX IF NOT EXISTS business_ledger_sent_ms ON sluice.business_ledger USING brin (sent_ms);
CREATE TABLE IF NOT EXISTS sluice.quarantine (
  message_id uuid NOT NULL,
  sent_ms bigint NOT NULL,
  set_aside_at timestamptz NOT NULL DEFAULT now(),
  reason text NOT NULL,
  sqlstate text,
  column_name text,
  receive_count integer NOT NULL,
  target text NOT NULL,
  body bytea,
  PRIMARY KEY (sent_ms, message_id)
);
)";

/// Functions that run as their owner: whoever loads may call them, and needs no right to make or drop a
/// table.
///
/// A partition for each UTC day, counted from today. It is made apart and attached: that locks only the
/// default partition, whose rows of that day (from a time when there was no partition) are moved. A time of 0
/// is none at all, from a server that does not tell it: such keys have no age, and stay.
constexpr std::string_view functions_sql = R"(
CREATE OR REPLACE FUNCTION sluice.make_partitions(first_day int, last_day int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  today int := floor(extract(epoch FROM now()) / 86400);
  part text;
BEGIN
  FOR day IN today + first_day .. today + last_day LOOP
    part := 'ledger_' || to_char(to_timestamp(day * 86400.0) AT TIME ZONE 'UTC', 'YYYYMMDD');
    CONTINUE WHEN to_regclass('sluice.' || part) IS NOT NULL;
    LOCK TABLE sluice.ledger_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE sluice.%I (LIKE sluice.ledger INCLUDING ALL)', part);
    EXECUTE format('WITH moved AS (DELETE FROM sluice.ledger_default WHERE sent_ms >= %1$s AND sent_ms < %2$s
                    RETURNING sent_ms, message_id) INSERT INTO sluice.%3$I SELECT * FROM moved',
                   day * 86400000::bigint, (day + 1) * 86400000::bigint, part);
    EXECUTE format('ALTER TABLE sluice.ledger ATTACH PARTITION sluice.%I FOR VALUES FROM (%s) TO (%s)', part,
                   day * 86400000::bigint, (day + 1) * 86400000::bigint);
  END LOOP;
END $$;
CREATE OR REPLACE FUNCTION sluice.drop_partitions(retention_days int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  oldest int := floor(extract(epoch FROM now()) / 86400) - retention_days;
  part text;
BEGIN
  FOR part IN SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid
              WHERE inhparent = 'sluice.ledger'::regclass AND relname ~ '^ledger_[0-9]{8}$'
                AND relname < 'ledger_' || to_char(to_timestamp(oldest * 86400.0) AT TIME ZONE 'UTC', 'YYYYMMDD') LOOP
    EXECUTE format('DROP TABLE sluice.%I', part);
  END LOOP;
  DELETE FROM sluice.ledger_default WHERE sent_ms < oldest * 86400000::bigint AND sent_ms <> 0;
END $$;
CREATE OR REPLACE FUNCTION sluice.forget_events(retention_days int, count_max int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  oldest bigint := (floor(extract(epoch FROM now()) / 86400) - retention_days) * 86400000;
  forgotten bigint;
BEGIN
  DELETE FROM sluice.business_ledger WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM sluice.business_ledger WHERE sent_ms < oldest AND sent_ms <> 0 LIMIT count_max));
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  RETURN forgotten;
END $$;
REVOKE ALL ON FUNCTION sluice.make_partitions, sluice.drop_partitions, sluice.forget_events FROM PUBLIC;
)";

std::string make_sql(int first, int last) {
  return fmt::format("SELECT sluice.make_partitions({}, {}); ", first, last);
}

std::string drop_sql(int retention_days) {
  return fmt::format("SELECT sluice.drop_partitions({}); ", retention_days);
}

awaitable<result<>> run(connection& c, std::string sql, std::string_view what) {
  sql.insert(0, begin).append("COMMIT");
  auto done = co_await c.query(sql);
  if (done) co_return result<>{};
  co_await c.rollback();
  co_return std::move(done.error().why).in(what);
}

}  // namespace

std::string own_sql() {
  return fmt::format("{}{}{}\n", tables_sql, functions_sql, make_sql(-backlog_days, ahead_days));
}

awaitable<result<>> init_db(connection& c, const record::plan& p) {
  co_return co_await run(c, init_sql(p), "create what is missing");
}

awaitable<result<>> maintain_ledger(connection& c, int days_ahead, int retention_days) {
  // Transactions of their own: dropping locks the whole ledger, so it must not wait for the others.
  auto made = co_await run(c, make_sql(0, days_ahead), "make ledger partitions");
  if (!made) co_return made.error();
  auto dropped = co_await run(c, drop_sql(retention_days), "drop old ledger partitions");
  if (!dropped) co_return dropped.error();
  const std::string forget =
      fmt::format("SELECT sluice.forget_events({}, {})", retention_days, events_forgotten_max);
  for (;;) {
    auto forgotten = co_await c.query(forget);
    if (!forgotten) co_return std::move(forgotten.error().why).in("forget old events");
    if (forgotten->values.at(0).at(0) != events_forgotten_max) co_return result<>{};
  }
}

}  // namespace sluice::pg
