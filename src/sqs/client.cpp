#include "sqs/client.hpp"

#include <array>
#include <functional>
#include <optional>
#include <utility>

#include "aws/signer.hpp"
#include "core/verdict.hpp"
#include "sqs/codec.hpp"
#include "sqs/explain.hpp"

namespace sluice::sqs {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::seconds answer_time = 10s;  // beside the long poll's own
constexpr std::chrono::seconds skew_tolerated = 4min;
constexpr std::string_view content_type = "application/x-amz-json-1.0";

// What a request signed at a wrong time is refused with. SQS is known to say all three.
bool may_be_skew(const error_code& code) {
  return code == aws_errc::clock_skew || code == aws_errc::signature_mismatch ||
         code == aws_errc::access_denied;
}

}  // namespace

struct session::tools {
  aws::signer signer;
  sqs::decoder decoder;
};

struct client::impl {
  struct call {
    std::string_view operation;  ///< with "AmazonSQS." in front
    std::string_view queue;
    std::chrono::seconds timeout = answer_time;
    bool repeatable = true;
    std::optional<std::chrono::milliseconds> memory_wait{};  ///< for those that need memory
  };

  impl(asio::any_io_executor executor, std::shared_ptr<session> s)
      : shared(std::move(s)), link(std::move(executor), shared->endpoint, shared->http, shared->tls) {
    if (!shared->shared_tools) {
      shared->shared_tools =
          std::make_shared<session::tools>(aws::signer(shared->region, "sqs"), sqs::decoder());
    }
  }

  asio::awaitable<result<std::string_view>> run(call c);
  asio::awaitable<result<http::response>> send(const call& c, const aws::credentials& keys,
                                               std::chrono::sys_seconds at);
  std::optional<std::chrono::seconds> skew_of(std::string_view date) const;
  call_context context(const call& c) const;
  /// Adds what was asked, and of which queue, to a failure.
  template <class T>
  result<T> located(const call& c, result<T> r) const {
    if (r || r.error().code == errc::cancelled) return r;
    return failure(r.error()).in(describe(context(c)));
  }

  std::shared_ptr<session> shared;
  http::client link;
  asio::cancellation_signal end_wait;  ///< for credentials
  bool closed = false;                 ///< from outside, during this call
  aws::signer& signer() { return shared->shared_tools->signer; }
  sqs::decoder& decoder() { return shared->shared_tools->decoder; }
  std::string body;  ///< of the request
};

call_context client::impl::context(const call& c) const {
  call_context about;
  about.operation = c.operation.substr(c.operation.find('.') + 1);
  about.queue = c.queue;
  about.region = shared->region;
  about.endpoint = to_string(shared->endpoint);
  return about;
}

// The server's clock minus ours, if it says.
std::optional<std::chrono::seconds> client::impl::skew_of(std::string_view date) const {
  const auto theirs = parse_http_date(date);
  return theirs ? std::optional(*theirs - shared->now()) : std::nullopt;
}

asio::awaitable<result<http::response>> client::impl::send(const call& c, const aws::credentials& keys,
                                                           std::chrono::sys_seconds at) {
  const http::endpoint& to = shared->endpoint;
  const std::array<aws::sigv4::header, 2> to_sign = {
      {{"content-type", content_type}, {"x-amz-target", c.operation}}};
  const auto s = signer().sign(keys, "POST", to.host_header, to.target, to_sign, body, at);
  const std::array<http::header, 5> headers = {{{"Content-Type", content_type},
                                                {"X-Amz-Target", c.operation},
                                                {"X-Amz-Date", s.date},
                                                {"Authorization", s.authorization},
                                                {"X-Amz-Security-Token", s.session_token}}};
  const std::span all(headers.data(), s.session_token.empty() ? 4 : 5);
  const http::request r{.method = "POST",
                        .target = to.target,
                        .headers = all,
                        .body = body,
                        .repeatable = c.repeatable,
                        .memory = c.memory_wait ? &shared->answers : nullptr,
                        .memory_wait = c.memory_wait.value_or(0ms)};
  ++shared->requests;
  co_return co_await link.send(r, c.timeout);
}

// Sends `body`. Stale credentials and a skewed clock are corrected once each; the answer of a success is
// returned.
asio::awaitable<result<std::string_view>> client::impl::run(call c) {
  closed = false;
  auto keys = co_await shared->credentials->get(false, end_wait.slot());
  if (closed) co_return failure{errc::cancelled, "closed on demand"};
  if (!keys) co_return keys.error();
  bool refreshed = false;
  bool clock_mended = false;
  for (;;) {
    const auto offset = shared->clock_offset;  // another call may correct it meanwhile
    auto answer = co_await send(c, **keys, shared->now() + offset);
    if (!answer) co_return located(c, std::move(answer)).error();
    if (answer->status / 100 == 2) co_return answer->body;
    if (closed) co_return failure{errc::cancelled, "closed on demand"};

    const refusal r =
        decoder().refused(answer->status, answer->body, answer->error_type, answer->query_error);
    const auto skew = skew_of(answer->date);
    if (!clock_mended && may_be_skew(r.code) && skew && std::chrono::abs(*skew - offset) > skew_tolerated) {
      clock_mended = true;
      shared->clock_offset = *skew;
      continue;
    }
    if (!refreshed && classify(r.code) == verdict::auth) {
      refreshed = true;
      auto fresh = co_await shared->credentials->get(true, end_wait.slot());
      if (closed) co_return failure{errc::cancelled, "closed on demand"};
      if (!fresh) co_return fresh.error();
      const bool changed = !(*keys)->has_same_keys(**fresh);
      keys = std::move(fresh);
      if (changed) continue;
    }
    auto about = context(c);
    about.credentials = (*keys)->source;
    about.clock_skew = skew.value_or(0s);
    co_return explain(r, about);
  }
}

