#include <simdjson.h>
#include <toml++/toml.h>

#include <algorithm>
#include <string>

#include "copy/arena.hpp"
#include "copy/row_writer.hpp"
#include "micro/allocations.hpp"
#include "record/reader.hpp"
#include "record/scalars.hpp"

namespace {

using namespace sluice;

constexpr std::string_view login_event =
    R"({"user_id": "424cdd21-063a-43a7-b91b-7ca1a833afae", "app_version": "2.3.0", "device_type": "android", )"
    R"("ip": "199.172.111.135", "locale": "RU", "device_id": "593-47-5928"})";

std::string padded(std::string_view body) {
  std::string text(body);
  text.append(simdjson::SIMDJSON_PADDING, ' ');
  return text;
}

constexpr record::envelope around{.sent_ms = 1'767'323'045'678, .receive_count = 1};

record::reader reader_of(const record::plan& plan) {
  const auto keys = mask::key_ring::parse(mask::key_ring::generate("k1"), "bench").value();
  return record::reader::make(plan, keys).value();
}

record::plan unmasked_login_events() {
  record::plan plan = record::login_events();
  for (record::column& c : plan.columns) c.mask.reset();
  return plan;
}

// One body to one tuple, into an arena that is emptied when it is full.
void read_bodies(benchmark::State& state, const record::plan& plan, std::string_view body) {
  auto reader = reader_of(plan);
  copy::arena rows(1 << 20);
  const std::string text = padded(body);
  const auto read = [&] { return reader.read({text.data(), body.size()}, around, rows).what; };
  if (read() != record::outcome::kind::row) return state.SkipWithError("the body is refused");
  const bench::allocation_counter counted(state);
  for ([[maybe_unused]] auto _ : state) {
    if (read() != record::outcome::kind::row) rows.clear();
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void read_login_event(benchmark::State& state) {
  read_bodies(state, record::login_events(), login_event);
}
BENCHMARK(read_login_event);

// What the masks of a login event cost: the same without them.
void read_login_event_unmasked(benchmark::State& state) {
  read_bodies(state, unmasked_login_events(), login_event);
}
BENCHMARK(read_login_event_unmasked);

// What somebody would write for this record alone: simdjson's dom, one walk, a comparison for each key, the
// same checks and the same bytes; it does not say what is wrong, and where. The reader should take at most
// half as long again.
bool read_by_hand(simdjson::dom::parser& parser, std::string_view body, std::int64_t sent_ms,
                  copy::arena& rows) {
  simdjson::dom::element document;
  simdjson::dom::object members;
  if (parser.parse(body.data(), body.size(), false).get(document) != simdjson::SUCCESS) return false;
  if (document.get(members) != simdjson::SUCCESS) return false;
  std::string_view user_id, app_version, device_type, ip, locale, device_id;
  unsigned seen = 0;
  for (const auto& [key, value] : members) {
    std::string_view* to = nullptr;
    unsigned bit = 0;
    if (key == "user_id")
      to = &user_id, bit = 1;
    else if (key == "app_version")
      to = &app_version, bit = 2;
    else if (key == "device_type")
      to = &device_type, bit = 4;
    else if (key == "ip")
      to = &ip, bit = 8;
    else if (key == "locale")
      to = &locale, bit = 16;
    else if (key == "device_id")
      to = &device_id, bit = 32;
    if (to == nullptr) continue;
    if ((seen & bit) != 0) return false;
    seen |= bit;
    if (bit == 16 && value.is_null()) continue;
    if (value.get(*to) != simdjson::SUCCESS) return false;
    if (to->find('\0') != to->npos) return false;
  }
  if (seen != 63) return false;
  const auto version = record::version_number(record::transform::version_packed, app_version);
  const auto date = record::date_from(sent_ms);
  if (!version || !date || record::longer_than(user_id, 128) || record::longer_than(device_type, 32) ||
      record::longer_than(ip, 256) || record::longer_than(device_id, 256) ||
      record::longer_than(locale, 32)) {
    return false;
  }
  copy::row_writer row(rows);
  row.begin_row(7);
  row.text(user_id);
  row.text(device_type);
  row.text(ip);
  row.text(device_id);
  if (locale.data() == nullptr) {
    row.null();
  } else {
    row.text(locale);
  }
  row.int4(static_cast<std::int32_t>(*version));
  row.date(*date);
  return row.end_row();
}

void read_login_event_by_hand(benchmark::State& state) {
  simdjson::dom::parser parser;
  copy::arena rows(1 << 20), expected(1 << 20);
  const std::string text = padded(login_event);
  const std::string_view body(text.data(), login_event.size());
  reader_of(unmasked_login_events()).read(body, around, expected);
  if (!read_by_hand(parser, body, around.sent_ms, rows) ||
      !std::ranges::equal(rows.bytes(), expected.bytes()))
    return state.SkipWithError("the reader's row is another");
  for ([[maybe_unused]] auto _ : state) {
    if (!read_by_hand(parser, body, around.sent_ms, rows)) rows.clear();
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(login_event.size()));
}
BENCHMARK(read_login_event_by_hand);

// Exact numbers and arrays: the text of the body is walked a second time.
void read_reading(benchmark::State& state) {
  const auto table = toml::parse(R"(
[table]
name = 'readings'
[[column]]
name = 'device'
type = 'text'
from = '/device/id'
[[column]]
name = 'at'
type = 'timestamptz'
transform = 'epoch_milliseconds'
[[column]]
name = 'temperature'
type = 'numeric'
[[column]]
name = 'samples'
type = 'double precision[]'
[[column]]
name = 'rest'
type = 'jsonb'
from = '@unknown'
)");
  read_bodies(state, record::compile(table, "bench").value(),
              R"({"device":{"id":"d-1","os":"rtos 4.1"},"at":1767323045678,"temperature":21.53,)"
              R"("samples":[0.25,0.5,17.125,1.5e-3,2.75,4.125],"humidity":0.61})");
}
BENCHMARK(read_reading);

// The whole body as one jsonb: parsed, then copied without its blanks.
void read_login_event_as_jsonb(benchmark::State& state) {
  const auto table = toml::parse("[table]\nname='t'\n[[column]]\nname='body'\ntype='jsonb'\nfrom=''\n");
  read_bodies(state, record::compile(table, "bench").value(), login_event);
}
BENCHMARK(read_login_event_as_jsonb);

// The floor: simdjson alone.
void parse_login_event(benchmark::State& state) {
  simdjson::dom::parser parser;
  const std::string text = padded(login_event);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(parser.parse(text.data(), login_event.size(), false).error());
  }
}
BENCHMARK(parse_login_event);

}  // namespace
