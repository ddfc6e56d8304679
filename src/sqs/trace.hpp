#pragma once

#include <string_view>

#include "sqs/message.hpp"

/// Which trace a message belongs to. A sender writes what it likes: only what has the form of an id is taken,
/// so that it can be logged.
namespace sluice::sqs {

/// The message attribute that OpenTelemetry's instrumentations of SQS write.
inline constexpr std::string_view traceparent_attribute = "traceparent";

/// "1-5759e988-bd862e3fe1be46a994272793", which X-Ray and OpenTelemetry both find; empty for anything else
/// (X-Ray developer guide, "Tracing header").
std::string_view xray_trace_id(std::string_view trace_header) noexcept;

/// "0af7651916cd43dd8448eb211c80319c", the trace-id of a traceparent; empty for anything else (W3C Trace
/// Context, 3.2).
std::string_view w3c_trace_id(std::string_view traceparent) noexcept;

/// That of the attribute `traceparent` where it was asked for and is one, else that of AWSTraceHeader; a view
/// into the message, empty if it has neither.
std::string_view trace_id(const message& m) noexcept;

}  // namespace sluice::sqs
