#include "support/sqs_server/broker.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::sqs_server {
namespace {

constexpr seconds deletion_takes{60};

bool is_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !name.empty() && std::ranges::all_of(name, allowed);
}

outcome<bool> check_name(std::string_view name, const attribute_map& attributes) {
  const auto wanted = attributes.find("FifoQueue");
  const bool fifo = wanted != attributes.end() && wanted->second == "true";
  const std::string_view stem = name.ends_with(".fifo") ? name.substr(0, name.size() - 5) : name;
  if (fifo && (stem.size() == name.size() || name.size() > 80 || !is_name(stem))) {
    return errors::invalid_parameter(
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must "
        "end "
        "with .fifo suffix and be 1 to 80 in length");
  }
  if (!fifo && (name.size() > 80 || !is_name(name))) {
    return errors::invalid_parameter(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
  }
  return fifo;
}

}  // namespace

std::string broker::arn_of(std::string_view name) const {
  return fmt::format("arn:aws:sqs:{}:{}:{}", options_.region, options_.account, name);
}

queue* broker::find(std::string_view name) const {
  const auto found = queues_.find(name);
  return found == queues_.end() ? nullptr : found->second.get();
}

queue* broker::find_arn(std::string_view arn) const {
  const std::string prefix = arn_of({});
  return arn.starts_with(prefix) ? find(arn.substr(prefix.size())) : nullptr;
}

outcome<> broker::check_redrive(std::string_view own_name, const attribute_map& attributes) const {
  const auto text = attributes.find("RedrivePolicy");
  if (text == attributes.end() || text->second.empty()) return {};
  auto policy = parse_redrive_policy(text->second);
  if (!policy) return policy.error();
  const queue* const target = find_arn(policy->target_arn);
  if (target == nullptr) {
    return errors::invalid_value(text->second, "RedrivePolicy", "Dead letter target does not exist.");
  }
  if (target->name() == own_name) {
    return errors::invalid_value(text->second, "RedrivePolicy",
                                 "Dead letter queue must be different from the source queue.");
  }
  if (target->fifo() != own_name.ends_with(".fifo")) {
    return errors::invalid_value(text->second, "RedrivePolicy",
                                 "Dead-letter queue must be same type of queue as the source.");
  }
  return {};
}

outcome<queue*> broker::create(std::string_view name, const attribute_map& attributes, instant now) {
  auto fifo = check_name(name, attributes);
  if (!fifo) return fifo.error();
  if (queue* const existing = find(name)) {
    for (const auto& [attribute, value] : attributes) {
      const auto& has = existing->settings().text();
      const auto found = has.find(attribute);
      if (found == has.end() || found->second != value) return errors::queue_name_exists(attribute);
    }
    return existing;
  }
  if (const auto d = deleted_.find(name); d != deleted_.end() && now < d->second + deletion_takes) {
    return errors::queue_deleted_recently();
  }
  queue_settings settings(*fifo);
  if (auto applied = settings.apply(attributes); !applied) return applied.error();
  if (auto checked = check_redrive(name, attributes); !checked) return checked.error();

  const std::string& arn = *arns_.insert(arn_of(name)).first;
  auto q = std::make_unique<queue>(std::string(name), arn, ++last_number_, std::move(settings), now);
  queue* const created = q.get();
  queues_.emplace(name, std::move(q));
  resolve_dead_letters();
  return created;
}

outcome<> broker::set_attributes(queue& q, const attribute_map& changes, instant now) {
  if (auto checked = check_redrive(q.name(), changes); !checked) return checked;
  auto applied = q.apply(changes, now);
  if (applied) resolve_dead_letters();
  return applied;
}

void broker::remove(queue& q, instant now) {
  const std::string name = q.name();
  std::erase_if(deleted_, [&](const auto& d) { return d.second + deletion_takes <= now; });
  deleted_.insert_or_assign(name, now);
  queues_.erase(name);
  resolve_dead_letters();
}

void broker::resolve_dead_letters() {
  for (const auto& [name, q] : queues_) {
    const auto& redrive = q->settings().redrive();
    q->dead_letter_queue(redrive ? find_arn(redrive->target_arn) : nullptr);
  }
}

std::vector<const queue*> broker::sources_of(const queue& q) const {
  std::vector<const queue*> sources;
  for (const auto& [name, other] : queues_) {
    if (other->dead_letter_queue() == &q) sources.push_back(other.get());
  }
  return sources;
}

}  // namespace sluice::sqs_server
