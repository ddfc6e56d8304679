// Any bytes as the reply of a queue server: the first one chooses the operation.
#include <string>

#include "fuzz/input.hpp"
#include "http/client.hpp"
#include "sqs/codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  if (size == 0) return 0;
  // One decoder, as in a client: what a reply leaves behind must not harm the next.
  static sqs::decoder decoder;
  std::string padded(tests::input_of(data + 1, size - 1));
  padded.append(http::response::body_padding, '\0');
  const std::string_view body(padded.data(), size - 1);
  switch (data[0] % 5) {
    case 0:
      if (const auto messages = decoder.messages(body)) {
        for (const sqs::message& m : *messages) {
          tests::must(!m.receipt_handle.empty(), "a message without a receipt handle cannot be deleted");
        }
      }
      break;
    case 1:
      if (const auto failed = decoder.failures(body, 10)) {
        tests::must(failed->size() <= 10, "more failures than entries");
        for (const auto& f : *failed) tests::must(f.index < 10, "a failure of no entry");
      }
      break;
    case 2: static_cast<void>(decoder.queue_url(body)); break;
    case 3: static_cast<void>(decoder.attributes(body)); break;
    default: static_cast<void>(decoder.refused(400, body, {}, body.substr(0, 40)));
  }
  return 0;
}
