// Any bytes as an HTTP answer, in pieces of any size: never a crash, and nothing kept that is over the
// limits.
#include "http/answer.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <string>

#include "fuzz/input.hpp"

// The first two bytes choose the size of the pieces; the rest is what the server sends before it closes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::http;
  if (size < 2) return 0;
  const std::size_t piece = 1U + data[0] + 256U * (data[1] % 8U);
  const std::string_view sent = tests::input_of(data + 2, size - 2);
  const options limits{.header_bytes_max = 512, .body_bytes_max = 256};

  static answer kept;
  answer_parser parser(kept, limits);
  parser.eager(true);
  std::string input;
  sluice::error_code e;
  for (std::size_t at = 0; at < sent.size() && !e && !parser.is_done(); at += piece) {
    input.append(sent.substr(at, piece));
    const std::size_t used = parser.take(boost::asio::buffer(input), e);
    tests::must(used <= input.size(), "more was used than was there");
    input.erase(0, used);
  }
  if (!e && parser.got_some() && !parser.is_done()) parser.put_eof(e);

  tests::must(kept.body.size() <= limits.body_bytes_max, "a body over its limit");
  const std::size_t fields =
      kept.error_type.size() + kept.query_error.size() + kept.date.size() + kept.content_type.size();
  tests::must(fields <= limits.header_bytes_max, "header fields over their limit");
  if (!e && parser.is_done()) tests::must(kept.status <= 999, "a status of more than three digits");
  return 0;
}
