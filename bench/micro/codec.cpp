#include <fmt/format.h>

#include <array>
#include <string>

#include "micro/allocations.hpp"
#include "sqs/codec.hpp"

namespace {

using namespace sluice;

constexpr std::size_t entries = 10;

// An answer with ten login events, as SQS gives it. The decoder checks MD5OfBody where it is given; here it
// is not, so that the digest's own cost, which no codec can change, stays out.
std::string answer_of_ten() {
  std::string body = R"({"Messages":[)";
  for (std::size_t i = 0; i < entries; ++i) {
    body += fmt::format(
        R"({}{{"MessageId":"424cdd21-063a-43a7-b91b-7ca1a833afa{}","ReceiptHandle":"{}","Body":"{{\"user_id\": \"c0173198-76a8-4e67-bfc2-74eaa3bbff57\", \"app_version\": \"2.3.0\", \"device_type\": \"android\", \"ip\": \"199.172.111.135\", \"locale\": \"RU\", \"device_id\": \"593-47-5928\"}}","Attributes":{{"SentTimestamp":"1790000000000","ApproximateReceiveCount":"1"}}}})",
        i == 0 ? "" : ",", i, std::string(180, 'A'));
  }
  return body + "]}";
}

void decode_ten_messages(benchmark::State& state) {
  std::string body = answer_of_ten();
  const std::size_t size = body.size();
  body.append(simdjson::SIMDJSON_PADDING, '\0');
  const std::string_view answer(body.data(), size);
  sqs::decoder decoder;
  if (const auto first = decoder.messages(answer); !first || first->size() != entries) {
    state.SkipWithError("the answer was not understood");
    return;
  }
  const bench::allocation_counter counted(state);
  for ([[maybe_unused]] auto _ : state) {
    auto messages = decoder.messages(answer);
    benchmark::DoNotOptimize(messages);
  }
}
BENCHMARK(decode_ten_messages);

void encode_ten_deletes(benchmark::State& state) {
  const std::string handle(180, 'A');
  std::array<std::string_view, entries> handles;
  handles.fill(handle);
  std::string out;
  sqs::encode_delete_batch(out, "https://sqs.eu-central-1.amazonaws.com/000000000000/logins", handles);
  const bench::allocation_counter counted(state);
  for ([[maybe_unused]] auto _ : state) {
    sqs::encode_delete_batch(out, "https://sqs.eu-central-1.amazonaws.com/000000000000/logins", handles);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(encode_ten_deletes);

}  // namespace
