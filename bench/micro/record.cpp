#include <simdjson.h>
#include <toml++/toml.h>

#include <string>

#include "copy/arena.hpp"
#include "micro/allocations.hpp"
#include "record/reader.hpp"

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

// One body to one tuple, into an arena that is emptied when it is full.
void read_bodies(benchmark::State& state, const record::plan& plan, std::string_view body) {
  const auto keys = mask::key_ring::parse(mask::key_ring::generate("k1"), "bench").value();
  auto reader = record::reader::make(plan, keys).value();
  copy::arena rows(1 << 20);
  const std::string text = padded(body);
  const record::envelope around{.sent_ms = 1'767'323'045'678, .receive_count = 1};
  const auto read = [&] { return reader.read({text.data(), body.size()}, around, rows).what; };
  if (read() != record::outcome::kind::row) return state.SkipWithError("the body is refused");
  const bench::allocation_counter counted(state);
  for ([[maybe_unused]] auto _ : state) {
    if (read() != record::outcome::kind::row) rows.clear();
    benchmark::ClobberMemory();
  }
}

void read_login_event(benchmark::State& state) {
  read_bodies(state, record::login_events(), login_event);
}
BENCHMARK(read_login_event);

// What the masks of a login event cost: the same without them.
void read_login_event_unmasked(benchmark::State& state) {
  record::plan plan = record::login_events();
  for (record::column& c : plan.columns) c.mask.reset();
  read_bodies(state, plan, login_event);
}
BENCHMARK(read_login_event_unmasked);

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
