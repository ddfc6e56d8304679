#include "support/sqs_server/batch.hpp"

#include <algorithm>

#include "support/sqs_server/input.hpp"

namespace sluice::sqs_server {
namespace {

constexpr std::size_t entries_max = 10;
constexpr std::size_t id_chars_max = 80;

bool is_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !id.empty() && id.size() <= id_chars_max && std::ranges::all_of(id, allowed);
}

}  // namespace

outcome<std::vector<batch_entry>> read_batch(const call& c, std::string_view shape) {
  auto given = array_in(c.input, "Entries");
  if (!given) return given.error();
  if (!*given || (*given)->begin() == (*given)->end()) return errors::empty_batch(shape);

  std::vector<batch_entry> entries;
  entries.reserve(entries_max);
  std::size_t count = 0;
  for (const auto element : **given) {
    if (++count > entries_max) continue;
    simdjson::dom::object object;
    if (element.get(object)) return errors::serialization("Entries is a list of structures.");
    auto id = required_text_in(object, "Id");
    if (!id) return id.error();
    entries.push_back({*id, object});
  }
  if (count > entries_max) return errors::too_many_entries(count);
  for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
    if (!is_id(entry->id)) return errors::invalid_entry_id();
    if (std::find_if(entries.begin(), entry, [&](const auto& e) { return e.id == entry->id; }) != entry) {
      return errors::entry_ids_not_distinct(entry->id);
    }
  }
  return entries;
}

void batch_reply::finish() {
  writer_.close(']');
  if (!failures_.empty()) {
    writer_.key("Failed").open('[');
    for (const auto& [id, error] : failures_) {
      writer_.open('{').key("Id").raw_string(id).key("SenderFault").boolean(error.sender);
      writer_.key("Code").string(error.query_code).key("Message").string(error.message).close('}');
    }
    writer_.close(']');
  }
  writer_.close('}');
}

}  // namespace sluice::sqs_server
