#include "pg/upkeep.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "pg/catalogue.hpp"
#include "pg/session.hpp"
#include "pg/table_place.hpp"

namespace sluice::pg {
namespace {

using boost::asio::awaitable;
using namespace std::chrono_literals;

constexpr int days_max = 18;         ///< that have a partition made: 14 behind, today, 3 ahead
constexpr auto make_wait = 1s;       ///< for the default partition, which few loads go to
constexpr auto drop_wait = 200ms;    ///< for the whole ledger: so long loads may wait behind it
constexpr auto statement_max = 30s;  ///< scans a default partition that holds millions
constexpr auto turn_wait = 10s;      ///< for another process that is at it
constexpr auto init_wait = 2s;
constexpr int drop_tries = 3;

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
DO $$ BEGIN
  IF to_regclass('sluice.business_ledger_by_time') IS NULL AND pg_relation_size('sluice.business_ledger') < 33554432 THEN
    DROP INDEX IF EXISTS sluice.business_ledger_sent_ms;
    CREATE INDEX business_ledger_by_time ON sluice.business_ledger (sent_ms);
  END IF;
END $$;
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
CREATE TABLE IF NOT EXISTS sluice.queues (
  queue text NOT NULL,
  retention_s bigint NOT NULL,
  told_at timestamptz NOT NULL,
  PRIMARY KEY (queue, retention_s)
);
)";

/// Functions that run as their owner: a role that loads may call them, and needs no right to make or drop a
/// table. They have their bounds inside: no argument makes one forget a key that a queue may still deliver,
/// or make a table beside the days that there are.
///
/// The oldest time that is needed is a day before what the queues keep. A retention that was told within
/// twelve hours counts as it is. An older one counts as fourteen days, since it may have been raised unseen.
/// After fifteen days all messages of that queue have gone, and it no longer counts. A retention that was
/// lowered is a second one beside the first: nothing that is told shortens what was told before.
///
/// A partition is for one UTC day, counted from today. It is made apart and attached: that locks only the
/// default partition, whose keys of that day (from a time when there was no partition) are moved. Where they
/// are many they stay: loads of that day would wait for the move. Each call makes one partition, so that
/// locks are short.
///
/// A partition past its time is emptied first, which locks that partition alone, where no load goes. An empty
/// one is dropped, which locks the whole ledger, but may be left to the next time. (DETACH ... CONCURRENTLY
/// is not for tables with a default partition, nor for functions.) Single keys, in the default partition and
/// by event, are deleted in portions. Each begins where the last has ended: dead entries of the index are not
/// read again. A time of 0 is none at all, from a server that does not tell it: such keys have no age, and
/// stay.
constexpr std::string_view functions_sql = R"(
CREATE OR REPLACE FUNCTION sluice.remember_retention(queue text, seconds bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM sluice.queues WHERE told_at < now() - interval '16 days';
  INSERT INTO sluice.queues VALUES (left($1, 400), greatest(60, least($2, 1209600)), now())
    ON CONFLICT (queue, retention_s) DO UPDATE SET told_at = excluded.told_at;
$$;
CREATE OR REPLACE FUNCTION sluice.oldest_needed() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT floor((extract(epoch FROM now()) - 86400 - coalesce(
      max(CASE WHEN told_at > now() - interval '12 hours' THEN retention_s ELSE 1209600 END), 1209600)) * 1000)::bigint
  FROM sluice.queues WHERE told_at > now() - interval '15 days'
$$;
CREATE OR REPLACE FUNCTION sluice.make_partition() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  today int := floor(extract(epoch FROM now()) / 86400);
  oldest bigint := sluice.oldest_needed();
  moved_max constant int := 20000;
  day int;
  from_ms bigint;
  to_ms bigint;
  part text;
BEGIN
  FOR day IN SELECT today + n FROM generate_series(-14, 3) n ORDER BY n < 0, abs(n) LOOP
    from_ms := day * 86400000::bigint;
    to_ms := from_ms + 86400000;
    part := 'ledger_' || to_char(to_timestamp(day * 86400.0) AT TIME ZONE 'UTC', 'YYYYMMDD');
    CONTINUE WHEN to_ms <= oldest OR to_regclass('sluice.' || part) IS NOT NULL;
    CONTINUE WHEN day < today AND pg_relation_size('sluice.ledger_default') > 67108864;
    CONTINUE WHEN (SELECT count(*) FROM (SELECT FROM sluice.ledger_default WHERE sent_ms >= from_ms AND sent_ms < to_ms
                                         LIMIT moved_max + 1) many) > moved_max;
    LOCK TABLE sluice.ledger_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE sluice.%I (LIKE sluice.ledger INCLUDING ALL)', part);
    EXECUTE format('WITH moved AS (DELETE FROM sluice.ledger_default WHERE sent_ms >= %1$s AND sent_ms < %2$s
                    RETURNING sent_ms, message_id) INSERT INTO sluice.%3$I SELECT * FROM moved', from_ms, to_ms, part);
    EXECUTE format('ALTER TABLE sluice.ledger ATTACH PARTITION sluice.%I FOR VALUES FROM (%s) TO (%s)', part, from_ms, to_ms);
    RETURN true;
  END LOOP;
  RETURN false;
END $$;
CREATE OR REPLACE FUNCTION sluice.drop_partitions(only_empty boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  oldest bigint := sluice.oldest_needed();
  part regclass;
BEGIN
  FOR part IN SELECT oid FROM pg_inherits JOIN pg_class ON oid = inhrelid
              WHERE inhparent = 'sluice.ledger'::regclass AND relname ~ '^ledger_[0-9]{8}$'
                AND relname < 'ledger_' || to_char(to_timestamp(floor(oldest / 86400000.0) * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD')
                AND (pg_relation_size(oid) = 0) = only_empty LOOP
    EXECUTE CASE WHEN only_empty THEN format('DROP TABLE %s', part) ELSE format('TRUNCATE %s', part) END;
  END LOOP;
END $$;
CREATE OR REPLACE FUNCTION sluice.forget_keys(since_ms bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH old AS MATERIALIZED (
    SELECT sent_ms, message_id FROM sluice.ledger_default
    WHERE sent_ms >= since_ms AND sent_ms < sluice.oldest_needed() AND sent_ms <> 0 ORDER BY sent_ms LIMIT 20000),
  gone AS (DELETE FROM sluice.ledger_default WHERE (sent_ms, message_id) IN (SELECT sent_ms, message_id FROM old))
  SELECT CASE WHEN count(*) = 20000 THEN max(sent_ms) END FROM old
$$;
CREATE OR REPLACE FUNCTION sluice.forget_events(since_ms bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  oldest bigint := floor((extract(epoch FROM now()) - 15 * 86400) * 1000);
  last_ms bigint;
BEGIN
  IF to_regclass('sluice.business_ledger_by_time') IS NULL THEN
    RAISE undefined_object USING MESSAGE = 'there is no index sluice.business_ledger_by_time';
  END IF;
  WITH old AS MATERIALIZED (
    SELECT sent_ms, message_id FROM sluice.business_ledger
    WHERE sent_ms >= since_ms AND sent_ms < oldest AND sent_ms <> 0 ORDER BY sent_ms LIMIT 20000),
  gone AS (DELETE FROM sluice.business_ledger WHERE message_id IN (SELECT message_id FROM old))
  SELECT CASE WHEN count(*) = 20000 THEN max(sent_ms) END INTO last_ms FROM old;
  RETURN last_ms;
END $$;
)";

/// A role that may call one of them may call all: those of an older sluice had other arguments. An older
/// sluice may have loaded messages of a queue that it did not tell of, so the ledger keeps what it kept.
constexpr std::string_view rights_sql = R"(
DO $$ DECLARE each record; BEGIN
  FOR each IN SELECT oid::regprocedure AS name FROM pg_proc
              WHERE pronamespace = 'sluice'::regnamespace AND proname IN ({0}) LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', each.name);
  END LOOP;
  FOR each IN SELECT DISTINCT f.oid::regprocedure AS name, a.grantee::regrole AS role
              FROM pg_proc f, pg_proc had CROSS JOIN LATERAL aclexplode(had.proacl) a
              WHERE f.pronamespace = 'sluice'::regnamespace AND f.proname IN ({0})
                AND had.pronamespace = 'sluice'::regnamespace AND had.proname IN ({0}, 'make_partitions')
                AND a.grantee NOT IN (0, had.proowner) LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', each.name, each.role);
  END LOOP;
  IF to_regprocedure('sluice.drop_partitions(int)') IS NOT NULL THEN
    PERFORM sluice.remember_retention('', 1209600);
  END IF;
END $$;
DROP FUNCTION IF EXISTS sluice.make_partitions(int, int), sluice.drop_partitions(int), sluice.forget_events(int, int);
DO $$ BEGIN WHILE sluice.make_partition() LOOP END LOOP; END $$;
)";

/// Several processes may start at once: one at a time makes or drops tables ("sluice", as a number), and the
/// others wait for their turn. A wait for a table gives up after `lock_wait`, rather than let loads queue
/// behind it. What a statement sees must be no older than the locks that it holds.
awaitable<query_result> run(connection& c, std::string_view sql, std::chrono::milliseconds lock_wait) {
  const auto longest =
      std::min<std::chrono::milliseconds>(statement_max, c.options().statement_timeout * 3 / 4);
  const std::string whole = fmt::format(
      "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}; "
      "SELECT pg_advisory_xact_lock(126909663503205); SET LOCAL lock_timeout = {}; {}; COMMIT",
      longest.count(), std::chrono::milliseconds(turn_wait).count(), lock_wait.count(), sql);
  auto done = co_await c.query(whole);
  if (!done) co_await c.rollback();
  co_return done;
}

awaitable<result<>> make_partitions(connection& c) {
  for (int made = 0; made < days_max; ++made) {
    auto one = co_await run(c, "SELECT sluice.make_partition()", make_wait);
    if (!one) co_return std::move(one.error().why).in("make ledger partitions");
    if (one->values.at(0).at(0) != "t") break;
  }
  co_return result<>{};
}

awaitable<result<>> drop_partitions(connection& c) {
  auto emptied = co_await run(c, "SELECT sluice.drop_partitions(false)", drop_wait);
  if (!emptied) co_return std::move(emptied.error().why).in("empty old ledger partitions");
  for (int tries = 1;; ++tries) {
    auto dropped = co_await run(c, "SELECT sluice.drop_partitions(true)", drop_wait);
    if (dropped) co_return result<>{};
    const bool busy = dropped.error().why.code == sqlstate("55P03");
    if (!busy) co_return std::move(dropped.error().why).in("drop empty ledger partitions");
    if (tries == drop_tries) co_return result<>{};  // they hold nothing: next time
  }
}

awaitable<result<>> forget(connection& c, std::string_view function, std::size_t portions_max) {
  std::string since = "-9223372036854775808";
  for (std::size_t n = 0; n < portions_max; ++n) {
    const std::string sql = fmt::format("SELECT sluice.{}('{}')", function, since);
    auto last = co_await run(c, sql, make_wait);
    if (!last) co_return std::move(last.error().why).in("forget old keys");
    const auto& time = last->values.at(0).at(0);
    if (!time) break;
    since = *time;
  }
  co_return result<>{};
}

}  // namespace

std::string own_sql() {
  std::string rights(rights_sql);
  for (auto at = rights.find("{0}"); at != rights.npos; at = rights.find("{0}"))
    rights.replace(at, 3, upkeep_functions);
  return fmt::format("{}{}{}", tables_sql, functions_sql, rights);
}

awaitable<result<>> init_db(connection& c, const record::plan& p) {
  const auto place = co_await find_table(c, p.schema, p.table);
  if (!place) co_return place.error();
  if (!place->exists() && (place->mislaid || place->schema.empty())) co_return place->missing(c.options());
  const std::string made = place->exists() ? std::string() : table_sql(p, place->schema);
  const std::string sql = local_settings(c.options().statement_timeout) + "; " + made + own_sql();
  auto done = co_await run(c, sql, init_wait);
  if (!done) co_return std::move(done.error().why).in("create what is missing");
  co_return result<>{};
}

awaitable<result<>> remember_retention(connection& c, std::string queue, std::chrono::seconds retention) {
  std::vector<std::optional<std::string>> parameters;
  parameters.emplace_back(std::move(queue));
  parameters.emplace_back(std::to_string(retention.count()));
  auto done = co_await c.execute("SELECT sluice.remember_retention($1, $2)", std::move(parameters));
  if (!done) co_return std::move(done.error().why).in("tell the ledger how long the queue keeps messages");
  co_return result<>{};
}

awaitable<result<>> maintain_ledger(connection& c, std::size_t portions_max) {
  auto first = co_await make_partitions(c);
  auto dropped = co_await drop_partitions(c);
  if (first) first = std::move(dropped);
  auto keys = co_await forget(c, "forget_keys", portions_max);
  if (first) first = std::move(keys);
  auto events = co_await forget(c, "forget_events", portions_max);
  if (first) first = std::move(events);
  co_return first;
}

awaitable<result<std::vector<failure>>> check_layout(connection& c) {
  auto found = co_await c.query(
      "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = (SELECT oid FROM pg_class WHERE relname = "
      "'business_ledger_by_time' AND relnamespace = to_regnamespace('sluice'))");
  if (!found) co_return std::move(found.error().why).in("look for sluice's indexes");
  std::vector<failure> problems;
  if (found->values.empty() || found->values[0].at(0) == "t") {
    problems.emplace_back(errc::schema_mismatch,
                          "sluice.business_ledger has no index by time, and is too large to have one made "
                          "while loads wait: old "
                          "business keys are not forgotten",
                          "DROP INDEX IF EXISTS sluice.business_ledger_by_time, "
                          "sluice.business_ledger_sent_ms; then CREATE INDEX "
                          "CONCURRENTLY business_ledger_by_time ON sluice.business_ledger (sent_ms)");
  }
  co_return problems;
}

}  // namespace sluice::pg
