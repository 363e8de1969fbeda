#include "inference/grpc_describe.hpp"

#include "catch.hpp"
#include "grpc_fixture.hpp"

using namespace nn;
using namespace nn::inference;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

using Bytes = std::string;

template <typename Append>
std::string message_of(const Append& append) {
  std::string message;
  append(message);
  return message;
}

Bytes duration(unsigned field, std::uint64_t count, std::uint64_t ns) {
  return pb::bytes(field, (count == 0 ? "" : pb::varint(1, count)) + (ns == 0 ? "" : pb::varint(2, ns)));
}

const Signature digits = matrix_signature(4, classes({"0", "1", "2"}, true));

}  // namespace

TEST_CASE("Queries name a model and its version") {
  const Bytes message = pb::bytes(2, "7") + pb::bytes(1, "other") + pb::bytes(1, "m") + pb::varint(3, 1);
  CHECK(read_model_query(message).name == "m");
  CHECK(read_model_query(message).version == "7");
  CHECK(read_model_query("").name.empty());
  CHECK(parse_model_version("") == 0);
  CHECK(parse_model_version("7") == 7);
  for (const char* wrong : {"x", "0", "-1", "7 ", " 7", "7.0", "0x7", "99999999999999999999"}) {
    CHECK_THROWS_WITH(parse_model_version(wrong), Contains("version should be an integral value > 0"));
  }
  CHECK_THROWS_WITH(read_model_query("\x0a\x05"), Contains("a field is cut off"));
  CHECK_THROWS_WITH(read_model_query(pb::bytes(1, "\xFF")), Contains("not UTF-8"));
}

TEST_CASE("Loads and unloads name a model, by either field, and bring nothing along") {
  CHECK(read_repository_model(pb::bytes(2, "m")) == "m");
  CHECK(read_repository_model(pb::bytes(1, "repository") + pb::bytes(2, "m")) == "m");
  CHECK(read_repository_model(pb::bytes(1, "m")) == "m");
  CHECK(read_repository_model(pb::bytes(2, "m") + pb::entry(3, "unload_dependents", pb::varint(1, 1))) ==
        "m");
  CHECK_THROWS_WITH(read_repository_model(""), Contains("the request names no model"));
  CHECK_THROWS_WITH(read_repository_model(pb::bytes(2, "m") + pb::entry(3, "config", pb::bytes(3, "{}"))),
                    Contains("parameter 'config' is not supported"));
  CHECK_THROWS_WITH(
      read_repository_model(pb::bytes(2, "m") + pb::entry(3, "file:1/model.nn", pb::bytes(4, "\xFF"))),
      Contains("parameter 'file:1/model.nn' is not supported"));
  CHECK_THROWS_WITH(read_repository_model(pb::bytes(2, "m") + pb::bytes(3, "\x12\x07")),
                    Contains("a field is cut off"));
}

TEST_CASE("What is ready is true, and what isn't is nothing") {
  CHECK(message_of([](std::string& out) { append_ready(out, true); }) == "\x08\x01");
  CHECK(message_of([](std::string& out) { append_ready(out, false); }).empty());
  CHECK(read_health_query(pb::bytes(1, "m")) == "m");
  CHECK(read_health_query("").empty());
  CHECK(message_of([](std::string& out) { append_health(out, Health::serving); }) == "\x08\x01");
  CHECK(message_of([](std::string& out) { append_health(out, Health::service_unknown); }) == "\x08\x03");
  CHECK(message_of([](std::string& out) { append_health(out, Health::unknown); }).empty());
  CHECK(read_index_query(pb::varint(2, 1)));
  CHECK_FALSE(read_index_query(pb::bytes(1, "r")));
}

TEST_CASE("A server's metadata has its extensions") {
  const std::string message = message_of([](std::string& out) { append_server_metadata(out, "1.4.0"); });
  CHECK(
      message.starts_with(pb::bytes(1, "nn-serve") + pb::bytes(2, "1.4.0") + pb::bytes(3, "classification")));
  CHECK(message.ends_with(pb::bytes(3, "statistics")));
}

TEST_CASE("A model's metadata has its tensors with their batch") {
  const std::vector<std::uint64_t> versions{2, 3};
  const std::vector<std::string_view> labels{"canary", "stable"};
  const auto tensor = [](unsigned field, const char* name, const char* type,
                         std::initializer_list<std::int64_t> shape) {
    return pb::bytes(field, pb::bytes(1, name) + pb::bytes(2, type) + pb::packed(3, shape));
  };
  CHECK(message_of([&](std::string& out) {
          append_model_metadata(out, {"m", versions, "xxh3:1", labels}, digits);
        }) == pb::bytes(1, "m") + pb::bytes(2, "2") + pb::bytes(2, "3") + pb::bytes(3, "nn") +
                  tensor(4, "x", "FP32", {-1, 4}) + tensor(5, "proba", "FP32", {-1, 3}) +
                  tensor(5, "label", "INT64", {-1}) + pb::entry(6, "digest", "xxh3:1") +
                  pb::entry(6, "labels", "canary,stable"));
  const std::vector<std::string> members{"near.nn", "digits/1"};
  CHECK(message_of([&](std::string& out) {
          append_model_metadata(out, {"e", versions, "", {}, members}, digits);
        }).ends_with(tensor(5, "label", "INT64", {-1}) + pb::entry(6, "members", "near.nn,digits/1")));
}

