#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "fixture.hpp"
#include "mask/unmask.hpp"

using namespace sluice;
using tests::binary_value;
using tests::body_reader;
using tests::column_reader;
using tests::value;
using tests::written;

namespace {

/// Bytes in hex, or the verdict: what it wrote is never only lower-case letters.
std::string hexed(body_reader& reader, const std::string& json) {
  const std::string got = written(reader, json);
  const bool is_verdict = got.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == got.npos && got.size() > 3;
  return is_verdict ? got : hex(bytes_of(got));
}

}  // namespace

TEST_CASE("integers are JSON integers that the column can hold") {
  body_reader small = column_reader("smallint");
  CHECK(value<std::int16_t>(small, "-32768") == -32'768);
  CHECK(value<std::int16_t>(small, "32767") == 32'767);
  CHECK(written(small, "32768") == "out_of_range");
  CHECK(written(small, "-32769") == "out_of_range");

  body_reader integer = column_reader("integer");
  CHECK(value<std::int32_t>(integer, "2147483647") == 2'147'483'647);
  CHECK(value<std::int32_t>(integer, "-2147483648") == std::numeric_limits<std::int32_t>::min());
  CHECK(written(integer, "2147483648") == "out_of_range");
  CHECK(written(integer, "-2147483649") == "out_of_range");

  body_reader big = column_reader("bigint");
  CHECK(value<std::int64_t>(big, "9223372036854775807") == std::numeric_limits<std::int64_t>::max());
  CHECK(value<std::int64_t>(big, "-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
  for (const char* json : {"9223372036854775808", "18446744073709551615", "18446744073709551616",
                           "-9223372036854775809", "1000000000000000000000000000000"}) {
    INFO(json);
    CHECK(written(big, json) == "out_of_range");
  }
  for (const char* json : {"1.0", "1e2", "1e999", "\"1\"", "true", "[1]"}) {
    INFO(json);
    CHECK(written(integer, json) == "wrong_type");
  }
}

TEST_CASE("floating-point numbers are the nearest, and must not vanish or overflow") {
  body_reader exact = column_reader("double precision");
  CHECK(value<double>(exact, "0.1") == 0.1);
  CHECK(value<double>(exact, "-7") == -7.0);
  CHECK(value<double>(exact, "1.7976931348623157e308") == std::numeric_limits<double>::max());
  CHECK(value<double>(exact, "18446744073709551616") == 18'446'744'073'709'551'616.0);
  CHECK(value<double>(exact, "-1000000000000000000000000000000") == -1e30);
  CHECK(written(exact, "1e309") == "out_of_range");
  CHECK(written(exact, "1e-400") == "out_of_range");
  CHECK(value<double>(exact, "0e-400") == 0.0);
  CHECK(std::signbit(value<double>(exact, "-0.0")));
  CHECK(written(exact, "\"1\"") == "wrong_type");

  body_reader real = column_reader("real");
  CHECK(value<float>(real, "0.1") == 0.1F);
  CHECK(value<float>(real, "0") == 0.0F);
  CHECK(value<float>(real, "9007199791611905") ==
        9'007'200'328'482'816.0F);  // once rounded, not through a double
  CHECK(written(real, "1e39") == "out_of_range");
  CHECK(written(real, "-1e39") == "out_of_range");
  CHECK(written(real, "1e-60") == "out_of_range");
  CHECK(written(real, "null") == "null_value");
}

TEST_CASE("numeric keeps every digit, of any number") {
  body_reader reader = column_reader("numeric");
  CHECK(hexed(reader, "0") == "0000000000000000");
  CHECK(hexed(reader, "-0.00") == "0000000000000002");
  CHECK(hexed(reader, "12345.678") == "0003000100000003000109291a7c");
  CHECK(hexed(reader, "-0.0001") == "0001ffff400000040001");
  CHECK(hexed(reader, "10000") == "00010001000000000001");
  CHECK(hexed(reader, "100000000") == "00010002000000000001");
  CHECK(hexed(reader, "1e8") == "00010002000000000001");
  CHECK(hexed(reader, "0.00000001") == "0001fffe000000080001");
  CHECK(hexed(reader, "18446744073709551616") ==
        "0005000400000000"
        "07341a58"
        "02e1"
        "03bb"
        "0650");
  CHECK(written(reader, "1e131072") == "out_of_range");
  CHECK(written(reader, "1e-16384") == "out_of_range");
  CHECK(written(reader, "\"1\"") == "wrong_type");
  CHECK(written(reader, "true") == "wrong_type");
  body_reader narrow = column_reader("numeric(5,2)");
  CHECK(hexed(narrow, "999.99") == "000200000000000203e726ac");
  CHECK(written(narrow, "1000") == "out_of_range");
}

TEST_CASE("booleans are true and false") {
  body_reader reader = column_reader("boolean");
  CHECK(written(reader, "true") == "\x01");
  CHECK(written(reader, "false") == std::string(1, '\0'));
  for (const char* json : {"0", "1", "\"true\""}) CHECK(written(reader, json) == "wrong_type");
}

TEST_CASE("dates, timestamps and uuids are written in PostgreSQL's form") {
  body_reader date = column_reader("date");
  CHECK(value<std::int32_t>(date, "\"2000-01-02\"") == 1);
  CHECK(written(date, "\"2000-02-30\"") == "out_of_range");
  CHECK(written(date, "\"yesterday\"") == "bad_format");
  CHECK(written(date, "20000102") == "wrong_type");

  body_reader time = column_reader("timestamptz");
  CHECK(value<std::int64_t>(time, "\"2000-01-01T00:00:00.000001Z\"") == 1);
  CHECK(written(time, "\"2000-01-01T00:00:00\"") == "bad_format");
  CHECK(written(time, "0") == "wrong_type");

  body_reader uuid_reader = column_reader("uuid");
  CHECK(written(uuid_reader, "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"") ==
        unhex("a0eebc999c0b4ef8bb6d6bb9bd380a11"));
  CHECK(written(uuid_reader, "\"a0eebc999c0b4ef8bb6d6bb9bd380a11\"") == "bad_format");
  CHECK(written(uuid_reader, "1") == "wrong_type");
}

TEST_CASE("a leap second is the second after it, where UTC has one") {
  body_reader time = column_reader("timestamptz");
  constexpr std::int64_t new_year_2017 = 536'544'000'000'000;
  CHECK(value<std::int64_t>(time, "\"2016-12-31T23:59:60Z\"") == new_year_2017);
  CHECK(value<std::int64_t>(time, "\"2016-12-31T18:59:60.25-05:00\"") == new_year_2017 + 250'000);
  CHECK(written(time, "\"2016-12-31T23:59:60-05:00\"") == "out_of_range");
  CHECK(written(time, "\"2016-12-31T23:58:60Z\"") == "out_of_range");
  CHECK(written(time, "\"2016-12-31T23:59:61Z\"") == "out_of_range");
}

TEST_CASE("a number is a time only when the plan says which unit") {
  body_reader seconds = column_reader("timestamptz", "transform = 'epoch_seconds'");
  CHECK(value<std::int64_t>(seconds, "946684801") == 1'000'000);
  CHECK(value<std::int64_t>(seconds, "946684800.0000015") == 2);
  CHECK(value<std::int64_t>(seconds, "9.466848005E8") == 500'000);
  CHECK(value<std::int64_t>(seconds, "\"946684801.5\"") == 1'500'000);
  body_reader milliseconds = column_reader("timestamptz", "transform = 'epoch_milliseconds'");
  CHECK(value<std::int64_t>(milliseconds, "946684800001") == 1'000);
  CHECK(value<std::int64_t>(milliseconds, "946684800000.0625") == 63);
  CHECK(value<std::int64_t>(milliseconds, "-1") == -946'684'800'001'000);
  body_reader day = column_reader("date", "transform = 'epoch_seconds'");
  CHECK(value<std::int32_t>(day, "946684799.9") == -1);
  CHECK(value<std::int32_t>(day, "946684800") == 0);
  for (body_reader* reader : {&seconds, &milliseconds, &day}) {
    CHECK(written(*reader, "9223372036854775807") == "out_of_range");
    CHECK(written(*reader, "-9223372036854775808") == "out_of_range");
    CHECK(written(*reader, "1e300") == "out_of_range");
    CHECK(written(*reader, "\"tomorrow\"") == "bad_format");
    CHECK(written(*reader, "true") == "wrong_type");
  }
  CHECK(written(seconds, "253402300800") == "out_of_range");
}

TEST_CASE("a timestamp becomes its UTC day, or is taken for UTC, if the plan says so") {
  body_reader day = column_reader("date", "transform = 'utc_date'");
  CHECK(value<std::int32_t>(day, "\"2000-01-01T00:30:00+01:00\"") == -1);
  CHECK(written(day, "\"2000-01-01T00:30:00\"") == "bad_format");
  body_reader utc = column_reader("timestamptz", "transform = 'assume_utc'");
  CHECK(value<std::int64_t>(utc, "\"2000-01-01T00:00:01\"") == 1'000'000);
  CHECK(value<std::int64_t>(utc, "\"2000-01-01T00:00:01+01\"") == -3'599'000'000);
  CHECK(written(utc, "\"2000-01-01\"") == "bad_format");
}

TEST_CASE("a version is a string of numbers and points") {
  body_reader packed = column_reader("integer", "transform = 'version_packed'");
  CHECK(value<std::int32_t>(packed, "\"7.2.11\"") == 7'002'011);
  CHECK(written(packed, "\"7.2.1000\"") == "out_of_range");
  CHECK(written(packed, "\"7.2-rc\"") == "bad_version");
  CHECK(written(packed, "7") == "wrong_type");
  body_reader digits = column_reader("integer", "transform = 'version_digits'");
  CHECK(written(digits, "\"21474836.48\"") == "out_of_range");
  CHECK(value<std::int32_t>(digits, "\"21474836.47\"") == 2'147'483'647);
}

TEST_CASE("text is read as a number only when the plan says so") {
  body_reader integer = column_reader("integer", "transform = 'from_text'");
  CHECK(value<std::int32_t>(integer, "\"-12\"") == -12);
  CHECK(value<std::int32_t>(integer, "12") == 12);
  CHECK(written(integer, "1.5") == "wrong_type");
  CHECK(written(integer, "\"2147483648\"") == "out_of_range");
  for (const char* json : {"\"\"", "\" 1\"", "\"+1\"", "\"1.0\"", "\"1e3\"", "\"0x1\"", "\"1\\u0000\""}) {
    INFO(json);
    CHECK(written(integer, json) == "bad_format");
  }
  body_reader numeric = column_reader("numeric", "transform = ['trim', 'from_text']");
  CHECK(hexed(numeric, "\" 1.10 \"") == "0002000000000002000103e8");
  CHECK(hexed(numeric, "1.10") == "0002000000000002000103e8");
  for (const char* json : {"\"\"", "\"NaN\"", "\".5\"", "\"5.\"", "\"1_0\""}) {
    INFO(json);
    CHECK(written(numeric, json) == "bad_format");
  }
  body_reader truth = column_reader("boolean", "transform = 'from_text'");
  CHECK(written(truth, "\"true\"") == "\x01");
  CHECK(written(truth, "\"yes\"") == "bad_format");
}

TEST_CASE("an address is one of IPv4 or IPv6, with a prefix or without") {
  body_reader reader = column_reader("inet");
  CHECK(hexed(reader, "\"10.1.2.3\"") == "022000040a010203");
  CHECK(hexed(reader, "\"10.1.2.3/24\"") == "021800040a010203");
  CHECK(hexed(reader, "\"::1\"") == "0380001000000000000000000000000000000001");
  CHECK(hexed(reader, "\"2001:db8::ffff:1.2.3.4/64\"") == "0340001020010db8000000000000ffff01020304");
  for (const char* json :
       {"\"\"", "\"10.1.2\"", "\"10.1.2.03\"", "\"10.1.2.256\"", "\"10.1.2.3/33\"", "\"10.1.2.3/\"",
        "\"10.1.2.3/08\"", "\"::1/129\"", "\":::\"", "\"::1%eth0\"", "\" ::1\"", "\"1.2.3.4\\u0000\"",
        "\"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000\""}) {
    INFO(json);
    CHECK(written(reader, json) == "bad_format");
  }
}

TEST_CASE("a masked address stays one, and nothing else is taken for one") {
  for (const std::string scheme : {"ipcrypt_deterministic", "ipcrypt_pfx"}) {
    const mask::rule rule{.how = mask::scheme_from(scheme).value(), .domain = "v"};
    body_reader inet = column_reader("inet", "mask = '" + scheme + "'");
    body_reader text = column_reader("text", "mask = '" + scheme + "'");
    const std::string token = written(text, "\"10.1.2.3\"");
    CHECK(mask::unmask(token, rule, *tests::test_keys()).value().value == "10.1.2.3");
    body_reader plain = column_reader("inet");
    CHECK(written(inet, "\"10.1.2.3\"") == written(plain, '"' + token + '"'));
    for (const char* json :
         {"\"\"", "\"10.1.2\"", "\"10.1.2.3/24\"", "\"somebody\"", "\"10.1.2.3\\u0000\""}) {
      INFO(json);
      CHECK(written(inet, json) == "bad_format");
      if (std::string_view(json).find('u') == std::string_view::npos)
        CHECK(written(text, json) == "bad_format");
    }
  }
}

TEST_CASE("bytes come from text in the form that the plan names") {
  body_reader base64 = column_reader("bytea", "transform = 'decode_base64'");
  CHECK(hexed(base64, "\"AP8Q\"") == "00ff10");
  CHECK(hexed(base64, "\"AP8=\"") == "00ff");
  CHECK(hexed(base64, "\"\"").empty());
  CHECK(written(base64, "\"AP8\"") == "bad_format");
  body_reader url = column_reader("bytea", "transform = 'decode_base64url'");
  CHECK(hexed(url, "\"-_8\"") == "fbff");
  body_reader digits = column_reader("bytea", "transform = 'decode_hex'");
  CHECK(hexed(digits, "\"00fF\"") == "00ff");
  CHECK(written(digits, "\"0\"") == "bad_format");
  CHECK(written(digits, "0") == "wrong_type");
}

TEST_CASE("arrays hold scalars of their type, and NULL for null") {
  body_reader integers = column_reader("integer[]");
  CHECK(hexed(integers, "[1,null,3]") ==
        "000000010000000100000017000000030000000100000004"
        "00000001"
        "ffffffff"
        "0000000400000003");
  CHECK(hexed(integers, "[]") == "000000000000000000000017");
  CHECK(written(integers, "[1,\"2\"]") == "wrong_type");
  CHECK(written(integers, "[[1]]") == "wrong_type");
  CHECK(written(integers, "[2147483648]") == "out_of_range");
  CHECK(written(integers, "1") == "wrong_type");
  body_reader texts = column_reader("text[]", "transform = 'lower'\nmask = 'base64'");
  CHECK(hexed(texts, "[\"A\"]") ==
        "0000000100000000000000190000000100000001"
        "00000004" +
            hex(bytes_of(base64("a"))));
  body_reader numbers = column_reader("numeric[]");
  CHECK(hexed(numbers, "[ 1.10 , 0 ]") ==
        "0000000100000000000006a40000000200000001"
        "0000000c"
        "0002000000000002000103e8"
        "00000008"
        "0000000000000000");
}

TEST_CASE("a map gives a value for each that the field may have") {
  body_reader reader =
      column_reader("smallint", "transform = 'lower'\nmap = { ios = 1, android = 2, '7' = 3, true = 4 }");
  CHECK(value<std::int16_t>(reader, "\"iOS\"") == 1);
  CHECK(value<std::int16_t>(reader, "\"android\"") == 2);
  CHECK(value<std::int16_t>(reader, "7") == 3);
  CHECK(value<std::int16_t>(reader, "true") == 4);
  CHECK(written(reader, "\"windows\"") == "unmapped_value");
  CHECK(written(reader, "8") == "unmapped_value");
  CHECK(written(reader, "[]") == "wrong_type");
}

TEST_CASE("text is percent-decoded as in a URL's query") {
  body_reader reader = column_reader("text", "transform = ['lower', 'percent_decode']");
  CHECK(written(reader, "\"A%20B+%c3%a9\"") == "a b \u00e9");
  for (const char* json : {"\"%\"", "\"%4\"", "\"%zz\"", "\"%ff\""})
    CHECK(written(reader, json) == "bad_format");
  CHECK(written(reader, "\"%00\"") == "nul_character");
}

TEST_CASE("a default stands for a field that is not there, a constant for any") {
  body_reader reader(tests::plan_of(R"(
[[column]]
name = 'a'
type = 'numeric'
default = 1.50
[[column]]
name = 'b'
type = 'text'
constant = 'web'
[[column]]
name = 'c'
type = 'date'
default = 2000-01-02
nullable = true
)"));
  const auto r = reader.read("{\"b\":7}");
  CHECK(hex(bytes_of(r.fields.at(0).value())) == "000200000000000100011388");
  CHECK(r.fields.at(1) == "web");
  CHECK(binary_value<std::int32_t>(r.fields.at(2).value()) == 1);
  CHECK_FALSE(reader.read("{\"c\":null}").fields.at(2).has_value());
  CHECK(reader.verdict("{\"a\":null}") == "null_value a");
}
