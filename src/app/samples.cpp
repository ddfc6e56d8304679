#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "app/commands.hpp"
#include "app/context.hpp"
#include "copy/arena.hpp"
#include "core/encoding.hpp"
#include "pg/catalogue.hpp"
#include "pipeline/clock.hpp"
#include "record/infer.hpp"
#include "record/personal.hpp"
#include "record/reader.hpp"
#include "record/scalars.hpp"
#include "record/show.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t samples_max = 10'000;
constexpr std::size_t cell_characters_max = 40;
constexpr std::size_t row_bytes_max = std::size_t{16} << 20U;

/// The first lines of a file, each a body, or blank.
result<std::vector<std::string>> read_samples(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) {
      return failure{errc::bad_configuration, fmt::format("{} cannot be read", path),
                     "check the path and its permissions"};
    }
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::vector<std::string> bodies;
  for (std::string line; bodies.size() < samples_max && std::getline(in, line);) bodies.push_back(line);
  return bodies;
}

/// One line of a terminal, and not more of it than fits a column of the table.
std::string cell_text(const std::string& value) {
  const std::string whole = without_controls(value);
  std::string text;
  std::size_t characters = 0;
  for (const char c : whole) {
    if (starts_character(c) && ++characters > cell_characters_max) return text + "…";
    text += c;
  }
  return text;
}

/// The rows, with the number of the line that each is from.
class table {
 public:
  explicit table(const record::plan& p) {
    add("line", {});
    for (const record::column& c : p.columns) cells_[0].push_back(cell_text(c.name));
  }
  void add(std::string line, const std::vector<std::optional<std::string>>& row) {
    auto& cells = cells_.emplace_back();
    cells.push_back(std::move(line));
    for (const auto& field : row) cells.push_back(field ? cell_text(*field) : "NULL");
  }
  void print() const {
    std::vector<std::size_t> widths(cells_[0].size(), 0);
    for (const auto& row : cells_) {
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], characters_in(row[i]));
    }
    for (const auto& row : cells_) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) {
        line += (i > 0 ? " | " : "") + row[i] + std::string(widths[i] - characters_in(row[i]), ' ');
      }
      fmt::print("{}\n", line);
    }
  }

 private:
  std::vector<std::vector<std::string>> cells_;
};

/// The names of all members of a JSON text that look personal. As deep as the parser lets it be.
// NOLINTNEXTLINE(misc-no-recursion)
void note_personal_keys(simdjson::dom::element value, std::set<std::string>& found) {
  if (simdjson::dom::object members; value.get(members) == simdjson::SUCCESS) {
    for (const auto& [key, member] : members) {
      if (record::looks_personal(key)) found.emplace(key);
      note_personal_keys(member, found);
    }
  }
  if (simdjson::dom::array items; value.get(items) == simdjson::SUCCESS) {
    for (const simdjson::dom::element item : items) note_personal_keys(item, found);
  }
}

/// What is written in the clear, and should perhaps not be.
class privacy_notes {
 public:
  explicit privacy_notes(const record::plan& p) : plan_(p) {}

  void look_at(const std::vector<std::optional<std::string>>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (plan_.columns[i].type != record::column_type::jsonb || !row[i]) continue;
      simdjson::dom::element value;
      if (parser_.parse(*row[i]).get(value) == simdjson::SUCCESS) note_personal_keys(value, collected_[i]);
    }
  }
  void print() const {
    for (std::size_t i = 0; i < plan_.columns.size(); ++i) {
      const record::column& c = plan_.columns[i];
      if (record::looks_exposed(c)) {
        fmt::print("note: column {} looks personal by its name, and is not masked\n", c.name);
      }
      if (const auto found = collected_.find(i); found != collected_.end()) {
        for (const std::string& key : found->second) {
          fmt::print("note: column {} holds '{}' in the clear, which looks personal\n", c.name,
                     cell_text(key));
        }
      }
    }
  }

 private:
  const record::plan& plan_;
  simdjson::dom::parser parser_;
  std::map<std::size_t, std::set<std::string>> collected_;
};

result<> show_samples(const config& c, const std::vector<std::string>& bodies) {
  auto keys = load_keys(c);
  if (!keys) return keys.error();
  auto reader = record::reader::make(c.plan, *keys);
  if (!reader) return reader.error();
  const std::int64_t now = pipeline::epoch_ms();
  const record::envelope around{.sent_ms = now, .received_ms = now, .receive_count = 1};

  table written(c.plan);
  privacy_notes notes(c.plan);
  std::vector<std::string> refusals;
  std::map<std::string_view, std::size_t> reasons;
  std::size_t messages = 0;
  std::size_t rows = 0;
  copy::arena out(row_bytes_max);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    if (record::trimmed(bodies[i]).empty()) continue;
    ++messages;
    std::string body = bodies[i];
    body.append(simdjson::SIMDJSON_PADDING, ' ');
    out.clear();
    const record::outcome o = reader->read({body.data(), bodies[i].size()}, around, out);
    if (o.what == record::outcome::kind::full)
      return failure{errc::too_large, fmt::format("line {} makes too many rows", i + 1)};
    if (o.what == record::outcome::kind::refused) {
      ++reasons[o.why];
      refusals.push_back(
          fmt::format("line {} is refused: {}{}{}", i + 1, o.why, o.column.empty() ? "" : ", ", o.column));
      continue;
    }
    for (const auto& row : record::show(c.plan, out.bytes())) {
      written.add(std::to_string(i + 1), row);
      notes.look_at(row);
      ++rows;
    }
  }
  written.print();
  fmt::print("\n");
  for (const std::string& line : refusals) fmt::print("{}\n", line);
  notes.print();
  fmt::print("{} messages: {} rows for {}, {} refused\n", messages, rows, c.plan.table, refusals.size());
  for (const auto& [reason, count] : reasons) fmt::print("  {:<28}{}\n", reason, count);
  return {};
}

int finish(const result<>& done) {
  if (done) return exit_code::done;
  print_failure(done.error());
  return exit_code::refused;
}

/// "logs/Login events.ndjson" is for table login_events.
std::string table_of(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return path == "-" ? "events" : name.substr(0, name.find('.'));
}

}  // namespace

int check_samples(const config& c, const std::string& file) {
  const auto bodies = read_samples(file);
  return finish(bodies ? show_samples(c, *bodies) : result<>(bodies.error()));
}

int infer_plan(const std::string& file) {
  const auto bodies = read_samples(file);
  if (!bodies) return finish(bodies.error());
  const auto proposed = record::infer(*bodies, table_of(file));
  if (!proposed) return finish(proposed.error());
  fmt::print("# A plan for {} records of {}: read it, change what is wrong, then\n", proposed->records, file);
  fmt::print("# sluice check --config THIS --sample {}\n", file);
  // A field's name may hold a line break, behind which there would be no comment any more.
  for (const std::string& note : proposed->notes) fmt::print("# Note: {}\n", without_controls(note));
  fmt::print("\n{}\n# The table that sluice init-db would make of it:\n", record::to_toml(proposed->plan));
  std::istringstream sql(pg::table_sql(proposed->plan, proposed->plan.schema));
  for (std::string line; std::getline(sql, line);) fmt::print("# {}\n", line);
  return exit_code::done;
}

}  // namespace sluice::app
