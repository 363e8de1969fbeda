#include "inference/grpc_reflection.hpp"

#include "catch.hpp"
#include "grpc_fixture.hpp"
#include "inference/grpc_schema.hpp"

using namespace nn;
using namespace nn::inference;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

using Bytes = std::string;

std::string answer_to(const Bytes& request) {
  std::string message;
  append_reflection_answer(message, request);
  return message;
}

}  // namespace

TEST_CASE("Words of a file become its descriptor") {
  const SchemaFile file = read_schema(R"(file a/b.proto a.b
depends c.proto
enum Colour RED=0 BLUE=7
message Outer
  enum Kind NONE=0
  int64 some_number 3
  repeated Outer.Inner inners 1
  map string .c.Other others 2
  oneof choice bool this_one 4
  oneof choice Kind that_one 5
message Outer.Inner
  Colour colour 1
service Shop
  rpc Buy Outer stream Outer.Inner
)");
  const auto field = [](std::string_view name, std::uint64_t number, std::uint64_t label, std::uint64_t type,
                        std::string_view type_name, std::string_view json_name) {
    return pb::bytes(1, name) + pb::varint(3, number) + pb::varint(4, label) + pb::varint(5, type) +
           (type_name.empty() ? "" : pb::bytes(6, type_name)) + pb::bytes(10, json_name);
  };
  const auto oneof = [](std::uint64_t index) { return pb::varint(9, index); };
  const Bytes inner =
      pb::bytes(1, "Inner") + pb::bytes(2, field("colour", 1, 1, 14, ".a.b.Colour", "colour"));
  const Bytes entry = pb::bytes(1, "OthersEntry") + pb::bytes(2, field("key", 1, 1, 9, "", "key")) +
                      pb::bytes(2, field("value", 2, 1, 11, ".c.Other", "value")) +
                      pb::bytes(7, pb::varint(7, 1));
  const Bytes outer =
      pb::bytes(1, "Outer") + pb::bytes(2, field("some_number", 3, 1, 3, "", "someNumber")) +
      pb::bytes(2, field("inners", 1, 3, 11, ".a.b.Outer.Inner", "inners")) +
      pb::bytes(2, field("others", 2, 3, 11, ".a.b.Outer.OthersEntry", "others")) +
      pb::bytes(2, field("this_one", 4, 1, 8, "", "thisOne") + oneof(0)) +
      pb::bytes(2, field("that_one", 5, 1, 14, ".a.b.Outer.Kind", "thatOne") + oneof(0)) +
      pb::bytes(3, inner) + pb::bytes(3, entry) +
      pb::bytes(4, pb::bytes(1, "Kind") + pb::bytes(2, pb::bytes(1, "NONE") + pb::varint(2, 0))) +
      pb::bytes(8, pb::bytes(1, "choice"));
  const Bytes colour = pb::bytes(1, "Colour") + pb::bytes(2, pb::bytes(1, "RED") + pb::varint(2, 0)) +
                       pb::bytes(2, pb::bytes(1, "BLUE") + pb::varint(2, 7));
  const Bytes shop =
      pb::bytes(1, "Shop") + pb::bytes(2, pb::bytes(1, "Buy") + pb::bytes(2, ".a.b.Outer") +
                                              pb::bytes(3, ".a.b.Outer.Inner") + pb::varint(6, 1));
  CHECK(file.descriptor == pb::bytes(1, "a/b.proto") + pb::bytes(2, "a.b") + pb::bytes(3, "c.proto") +
                               pb::bytes(4, outer) + pb::bytes(5, colour) + pb::bytes(6, shop) +
                               pb::bytes(12, "proto3"));
  CHECK(file.services == std::vector<std::string>{"a.b.Shop"});
  CHECK(file.symbols == std::vector<std::string>{"a.b.Outer", "a.b.Outer.Kind", "a.b.Outer.Inner",
                                                 "a.b.Colour", "a.b.Shop", "a.b.Shop.Buy"});
}

TEST_CASE("A server lists its services, and tells the file of each with all that it depends on") {
  const Bytes list = pb::bytes(7, "");
  CHECK(answer_to(list) ==
        pb::bytes(2, list) +
            pb::bytes(6, pb::bytes(1, pb::bytes(1, "grpc.health.v1.Health")) +
                             pb::bytes(1, pb::bytes(1, "inference.GRPCInferenceService")) +
                             pb::bytes(1, pb::bytes(1, "tensorflow.serving.PredictionService")) +
                             pb::bytes(1, pb::bytes(1, "tensorflow.serving.ModelService"))));
  const auto descriptor = [](std::string_view name) {
    for (const SchemaFile& file : schema_files()) {
      if (file.name == name) return pb::bytes(1, file.descriptor);
    }
    return Bytes("none");
  };
  for (const char* symbol : {"inference.GRPCInferenceService", "inference.GRPCInferenceService.ModelInfer",
                             "inference.ModelInferRequest.InferInputTensor"}) {
    const Bytes request = pb::bytes(1, "host") + pb::bytes(4, symbol);
    CHECK(answer_to(request) ==
          pb::bytes(1, "host") + pb::bytes(2, request) +
              pb::bytes(4, descriptor("grpc_service.proto") + descriptor("model_config.proto")));
  }
  const Bytes any = pb::bytes(3, "google/protobuf/any.proto");
  CHECK(answer_to(any) == pb::bytes(2, any) + pb::bytes(4, descriptor("google/protobuf/any.proto")));
}

TEST_CASE("What isn't there is told in the answer") {
  for (const Bytes& request : {pb::bytes(4, "no.Such"), pb::bytes(3, "no.proto"), pb::bytes(5, ""),
                               pb::bytes(6, "x"), Bytes(), pb::bytes(4, "inference")}) {
    CHECK_THAT(answer_to(request), Contains(pb::varint(1, 5) + Bytes("\x12")));
  }
  CHECK_THROWS_WITH(answer_to("\x1a\x05"), Contains("a field is cut off"));
  CHECK_THROWS_WITH(answer_to(pb::bytes(4, "\xFF")), Contains("not UTF-8"));
}
