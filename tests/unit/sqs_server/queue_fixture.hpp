#pragma once

#include <string>
#include <vector>

#include "support/sqs_server/payload.hpp"
#include "support/sqs_server/queue.hpp"
#include "support/sqs_server/random.hpp"
#include "unit/sqs_server/outcome_printer.hpp"

namespace sluice::sqs_server {

/// A queue with a clock that stands still until told.
struct queue_fixture {
  explicit queue_fixture(const attribute_map& attributes = {}, bool fifo = false)
      : q(fifo ? "q.fifo" : "q", arn, 7, settings_of(attributes, fifo), now) {}

  static queue_settings settings_of(const attribute_map& attributes, bool fifo) {
    queue_settings s(fifo);
    s.apply(attributes).value();
    return s;
  }

  queue::sent send(std::string_view body, std::optional<seconds> delay = {}) {
    return q.send(make_payload(body), random.next_uuid(), delay, now);
  }
  queue::sent send_to(std::string_view group, std::string_view body, std::string_view deduplication_id = {}) {
    boost::intrusive_ptr<payload> p(new payload(*make_payload(body)));
    p->group = group;
    p->deduplication_id = deduplication_id.empty() ? body : deduplication_id;
    return q.send(p, random.next_uuid(), {}, now);
  }
  std::vector<queue::received> receive(std::size_t count_max = 10, seconds visibility = seconds(30),
                                       std::string_view attempt_id = {}) {
    std::vector<queue::received> out;
    q.receive({count_max, visibility, attempt_id}, now, out).value();
    return out;
  }
  std::vector<std::string> bodies(std::size_t count_max = 10, seconds visibility = seconds(30)) {
    return bodies_of(receive(count_max, visibility));
  }
  static std::vector<std::string> bodies_of(const std::vector<queue::received>& messages) {
    std::vector<std::string> out;
    for (const auto& r : messages) out.push_back(r.what->content->body_json);
    return out;
  }
  queue::answer remove(const queue::received& r) { return q.remove(r.receipt, now); }

  std::string arn = "arn:aws:sqs:us-east-1:000000000000:q";
  instant now{milliseconds(1'800'000'000'000)};
  random_source random{1};
  queue q;
};

}  // namespace sluice::sqs_server
