#include <array>
#include <string>

#include "aws/signer.hpp"
#include "micro/allocations.hpp"

namespace {

using namespace sluice;

// One request as the SQS client sends it. The argument is the size of its body: 230 bytes is a
// ReceiveMessage, 4,000 a DeleteMessageBatch of ten.
void sign_request(benchmark::State& state) {
  aws::signer signer("eu-central-1", "sqs");
  aws::credentials who;
  who.access_key_id = "AKIAIOSFODNN7EXAMPLE";
  who.secret_access_key = secret(std::string("a-secret-of-forty-characters-as-aws-has"));
  const std::array<aws::sigv4::header, 2> headers = {{
      {"content-type", "application/x-amz-json-1.0"},
      {"x-amz-target", "AmazonSQS.ReceiveMessage"},
  }};
  const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
  const std::chrono::sys_seconds at{std::chrono::seconds(1'790'000'000)};
  benchmark::DoNotOptimize(
      signer.sign(who, "POST", "sqs.eu-central-1.amazonaws.com", "/", headers, body, at));

  const bench::allocation_counter counted(state);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(
        signer.sign(who, "POST", "sqs.eu-central-1.amazonaws.com", "/", headers, body, at));
  }
}
BENCHMARK(sign_request)->Arg(230)->Arg(4'000);

}  // namespace
