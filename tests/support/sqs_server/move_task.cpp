#include "support/sqs_server/move_task.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "support/sqs_server/broker.hpp"

namespace sluice::sqs_server {
namespace {

service_error no_such(std::string_view parameter) {
  return errors::resource_not_found(
      fmt::format("The resource that you specified for the {} parameter doesn't exist.", parameter));
}

constexpr std::size_t moves_max = 100;

struct parsed_handle {
  std::string task_id;
  std::string source_arn;
};

std::optional<parsed_handle> parse_handle(std::string_view handle) {
  const auto text = unbase64(handle);
  if (!text) return std::nullopt;
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string_view id, arn;
  if (parser.parse(*text).get(object) || object["taskId"].get(id) || object["sourceArn"].get(arn)) {
    return std::nullopt;
  }
  return parsed_handle{std::string(id), std::string(arn)};
}

}  // namespace

std::string_view status_text(move_task::state s) noexcept {
  switch (s) {
    case move_task::state::running: return "RUNNING";
    case move_task::state::completed: return "COMPLETED";
    case move_task::state::cancelled: return "CANCELLED";
    case move_task::state::failed: return "FAILED";
  }
  return "";
}

outcome<const move_task*> broker::start_move(std::string_view source_arn, std::string_view destination_arn,
                                             std::optional<std::uint32_t> per_second, instant now) {
  queue* const source = find_arn(source_arn);
  if (source == nullptr) return no_such("SourceArn");
  if (sources_of(*source).empty()) {
    return errors::invalid_parameter("Source queue must be configured as a Dead Letter Queue.");
  }
  if (!destination_arn.empty() && find_arn(destination_arn) == nullptr) return no_such("DestinationArn");
  advance_moves(now);
  const auto runs = [&](const auto& t) {
    return t->source_arn == source_arn && t->status == move_task::state::running;
  };
  if (std::ranges::any_of(moves_, runs)) {
    return errors::invalid_parameter(
        "There is already a task running. Only one active task is allowed for a source queue arn at a given "
        "time.");
  }
  auto task = std::make_unique<move_task>();
  task->handle = base64(
      fmt::format(R"({{"taskId":"{}","sourceArn":"{}"}})", to_string(random_.next_uuid()), source_arn));
  task->source_arn = source_arn;
  task->destination_arn = destination_arn;
  task->per_second = per_second;
  task->started = now;
  task->to_move = source->count(now).visible;
  if (moves_.size() == moves_max)
    std::erase_if(moves_, [](const auto& t) { return t->status != move_task::state::running; });
  moves_.push_back(std::move(task));
  return moves_.back().get();
}

outcome<const move_task*> broker::cancel_move(std::string_view handle, instant now) {
  const auto parsed = parse_handle(handle);
  if (!parsed) return errors::invalid_parameter("Value for parameter TaskHandle is invalid.");
  if (find_arn(parsed->source_arn) == nullptr) return no_such("SourceArn");
  advance_moves(now);
  const auto task = std::ranges::find(moves_, handle, &move_task::handle);
  if (task == moves_.end() || (*task)->status != move_task::state::running) {
    return errors::resource_not_found("Task does not exist.");
  }
  (*task)->status = move_task::state::cancelled;
  return task->get();
}

outcome<std::vector<const move_task*>> broker::moves_of(std::string_view source_arn, instant now) {
  if (find_arn(source_arn) == nullptr) return no_such("SourceArn");
  advance_moves(now);
  std::vector<const move_task*> found;
  for (auto task = moves_.rbegin(); task != moves_.rend(); ++task) {
    if ((*task)->source_arn == source_arn) found.push_back(task->get());
  }
  return found;
}

bool broker::advance_moves(instant now) {
  bool running = false;
  for (auto& task : moves_) {
    if (task->status != move_task::state::running) continue;
    advance(*task, now);
    running = running || task->status == move_task::state::running;
  }
  return running;
}

/// Moves what the rate allows since the start; without a rate, all that was there when it started.
void broker::advance(move_task& task, instant now) {
  queue* const source = find_arn(task.source_arn);
  if (source == nullptr) {
    task.status = move_task::state::failed;
    task.failure_reason = "AWS.SimpleQueueService.NonExistentQueue";
    return;
  }
  std::uint64_t allowed = task.to_move;
  if (task.per_second) {
    const auto elapsed = static_cast<std::uint64_t>((now - task.started).count());
    allowed = std::min(allowed, elapsed * *task.per_second / 1000);
  }
  while (task.moved < allowed && move_one(task, *source, now)) ++task.moved;
  if (task.status == move_task::state::running &&
      (task.moved == task.to_move || source->front(now) == nullptr)) {
    task.status = move_task::state::completed;
  }
}

bool broker::move_one(move_task& task, queue& source, instant now) {
  message* const m = source.front(now);
  if (m == nullptr) return false;
  queue* to = nullptr;
  if (!task.destination_arn.empty()) {
    to = find_arn(task.destination_arn);
  } else if (m->dead_letter_source != nullptr) {
    to = find_arn(*m->dead_letter_source);
  }
  if (to == nullptr) {
    task.status = move_task::state::failed;
    task.failure_reason = "CouldNotDetermineMessageSource";
    return false;
  }
  // A moved message is a new one: its id and times start again.
  const payload_ptr content = m->content;
  source.remove(*m);
  to->adopt(content, random_.next_uuid(), now);
  return true;
}

}  // namespace sluice::sqs_server
