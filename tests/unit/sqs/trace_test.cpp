#include "sqs/trace.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

using namespace sluice::sqs;

namespace {

const std::string xray = "1-5759e988-bd862e3fe1be46a994272793";
const std::string w3c = "0af7651916cd43dd8448eb211c80319c";
const std::string traceparent = "00-" + w3c + "-b7ad6b7169203331-01";

}  // namespace

TEST_CASE("a trace id is taken from an AWSTraceHeader that is one, and from nothing else") {
  CHECK(xray_trace_id("Root=" + xray + ";Parent=53995c3f42cd8ad8;Sampled=1") == xray);
  CHECK(xray_trace_id("Self=1;Root=" + xray) == xray);
  for (const char* other : {"", "Root=", "Root=1-5759e988-bd86", "Root=2-5759e988-bd862e3fe1be46a994272793",
                            "Root=1-5759e988-bd862e3fe1be46a99427279G", "a person's name"}) {
    CAPTURE(other);
    CHECK(xray_trace_id(other).empty());
  }
}

TEST_CASE("a trace id is taken from a traceparent as W3C Trace Context has it, and from nothing else") {
  CHECK(w3c_trace_id(traceparent) == w3c);
  CHECK(w3c_trace_id("cc-" + w3c + "-b7ad6b7169203331-01") == w3c);
  CHECK(w3c_trace_id("cc-" + w3c + "-b7ad6b7169203331-01-what-comes-later") == w3c);
  for (const std::string& other : std::vector<std::string>{
           "",
           "a person's name",
           w3c,
           traceparent.substr(0, 54),
           traceparent + "x",
           traceparent + "-x",
           "cc" + traceparent.substr(2) + ".x",
           "ff" + traceparent.substr(2),
           "00-" + std::string(32, '0') + "-b7ad6b7169203331-01",
           "00-" + w3c + "-0000000000000000-01",
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
           "00-" + w3c + "-b7ad6b7169203331-0x",
           "00-" + w3c.substr(1) + "'-b7ad6b7169203331-01",
       }) {
    CAPTURE(other);
    CHECK(w3c_trace_id(other).empty());
  }
}

TEST_CASE("of a message with both, the traceparent tells the trace, if it is one") {
  const std::string header = "Root=" + xray;
  std::vector<message_attribute> attributes{{"source", "x"}, {"traceparent", traceparent}};
  message m;
  CHECK(trace_id(m).empty());
  m.trace_header = header;
  CHECK(trace_id(m) == xray);
  m.attributes = attributes;
  CHECK(trace_id(m) == w3c);
  attributes[1].value = "hunter2";
  CHECK(trace_id(m) == xray);
}
