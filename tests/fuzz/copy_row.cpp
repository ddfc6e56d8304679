// Any values through the encoder and back through a decoder that was written apart from it, in an arena that
// may be too small.
#include <fuzzer/FuzzedDataProvider.h>

#include <vector>

#include "copy/row_writer.hpp"
#include "fuzz/input.hpp"
#include "support/copy_decoder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  FuzzedDataProvider input(data, size);
  copy::arena out(input.ConsumeIntegralInRange<std::size_t>(0, 600));
  copy::row_writer writer(out);
  std::vector<tests::copy_tuple> expected;
  while (input.remaining_bytes() > 0 && expected.size() < 50) {
    const std::size_t before = out.size();
    const auto fields = input.ConsumeIntegralInRange<std::int16_t>(0, 8);
    tests::copy_tuple tuple;
    const auto number = [&tuple](auto value) {
      std::string bytes;
      for (std::size_t i = sizeof(value); i-- > 0;) bytes += static_cast<char>(value >> (8 * i));
      tuple.emplace_back(std::move(bytes));
    };
    writer.begin_row(fields);
    for (int i = 0; i < fields; ++i) {
      switch (input.ConsumeIntegralInRange(0, 7)) {
        case 0:
          writer.null();
          tuple.emplace_back();
          break;
        case 1: {
          const bool value = input.ConsumeBool();
          writer.boolean(value);
          tuple.emplace_back(std::string(1, value ? '\1' : '\0'));
          break;
        }
        case 2: {
          const auto value = input.ConsumeIntegral<std::int16_t>();
          writer.int2(value);
          number(value);
          break;
        }
        case 3: {
          const auto value = input.ConsumeIntegral<std::int32_t>();
          writer.int4(value);
          number(value);
          break;
        }
        case 4: {
          const auto value = input.ConsumeIntegral<std::int64_t>();
          writer.int8(value);
          number(value);
          break;
        }
        case 5: {
          const std::string value = input.ConsumeRandomLengthString(40);
          writer.text(value);
          tuple.emplace_back(value);
          break;
        }
        case 6: {
          const std::string value = input.ConsumeRandomLengthString(40);
          writer.jsonb(value);
          tuple.emplace_back('\1' + value);
          break;
        }
        default: {
          const std::string value = input.ConsumeRandomLengthString(40);
          if (char* const at =
                  writer.begin_field(value.size() + input.ConsumeIntegralInRange<std::size_t>(0, 9))) {
            writer.end_field(std::copy(value.begin(), value.end(), at));
          }
          tuple.emplace_back(value);
        }
      }
    }
    if (input.ConsumeBool()) {
      writer.abandon_row();
      tests::must(out.size() == before, "a row that was abandoned left bytes behind");
    } else if (writer.end_row()) {
      expected.push_back(std::move(tuple));
    } else {
      tests::must(out.size() == before, "a row that did not fit left bytes behind");
    }
  }
  tests::must(tests::decode_tuples(out.bytes()) == expected, "what was written is not what is read");
  return 0;
}
