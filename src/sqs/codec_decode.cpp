#include "sqs/codec.hpp"

#include <simdjson.h>

#include <algorithm>
#include <bitset>
#include <cassert>
#include <charconv>

#include "sqs/attribute_text.hpp"
#include "sqs/md5.hpp"

namespace sluice::sqs {
namespace {

namespace dom = simdjson::dom;

static_assert(body_padding >= simdjson::SIMDJSON_PADDING);
constexpr std::size_t parser_kept_bytes_max = 128 * 1024;  // what a parser needs for more is given back

failure bad_answer(std::string what) {
  return {errc::bad_answer, std::move(what), "is it an SQS endpoint?"};
}

// False for a member that is not a string. Absent and null members leave `out` as it is.
bool read_text(dom::element e, std::string_view& out) {
  return e.is_null() || e.get(out) == simdjson::SUCCESS;
}

template <class Number>
bool read_number(dom::element e, Number& out) {
  std::string_view text;
  if (!read_text(e, text) || text.empty()) return false;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

// The list, empty if it is absent or null; false if it is something else.
bool read_list(dom::object o, std::string_view name, dom::array& out, bool& present) {
  dom::element e;
  present = o[name].get(e) == simdjson::SUCCESS && !e.is_null();
  return !present || e.get(out) == simdjson::SUCCESS;
}

bool read_system_attributes(dom::element e, message& m) {
  if (e.is_null()) return true;
  dom::object attributes;
  if (e.get(attributes) != simdjson::SUCCESS) return false;
  for (const auto& [name, value] : attributes) {
    bool good = true;
    if (name == "SentTimestamp") {
      good = read_number(value, m.sent_ms);
    } else if (name == "ApproximateReceiveCount") {
      good = read_number(value, m.receive_count);
    } else if (name == "MessageGroupId") {
      good = read_text(value, m.group_id);
    } else if (name == "AWSTraceHeader") {
      good = read_text(value, m.trace_header);
    }
    if (!good) return false;
  }
  return true;
}

bool read_message_attributes(dom::element e, std::vector<message_attribute>& out) {
  if (e.is_null()) return true;
  dom::object attributes;
  if (e.get(attributes) != simdjson::SUCCESS) return false;
  for (const auto& [name, value] : attributes) {
    message_attribute& a = out.emplace_back(message_attribute{.name = name, .value = {}});
    if (value["StringValue"].get(a.value) != simdjson::SUCCESS &&
        value["BinaryValue"].get(a.value) != simdjson::SUCCESS) {
      return false;
    }
  }
  return true;
}

// AWS names are of these letters; anything else would be somebody's text.
bool is_safe_name(std::string_view name) {
  return name.size() <= 80 && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                  c == '_' || c == '-';
         });
}

// "com.amazonaws.sqs#QueueDoesNotExist:http://..." is QueueDoesNotExist, "AWS.X;Sender" is AWS.X.
std::string bare_name(std::string_view name) {
  name = name.substr(0, name.find_first_of(":;"));
  if (const auto hash = name.rfind('#'); hash != name.npos) name.remove_prefix(hash + 1);
  return is_safe_name(name) ? std::string(name) : std::string();
}

std::string_view text_of(const md5_hex& digest) {
  return {digest.data(), digest.size()};
}

bool is_digest_of(std::string_view text, std::string_view digest) {
  md5_hex own{};
  md5_each(std::span(&text, 1), std::span(&own, 1));
  return text_of(own) == digest;
}

std::string_view text_of(dom::object o, std::string_view name) {
  std::string_view text;
  return o[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

}  // namespace

class decoder::impl {
 public:
  result<std::span<const message>> messages(std::string_view body);
  result<std::vector<batch_failure>> failures(std::string_view body, std::size_t entries);
  result<std::string> queue_url(std::string_view body);
  result<std::map<std::string, std::string>> attributes(std::string_view body);
  result<std::optional<move_task>> latest_move_task(std::string_view body);
  refusal refused(unsigned status, std::string_view body, std::string_view error_type,
                  std::string_view query_error);

 private:
  result<dom::object> parse(std::string_view body);
  result<message> read_message(dom::element e);
  void check_bodies();

  dom::parser parser_;
  std::vector<message> messages_;
  std::vector<message_attribute> attributes_;  ///< of all messages, in their order
  attribute_text attribute_text_;
  std::vector<std::string_view> bodies_, body_digests_;  ///< of all messages; an empty digest was not given
  std::vector<md5_hex> own_digests_;
};

result<dom::object> decoder::impl::parse(std::string_view body) {
  if (parser_.capacity() > parser_kept_bytes_max && body.size() <= parser_kept_bytes_max)
    parser_ = simdjson::dom::parser();
  dom::element root;
  dom::object object;
  const auto error = parser_.parse(body.data(), body.size(), false).get(root);
  if (error != simdjson::SUCCESS) {
    return bad_answer(std::string("the answer is not JSON: ") + simdjson::error_message(error));
  }
  if (root.get(object) != simdjson::SUCCESS) return bad_answer("the answer is not a JSON object");
  return object;
}

// All at once, which is several times faster.
void decoder::impl::check_bodies() {
  own_digests_.resize(bodies_.size());
  md5_each(bodies_, own_digests_);
  for (std::size_t i = 0; i < bodies_.size(); ++i) {
    if (!body_digests_[i].empty() && body_digests_[i] != text_of(own_digests_[i]))
      messages_[i].digests_ok = false;
  }
}

result<message> decoder::impl::read_message(dom::element e) {
  message m;
  const std::size_t attributes_before = attributes_.size();
  std::string_view body_digest, attributes_digest;
  dom::element attributes;
  dom::object members;
  bool good = e.get(members) == simdjson::SUCCESS;
  bool has_body = false;
  if (good) {
    for (const auto& [name, value] : members) {
      if (name == "Body") {
        good = value.get(m.body) == simdjson::SUCCESS;
        has_body = good;
      } else if (name == "MessageId") {
        good = read_text(value, m.message_id);
      } else if (name == "ReceiptHandle") {
        good = read_text(value, m.receipt_handle);
      } else if (name == "MD5OfBody") {
        good = read_text(value, body_digest);
      } else if (name == "MD5OfMessageAttributes") {
        good = read_text(value, attributes_digest);
      } else if (name == "Attributes") {
        good = read_system_attributes(value, m);
      } else if (name == "MessageAttributes") {
        good = read_message_attributes(value, attributes_);
        attributes = value;
      }
      if (!good) break;
    }
  }
  if (!good || !has_body || m.message_id.empty() || m.receipt_handle.empty()) {
    return bad_answer("a message without a proper id, receipt handle, body or attribute");
  }
  bodies_.push_back(m.body);
  body_digests_.push_back(body_digest);
  if (dom::object given; !attributes_digest.empty() && attributes_.size() > attributes_before &&
                         attributes.get(given) == simdjson::SUCCESS) {
    const auto text = attribute_text_(given);
    m.digests_ok = text && is_digest_of(*text, attributes_digest);
  }
  // The list may still move: `messages` sets its place.
  m.attributes = {static_cast<const message_attribute*>(nullptr), attributes_.size() - attributes_before};
  return m;
}

result<std::span<const message>> decoder::impl::messages(std::string_view body) {
  messages_.clear();
  attributes_.clear();
  bodies_.clear();
  body_digests_.clear();
  if (body.empty()) return std::span<const message>();
  const auto answer = parse(body);
  if (!answer) return answer.error();
  dom::array list;
  bool present = false;
  if (!read_list(*answer, "Messages", list, present)) return bad_answer("Messages is not a list");
  if (!present) return std::span<const message>();
  for (const dom::element e : list) {
    auto m = read_message(e);
    if (!m) return m.error();
    messages_.push_back(*m);
  }
  check_bodies();
  const message_attribute* next = attributes_.data();
  for (message& m : messages_) {
    m.attributes = {next, m.attributes.size()};
    next += m.attributes.size();
  }
  return std::span<const message>(messages_);
}

result<std::vector<batch_failure>> decoder::impl::failures(std::string_view body, std::size_t entries) {
  assert(entries <= batch_entries_max);
  std::bitset<batch_entries_max> told;
  std::vector<batch_failure> failed;
  // Calls `take(entry, index)` for each entry of the list whose id is one of ours, and not told before.
  const auto walk = [&](dom::object answer, std::string_view name, auto take) {
    dom::array list;
    bool present = false;
    if (!read_list(answer, name, list, present)) return false;
    if (!present) return true;
    for (const dom::element e : list) {
      dom::object entry;
      if (e.get(entry) != simdjson::SUCCESS) return false;
      const std::string_view id = text_of(entry, "Id");
      std::size_t index = entries;
      std::from_chars(id.data(), id.data() + id.size(), index);
      if (index >= entries || told[index]) continue;
      told.set(index);
      take(entry, index);
    }
    return true;
  };
  if (!body.empty()) {
    const auto answer = parse(body);
    if (!answer) return answer.error();
    const auto add = [&](dom::object entry, std::size_t index) {
      bool sender = false;
      if (entry["SenderFault"].get(sender) != simdjson::SUCCESS) sender = false;
      failed.push_back({index, sender, bare_name(text_of(entry, "Code"))});
    };
    // Failed first: an entry in both lists counts as not done.
    if (!walk(*answer, "Failed", add) || !walk(*answer, "Successful", [](dom::object, std::size_t) {})) {
      return bad_answer("Failed or Successful is not a list of objects");
    }
  }
  for (std::size_t i = 0; i < entries; ++i) {
    if (!told[i]) failed.push_back({i, false, "Missing"});
  }
  return failed;
}

result<std::string> decoder::impl::queue_url(std::string_view body) {
  const auto answer = parse(body);
  if (!answer) return answer.error();
  const std::string_view url = text_of(*answer, "QueueUrl");
  if (url.empty()) return bad_answer("the answer has no QueueUrl");
  return std::string(url);
}

result<std::map<std::string, std::string>> decoder::impl::attributes(std::string_view body) {
  std::map<std::string, std::string> read;
  if (body.empty()) return read;
  const auto answer = parse(body);
  if (!answer) return answer.error();
  dom::element e;
  if ((*answer)["Attributes"].get(e) != simdjson::SUCCESS || e.is_null()) return read;
  dom::object attributes;
  if (e.get(attributes) != simdjson::SUCCESS) return bad_answer("Attributes is not an object");
  for (const auto& [name, value] : attributes) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return bad_answer("an attribute is not a string");
    read.emplace(name, text);
  }
  return read;
}

result<std::optional<move_task>> decoder::impl::latest_move_task(std::string_view body) {
  const auto answer = parse(body);
  if (!answer) return answer.error();
  dom::array list;
  bool present = false;
  if (!read_list(*answer, "Results", list, present)) return bad_answer("Results is not a list");
  if (!present || list.size() == 0) return std::optional<move_task>();
  dom::object latest;
  if (list.at(0).get(latest) != simdjson::SUCCESS) return bad_answer("a move task is not an object");
  const auto number = [&](std::string_view name) {
    std::uint64_t n = 0;
    return latest[name].get(n) == simdjson::SUCCESS ? n : 0;
  };
  return std::optional(move_task{.status = bare_name(text_of(latest, "Status")),
                                 .moved = number("ApproximateNumberOfMessagesMoved"),
                                 .to_move = number("ApproximateNumberOfMessagesToMove"),
                                 .failure_reason = bare_name(text_of(latest, "FailureReason"))});
}

refusal decoder::impl::refused(unsigned status, std::string_view body, std::string_view error_type,
                               std::string_view query_error) {
  refusal r;
  std::string_view type, code;
  if (const auto answer = parse(body)) {
    type = text_of(*answer, "__type");
    code = text_of(*answer, "code");
    std::string_view text = text_of(*answer, "message");
    if (text.empty()) text = text_of(*answer, "Message");
    r.text = text;
  }
  for (const std::string_view name : {type, error_type, code, query_error}) {
    if (r.name.empty()) r.name = bare_name(name);
    const aws_errc known = aws_error_from_name(name);
    if (known != aws_errc::unknown) {
      r.code = known;
      r.name = bare_name(name);
      return r;
    }
  }
  // A name that nobody knows says less than a status of 500.
  r.code = r.name.empty() || status >= 500 ? http_status(status) : make_error_code(aws_errc::unknown);
  return r;
}

decoder::decoder() : impl_(std::make_unique<impl>()) {}
decoder::decoder(decoder&&) noexcept = default;
decoder& decoder::operator=(decoder&&) noexcept = default;
decoder::~decoder() = default;

result<std::span<const message>> decoder::messages(std::string_view body) {
  return impl_->messages(body);
}
result<std::vector<batch_failure>> decoder::failures(std::string_view body, std::size_t entries) {
  return impl_->failures(body, entries);
}
result<std::string> decoder::queue_url(std::string_view body) {
  return impl_->queue_url(body);
}
result<std::map<std::string, std::string>> decoder::attributes(std::string_view body) {
  return impl_->attributes(body);
}
result<std::optional<move_task>> decoder::latest_move_task(std::string_view body) {
  return impl_->latest_move_task(body);
}
refusal decoder::refused(unsigned status, std::string_view body, std::string_view error_type,
                         std::string_view query_error) {
  return impl_->refused(status, body, error_type, query_error);
}

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || !text.ends_with(" GMT")) return std::nullopt;
  bool good = true;
  const auto number = [&](std::size_t at, std::size_t size) {
    int value = 0;
    const char* const end = text.data() + at + size;
    good = good && std::from_chars(text.data() + at, end, value).ptr == end && value >= 0;
    return value;
  };
  const std::size_t month = months.find(text.substr(8, 3));
  const std::chrono::year_month_day date(std::chrono::year(number(12, 4)),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(number(5, 2))));
  const auto time = std::chrono::hours(number(17, 2)) + std::chrono::minutes(number(20, 2)) +
                    std::chrono::seconds(number(23, 2));
  if (!good || month == months.npos || month % 3 != 0 || !date.ok() || time >= std::chrono::hours(25)) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + time;
}

}  // namespace sluice::sqs