TEST_CASE("A model's configuration is Triton's") {
  const std::vector<std::string> devices{"cpu:0", "cuda:1"};
  const std::uint64_t cpu = 2, gpu = 1;
  const auto config = [](const V2ConfigWords& words) {
    return message_of([&](std::string& out) { append_model_config(out, words, digits); });
  };
  CHECK(config({"m", 2, 256, devices, {}}) ==
        pb::bytes(1, pb::bytes(1, "m") + pb::bytes(2, "nn") + pb::bytes(3, pb::bytes(1, pb::varint(1, 2))) +
                         pb::varint(4, 256) +
                         pb::bytes(5, pb::bytes(1, "x") + pb::varint(2, 11) + pb::packed(4, {4})) +
                         pb::bytes(6, pb::bytes(1, "proba") + pb::varint(2, 11) + pb::packed(3, {3})) +
                         pb::bytes(6, pb::bytes(1, "label") + pb::varint(2, 9)) +
                         pb::bytes(7, pb::bytes(1, "cpu:0") + pb::varint(2, 1) + pb::varint(4, cpu)) +
                         pb::bytes(7, pb::bytes(1, "cuda:1") + pb::varint(2, 1) + pb::packed(3, {1}) +
                                          pb::varint(4, gpu)) +
                         pb::bytes(11, "") + pb::bytes(17, "nn")));
  const std::vector<V2ConfigWords::Step> members{{"a", 0}, {"b", 7}};
  CHECK(config({"m", 0, 0, {}, members}) ==
        pb::bytes(1, pb::bytes(1, "m") + pb::bytes(2, "ensemble") + pb::bytes(3, pb::bytes(2, "")) +
                         pb::bytes(5, pb::bytes(1, "x") + pb::varint(2, 11) + pb::packed(4, {-1, 4})) +
                         pb::bytes(6, pb::bytes(1, "proba") + pb::varint(2, 11) + pb::packed(3, {-1, 3})) +
                         pb::bytes(6, pb::bytes(1, "label") + pb::varint(2, 9) + pb::packed(3, {-1})) +
                         pb::bytes(15, pb::bytes(1, pb::bytes(1, "a") +
                                                        pb::varint(2, static_cast<std::uint64_t>(-1))) +
                                           pb::bytes(1, pb::bytes(1, "b") + pb::varint(2, 7)))));
}

TEST_CASE("Statistics have all durations, also those of nothing") {
  const std::vector<BatchStatistics> batches{{8, {1, 2}, {3, 4}, {0, 0}}};
  ModelStatistics model;
  model.name = "m";
  model.version = 3;
  model.last_inference_ms = 1764343522000;
  model.inference_count = 123;
  model.execution_count = 17;
  model.success = {100, 5000};
  model.batches = batches;
  CHECK(message_of([&](std::string& out) {
          append_model_statistics(out, {&model, 1});
        }) == pb::bytes(1, pb::bytes(1, "m") + pb::bytes(2, "3") + pb::varint(3, 1764343522000) +
                               pb::varint(4, 123) + pb::varint(5, 17) +
                               pb::bytes(6, duration(1, 100, 5000) + duration(2, 0, 0) + duration(3, 0, 0) +
                                                duration(4, 0, 0) + duration(5, 0, 0) + duration(6, 0, 0) +
                                                duration(7, 0, 0) + duration(8, 0, 0)) +
                               pb::bytes(7, pb::varint(1, 8) + duration(2, 1, 2) + duration(3, 3, 4) +
                                                duration(4, 0, 0))));
}

TEST_CASE("An index has versions with their states, and models without any") {
  const std::vector<IndexEntry> entries{{"m", 3, serving::VersionState::available, {}},
                                        {"m", 2, serving::VersionState::end, "no such file"},
                                        {"n", 0, {}, {}}};
  CHECK(message_of([&](std::string& out) { append_repository_index(out, entries); }) ==
        pb::bytes(1, pb::bytes(1, "m") + pb::bytes(2, "3") + pb::bytes(3, "READY")) +
            pb::bytes(1, pb::bytes(1, "m") + pb::bytes(2, "2") + pb::bytes(3, "UNAVAILABLE") +
                             pb::bytes(4, "no such file")) +
            pb::bytes(1, pb::bytes(1, "n")));
}
