// Any bytes as a message's body: never a crash, and nothing left behind by what is refused. By the plan of
// login events, the verdict and the values are those of an oracle that reads with another JSON library. The
// first byte chooses the plan.
#include <simdjson.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "fuzz/input.hpp"
#include "record/reasons.hpp"
#include "support/repository.hpp"
#include "unit/record/oracle.hpp"

namespace {

using namespace sluice;

struct subject {
  explicit subject(record::plan of)
      : plan(std::move(of)), reader(record::reader::make(plan, tests::test_keys()).value()) {}
  record::plan plan;
  record::reader reader;
  copy::arena out{1U << 20U};
};

record::plan all_types() {
  std::ifstream file(tests::repository_file("examples/all-types.toml"));
  std::ostringstream text;
  text << file.rdbuf();
  return tests::compiled(text.str()).value();
}

std::size_t opened_in(std::string_view body) {
  return static_cast<std::size_t>(std::ranges::count(body, '[') + std::ranges::count(body, '{'));
}

void compare(const tests::expectation& expected, const record::plan& p, const record::outcome& got,
             const std::vector<tests::copy_tuple>& rows) {
  tests::must(got.why == expected.reason, "another verdict than the oracle's");
  tests::must(got.column == expected.column, "another column than the oracle's");
  for (const tests::copy_tuple& row : rows) {
    tests::must(row.size() == expected.fields.size(), "another number of fields");
    for (std::size_t i = 0; i < row.size(); ++i) {
      tests::must(tests::same_field(p.columns[i], expected.fields[i], row[i]), "another value");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static subject login(record::login_events());
  static subject wide(all_types());
  if (size == 0) return 0;
  subject& s = data[0] % 2 == 0 ? login : wide;
  const std::string_view body = tests::input_of(data + 1, size - 1);
  const record::envelope e{.sent_ms = 1'767'323'045'678, .received_ms = -1, .receive_count = 2};

  s.out.clear();
  std::string padded(body);
  padded.append(simdjson::SIMDJSON_PADDING, ' ');
  const record::outcome got = s.reader.read({padded.data(), body.size()}, e, s.out);
  tests::must(got.what != record::outcome::kind::full, "an arena of a mebibyte is full");
  const bool is_row = got.what == record::outcome::kind::row;
  tests::must(is_row == got.why.empty(), "refused without a reason");
  const auto rows = tests::decode_tuples(s.out.bytes());
  tests::must(rows.size() == (is_row ? 1 : 0), "a refused body left bytes behind");
  if (got.why == record::reasons::too_deep) {
    // Of a body that is broken as well, the oracle says that.
    tests::must(opened_in(body) > record::reader::depth_max, "a flat body is too deep");
    return 0;
  }
  // The oracle marks numbers with one of these.
  if (&s == &login && body.find('#') == body.npos) compare(tests::expect(s.plan, body, e), s.plan, got, rows);
  return 0;
}
