#include "support/sqs_server/service.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>

namespace sluice::sqs_server {
namespace {

constexpr std::string_view json_1_0 = "application/x-amz-json-1.0";
constexpr std::string_view target_prefix = "AmazonSQS.";

std::string_view reason_of(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Unknown";
  }
}

}  // namespace

void reply::clear() {
  buffer_.resize(head_room);
  status = 200;
  content_type = json_1_0;
  query_error.clear();
  faults = {};
  waiting.reset();
}

void reply::fail(const service_error& e) {
  buffer_.resize(head_room);
  waiting.reset();
  status = e.status;
  content_type = json_1_0;
  query_error = fmt::format("{};{}", e.query_code, e.sender ? "Sender" : "Receiver");
  json_writer w(buffer_);
  w.open('{').key("__type");
  w.raw_string(fmt::format("{}#{}", e.modelled ? "com.amazonaws.sqs" : "com.amazon.coral.service", e.type));
  w.key("message").string(e.message).close('}');
}

std::string_view reply::finish(std::string_view request_id, std::string_view date, bool keep_alive) {
  std::array<char, head_room> head;
  auto* end =
      fmt::format_to_n(head.data(), head.size(),
                       "HTTP/1.1 {} {}\r\nx-amzn-RequestId: {}\r\nDate: {}\r\nContent-Type: {}\r\n"
                       "Content-Length: {}\r\n",
                       status, reason_of(status), request_id, date, content_type, buffer_.size() - head_room)
          .out;
  const auto add = [&](std::string_view text) { end = std::copy(text.begin(), text.end(), end); };
  if (!query_error.empty()) {
    add("x-amzn-query-error: ");
    add(query_error);
    add("\r\n");
  }
  if (!keep_alive) add("Connection: close\r\n");
  add("\r\n");
  const auto size = static_cast<std::size_t>(end - head.data());
  std::copy(head.data(), end, buffer_.data() + (head_room - size));
  return std::string_view(buffer_).substr(head_room - size);
}

service::service(options o, broker& queues, verifier& keys, std::uint64_t seed)
    : options_(o),
      keys_(keys),
      state_{queues, receipt_codec(queues.random().next()), faults_},
      random_(seed),
      parser_(std::make_unique<simdjson::dom::parser>()),
      requests_(operations().size()) {}

service::~service() = default;

void service::handle(const http_request& r, bool local, instant now, reply& out) {
  out.clear();
  if (r.method == "POST" && !r.target.starts_with("/control/")) {
    settle(call_operation(r, now, out), out);
  } else if (r.method == "GET" && r.target == "/health") {
    out.content_type = "application/json";
    out.body() += R"({"status":"ok"})";
  } else if (local && r.target.starts_with("/control/")) {
    control(r, now, out);
  } else {
    // What a GET without parameters gets from SQS.
    out.status = 404;
    out.content_type = "text/xml";
    out.body() += "<UnknownOperationException/>";
  }
}

void service::settle(const outcome<>& done, reply& out) {
  if (!done) {
    out.fail(done.error());
    ++errors_[done.error().type];
  } else if (!out.waiting && out.faults.hide) {
    out.fail(*out.faults.hide);
    ++errors_[out.faults.hide->type];
  }
}

bool service::resume(const receive_call& r, instant now, reply& out) {
  auto done = try_receive(state_, r, now, out.body());
  if (done && !*done) return false;
  out.waiting.reset();
  settle(done ? outcome<>() : outcome<>(done.error()), out);
  return true;
}

outcome<const operation*> service::find_operation(const http_request& r) const {
  if (r.header("content-type") != json_1_0) {
    return errors::access("UnknownOperationException", "InvalidAction", 404,
                          "Content-Type must be application/x-amz-json-1.0.");
  }
  const std::string_view target = r.header("x-amz-target");
  if (!target.starts_with(target_prefix)) return errors::unknown_operation();
  const auto all = operations();
  const auto found = std::ranges::find(all, target.substr(target_prefix.size()), &operation::name);
  if (found == all.end()) return errors::unknown_operation();
  return &*found;
}

outcome<> service::authenticate(const http_request& r, const operation& o, std::string_view queue_url,
                                instant now) {
  const auto clock = std::chrono::floor<seconds>(now + faults_.options().clock_offset);
  auto signer = keys_.verify({r.method, r.target, r.headers, r.body}, clock);
  if (!signer) return signer.error();
  return keys_.authorize(*signer, o.name,
                         fmt::format("arn:aws:sqs:{}:{}:{}", queues().region(), queues().account(),
                                     queue_url.substr(queue_url.rfind('/') + 1)));
}

outcome<> service::call_operation(const http_request& r, instant now, reply& out) {
  auto found = find_operation(r);
  if (!found) return found.error();
  const operation& o = **found;
  ++requests_[static_cast<std::size_t>(&o - operations().data())];
  out.faults = faults_.for_call(o.name);

  simdjson::dom::object input;
  // The buffer goes on behind the body (see session), so that the parser may read past its end.
  const auto parsed = parser_->parse(r.body.data(), r.body.size(), false).get(input);
  std::string_view queue_url;
  if (parsed == simdjson::SUCCESS && input["QueueUrl"].get(queue_url)) queue_url = {};
  if (options_.check_signatures) {
    if (auto allowed = authenticate(r, o, queue_url, now); !allowed) return allowed;
  }
  if (parsed != simdjson::SUCCESS) return errors::serialization("The request is not a JSON object.");
  if (out.faults.refuse) return *out.faults.refuse;
  call c{state_, input, r.header("host"), now, out.body()};
  auto done = o.run(c);
  out.waiting = std::move(c.waiting);
  return done;
}

void service::control(const http_request& r, instant now, reply& out) {
  out.content_type = "application/json";
  if (r.method == "GET" && r.target == "/control/stats") {
    out.body() += stats(now);
  } else if (r.target == "/control/faults" && (r.method == "GET" || r.method == "POST")) {
    if (r.method == "POST") {
      auto parsed = parse_faults(std::string(r.body));
      if (!parsed) return out.fail(parsed.error());
      faults_.set(std::move(*parsed));
    }
    out.body() += to_json(faults_.options());
  } else {
    out.status = 404;
    out.body() += R"({"message":"no such control"})";
  }
}

std::string service::stats(instant now) {
  std::string text;
  json_writer w(text);
  w.open('{').key("queues").open('{');
  for (const auto& [name, q] : queues().queues()) {
    const queue::counts counts = q->count(now);
    const queue::totals& totals = q->total();
    w.key(name).open('{').key("visible").number(counts.visible).key("in_flight").number(counts.in_flight);
    w.key("delayed").number(counts.delayed).key("sent").number(totals.sent);
    w.key("received").number(totals.received).key("deleted").number(totals.deleted);
    w.key("dead").number(totals.dead).key("expired").number(totals.expired).close('}');
  }
  w.close('}').key("requests").open('{');
  for (std::size_t i = 0; i < requests_.size(); ++i) w.key(operations()[i].name).number(requests_[i]);
  w.close('}').key("errors").open('{');
  for (const auto& [type, count] : errors_) w.key(type).number(count);
  w.close('}').key("bytes_in").number(bytes_in_).key("bytes_out").number(bytes_out_).close('}');
  return text;
}

}  // namespace sluice::sqs_server
