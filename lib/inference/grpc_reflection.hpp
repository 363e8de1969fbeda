// gRPC's server reflection (grpc/grpc doc/server-reflection.md): clients such as grpcurl ask a server for its
// services and the forms of their messages. Versions v1 and v1alpha are alike.
#pragma once

#include <string>
#include <string_view>

namespace nn::inference {

// Appends the ServerReflectionResponse to a ServerReflectionRequest; each message of the stream has one. What
// isn't there is told in the answer; data error where it is no such message.
void append_reflection_answer(std::string& message, std::string_view request);

}  // namespace nn::inference