client::client(asio::any_io_executor executor, std::shared_ptr<session> s)
    : impl_(std::make_unique<impl>(std::move(executor), std::move(s))) {}
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;
client::~client() = default;

asio::awaitable<result<std::string>> client::queue_url(std::string_view name) {
  encode_get_queue_url(impl_->body, name);
  const impl::call c{"AmazonSQS.GetQueueUrl", name};
  auto answer = co_await impl_->run(c);
  if (!answer) co_return answer.error();
  co_return impl_->located(c, impl_->decoder().queue_url(*answer));
}

asio::awaitable<result<std::string>> client::create_queue(
    std::string_view name, const std::map<std::string, std::string>& attributes) {
  encode_create_queue(impl_->body, name, attributes);
  const impl::call c{"AmazonSQS.CreateQueue", name};
  auto answer = co_await impl_->run(c);
  if (!answer) co_return answer.error();
  co_return impl_->located(c, impl_->decoder().queue_url(*answer));
}

asio::awaitable<result<std::map<std::string, std::string>>> client::attributes(std::string_view queue_url) {
  encode_get_attributes(impl_->body, queue_url);
  const impl::call c{"AmazonSQS.GetQueueAttributes", queue_url};
  auto answer = co_await impl_->run(c);
  if (!answer) co_return answer.error();
  co_return impl_->located(c, impl_->decoder().attributes(*answer));
}

asio::awaitable<result<>> client::purge(std::string_view queue_url) {
  encode_purge(impl_->body, queue_url);
  auto answer = co_await impl_->run({"AmazonSQS.PurgeQueue", queue_url});
  if (!answer) co_return answer.error();
  co_return result<>();
}

asio::awaitable<result<>> client::start_move_task(std::string_view source_arn,
                                                  std::string_view destination_arn) {
  encode_start_move_task(impl_->body, source_arn, destination_arn);
  auto answer = co_await impl_->run({"AmazonSQS.StartMessageMoveTask", queue_of(source_arn)});
  if (!answer) co_return answer.error();
  co_return result<>();
}

asio::awaitable<result<std::optional<move_task>>> client::latest_move_task(std::string_view source_arn) {
  encode_list_move_tasks(impl_->body, source_arn);
  const impl::call c{"AmazonSQS.ListMessageMoveTasks", queue_of(source_arn)};
  auto answer = co_await impl_->run(c);
  if (!answer) co_return answer.error();
  co_return impl_->located(c, impl_->decoder().latest_move_task(*answer));
}

asio::awaitable<result<std::span<const message>>> client::receive(std::string_view queue_url,
                                                                  receive_options o) {
  encode_receive(impl_->body, queue_url, o);
  const impl::call c{.operation = "AmazonSQS.ReceiveMessage",
                     .queue = queue_url,
                     .timeout = o.wait + answer_time,
                     .memory_wait = o.memory_wait};
  auto answer = co_await impl_->run(c);
  if (!answer) co_return answer.error();
  auto messages = impl_->located(c, impl_->decoder().messages(*answer));
  impl_->link.drop_body();  // the decoder has its own copy
  co_return messages;
}

asio::awaitable<result<std::vector<batch_failure>>> client::delete_batch(
    std::string_view queue_url, std::span<const std::string_view> receipt_handles) {
  encode_delete_batch(impl_->body, queue_url, receipt_handles);
  const impl::call c{"AmazonSQS.DeleteMessageBatch", queue_url};
  auto answer = co_await impl_->run(c);
  if (!answer) co_return answer.error();
  co_return impl_->located(c, impl_->decoder().failures(*answer, receipt_handles.size()));
}

asio::awaitable<result<std::vector<batch_failure>>> client::change_visibility_batch(
    std::string_view queue_url, std::span<const std::string_view> receipt_handles,
    std::chrono::seconds visibility) {
  encode_change_visibility_batch(impl_->body, queue_url, receipt_handles, visibility);
  const impl::call c{"AmazonSQS.ChangeMessageVisibilityBatch", queue_url};
  auto answer = co_await impl_->run(c);
  if (!answer) co_return answer.error();
  co_return impl_->located(c, impl_->decoder().failures(*answer, receipt_handles.size()));
}

asio::awaitable<result<std::vector<batch_failure>>> client::send_batch(std::string_view queue_url,
                                                                       std::span<const outgoing> messages) {
  encode_send_batch(impl_->body, queue_url, messages);
  // Sent twice it would be in a standard queue twice: whether to repeat is the caller's choice.
  const impl::call c{.operation = "AmazonSQS.SendMessageBatch", .queue = queue_url, .repeatable = false};
  auto answer = co_await impl_->run(c);
  if (!answer) co_return answer.error();
  co_return impl_->located(c, impl_->decoder().failures(*answer, messages.size()));
}

std::chrono::steady_clock::duration client::waited() const noexcept {
  return impl_->link.waited();
}

void client::release() noexcept {
  impl_->link.release();
}

void client::close() noexcept {
  impl_->closed = true;
  impl_->end_wait.emit(asio::cancellation_type::terminal);
  impl_->link.close();
}

}  // namespace sluice::sqs
