// What an ONNX file says, from its bytes and back to them.
#include <functional>

#include "allocated.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "linear.hpp"
#include "onnx/graph.hpp"
#include "protobuf.hpp"

using namespace nn;
using namespace nn::onnx;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

using Bytes = std::string;

Model parse(const Bytes& bytes) { return parse_model(std::as_bytes(std::span(bytes))); }

// A file with the parts of a graph.
Bytes file_of(const Bytes& graph) {
  return pb::varint(1, 7) + pb::bytes(7, graph) + pb::bytes(8, pb::varint(2, 13));
}
Bytes value(unsigned field, std::string_view name) {
  return pb::bytes(field, pb::bytes(1, name) + pb::bytes(2, pb::bytes(1, pb::varint(1, 1))));
}
Bytes node(std::string_view op, std::string_view input, std::string_view output, const Bytes& rest = {}) {
  return pb::bytes(1, pb::bytes(1, input) + pb::bytes(2, output) + pb::bytes(4, op) + rest);
}
// x → Relu → y, with more.
Bytes relu_file(const Bytes& more = {}) {
  return file_of(node("Relu", "x", "y") + more + value(11, "x") + value(12, "y"));
}
Bytes tensor_file(const Bytes& tensor) { return relu_file(pb::bytes(5, tensor + pb::bytes(8, "t"))); }
Bytes attribute_file(const Bytes& attribute) {
  return file_of(node("Relu", "x", "y", pb::bytes(5, attribute)) + value(11, "x") + value(12, "y"));
}

}  // namespace

TEST_CASE("a file's parts are read, whatever is between them") {
  const Bytes unknown = pb::varint(900, 5) + pb::bytes(901, "x") + pb::fixed32(902, 1) + pb::fixed64(903, 1);
  const Bytes dims = pb::bytes(1, pb::varint(1, 3)) + pb::bytes(1, pb::bytes(2, "n")) + pb::bytes(1, "");
  const Bytes input = pb::bytes(1, "x") + pb::bytes(2, pb::bytes(1, pb::varint(1, 7) + pb::bytes(2, dims)));
  const Model model =
      parse(pb::varint(1, 8) + pb::bytes(2, "me") + pb::bytes(3, "1.2") + unknown +
            pb::bytes(7, node("Relu", "x", "y", pb::bytes(3, "first") + pb::bytes(7, "ai.onnx")) + unknown +
                             pb::bytes(2, "g") + pb::bytes(11, input) + value(12, "y")) +
            pb::bytes(8, pb::bytes(1, "ai.onnx") + pb::varint(2, 17)) +
            pb::bytes(8, pb::bytes(1, "ai.onnx.ml") + pb::varint(2, 2)) + pb::entry(14, "k", "v"));
  CHECK(model.ir_version == 8);
  CHECK(model.producer_name == "me");
  CHECK(model.producer_version == "1.2");
  CHECK(model.opset() == 17);
  CHECK(model.opset("ai.onnx.ml") == 2);
  CHECK(model.opset("else") == 0);
  CHECK(model.metadata.at("k") == "v");
  CHECK(model.graph.name == "g");
  REQUIRE(model.graph.nodes.size() == 1);
  CHECK(model.graph.nodes[0].name == "first");
  CHECK(model.graph.nodes[0].domain.empty());
  CHECK(describe(model.graph.nodes[0], 0) == "node 'first' (Relu)");
  REQUIRE(model.graph.inputs.size() == 1);
  const ValueInfo& x = model.graph.inputs[0];
  CHECK(x.type == DataType::int64);
  REQUIRE(x.dims.size() == 3);
  CHECK(x.dims[0].value == 3);
  CHECK(x.dims[1].symbol == "n");
  CHECK((!x.dims[2].value && x.dims[2].symbol.empty()));
  CHECK(!model.graph.outputs[0].has_shape);
}

TEST_CASE("inputs that have an initializer are none, as files before version 4 list them") {
  const Model model = parse(
      relu_file(value(11, "w") + pb::bytes(5, pb::varint(2, 1) + pb::fixed32(4, 1) + pb::bytes(8, "w"))));
  REQUIRE(model.graph.inputs.size() == 1);
  CHECK(model.graph.inputs[0].name == "x");
  CHECK(model.graph.initializer("w") != nullptr);
}

TEST_CASE("elements are the same, raw or listed, packed or not") {
  const auto tensor = [](const Bytes& fields) { return parse(tensor_file(fields)).graph.initializers[0]; };
  const Bytes shape = pb::varint(1, 2), packed_shape = pb::packed(1, {1, 2});
  for (const Bytes& data : {pb::bytes(9, pb::raw({1.5f, -2.0f})), pb::bytes(4, pb::raw({1.5f, -2.0f})),
                            pb::fixed32(4, 1.5f) + pb::fixed32(4, -2.0f),
                            pb::bytes(4, pb::raw({1.5f})) + pb::bytes(4, pb::raw({-2.0f})),
                            pb::bytes(4, pb::raw({1.5f})) + pb::fixed32(4, -2.0f)}) {
    CHECK(floats_of(tensor(shape + pb::varint(2, 1) + data)) == std::vector<float>{1.5f, -2.0f});
    CHECK(floats_of(tensor(data + pb::varint(2, 1) + packed_shape)) == std::vector<float>{1.5f, -2.0f});
  }
  CHECK(floats_of(tensor(shape + pb::varint(2, 11) + pb::bytes(10, pb::raw({0.5, 3.0})))) ==
        std::vector<float>{0.5f, 3.0f});
  CHECK(floats_of(tensor(shape + pb::varint(2, 10) + pb::packed(5, {0x3C00, 0xC000}))) ==
        std::vector<float>{1.0f, -2.0f});
  CHECK(floats_of(tensor(shape + pb::varint(2, 16) + pb::packed(5, {0x3F80, 0xC000}))) ==
        std::vector<float>{1.0f, -2.0f});
  struct Integers {
    std::uint64_t type;
    unsigned list;
  };
  for (const Integers& i : {Integers{3, 5}, Integers{5, 5}, Integers{6, 5}, Integers{7, 7}})
    CHECK(integers_of(tensor(shape + pb::varint(2, i.type) + pb::packed(i.list, {-3, 7}))) ==
          std::vector<std::int64_t>{-3, 7});
  for (const Integers& i : {Integers{2, 5}, Integers{4, 5}, Integers{12, 11}, Integers{13, 11}})
    CHECK(integers_of(tensor(shape + pb::varint(2, i.type) + pb::varint(i.list, 200) +
                             pb::varint(i.list, 7))) == std::vector<std::int64_t>{200, 7});
  CHECK(integers_of(tensor(shape + pb::varint(2, 9) + pb::packed(5, {1, 0}))) ==
        std::vector<std::int64_t>{1, 0});
  CHECK(tensor(shape + pb::varint(2, 8) + pb::bytes(6, "a") + pb::bytes(6, "")).strings ==
        std::vector<std::string>{"a", ""});
  CHECK(floats_of(tensor(pb::varint(2, 1) + pb::fixed32(4, 3))) == std::vector<float>{3});
  CHECK(floats_of(tensor(pb::varint(1, 0) + pb::varint(2, 1))).empty());
  // Of what nobody here computes with, only the type is of interest.
  CHECK(name_of(tensor(shape + pb::varint(2, 17) + pb::bytes(9, "ab")).type) == "type 17");
}

TEST_CASE("attributes have their values, also in old files that don't say of which type") {
  const auto attribute = [](const Bytes& fields) {
    return parse(attribute_file(pb::bytes(1, "a") + fields)).graph.nodes[0];
  };
  for (const bool typed : {false, true}) {
    const auto type = [&](std::uint64_t number) { return typed ? pb::varint(20, number) : Bytes(); };
    CHECK(attribute(pb::fixed32(2, 0.5f) + type(1)).real("a", 1) == 0.5f);
    CHECK(attribute(pb::varint(3, static_cast<std::uint64_t>(-4)) + type(2)).integer("a", 1) == -4);
    CHECK(attribute(pb::bytes(4, "SAME") + type(3)).text("a", "") == "SAME");
    CHECK(attribute(pb::packed(8, {1, -2}) + type(7)).integers("a") == std::vector<std::int64_t>{1, -2});
    CHECK(attribute(pb::varint(8, 1) + pb::varint(8, 2) + type(7)).integers("a") ==
          std::vector<std::int64_t>{1, 2});
    CHECK(attribute(pb::fixed32(7, 1) + pb::bytes(7, pb::raw({2.0f})) + type(6)).find("a")->floats ==
          std::vector<float>{1, 2});
    CHECK(attribute(pb::bytes(9, "x") + pb::bytes(9, "y") + type(8)).find("a")->strings ==
          std::vector<std::string>{"x", "y"});
    const Bytes tensor = pb::bytes(5, pb::varint(2, 1) + pb::fixed32(4, 9));
    CHECK(floats_of(*attribute(tensor + type(4)).find("a")->tensor) == std::vector<float>{9});
    CHECK(attribute(pb::bytes(6, "not looked at") + type(5)).find("a")->type == Attribute::Type::graph);
  }
  CHECK(attribute(pb::bytes(10, "tensors")).find("a")->type == Attribute::Type::other);
  CHECK(attribute(pb::varint(3, 4) + pb::bytes(21, "of a function")).find("a")->type ==
        Attribute::Type::other);
  CHECK(attribute(pb::varint(3, 4)).integer("b", 5) == 5);
  CHECK_THROWS_WITH(attribute(pb::varint(3, 4)).text("a", ""), "attribute 'a' is not a text");
  // A value of 0 is left out by writers of proto3.
  CHECK(attribute(pb::varint(20, 2)).integer("a", 5) == 0);
}

TEST_CASE("what is no model, or contradicts itself, is refused with what is wrong") {
  struct Case {
    Bytes bytes;
    const char* message;
  };
  const Bytes group = pb::number(3 * 8 + 3);
  const auto tensor = [](const Bytes& fields) { return tensor_file(fields); };
  const Bytes two = pb::varint(1, 2), real = pb::varint(2, 1);
  for (const Case& c : std::vector<Case>{
           {"", "no intact ONNX model: it has no version"},
           {"a,b\n1,2\n", "the message can't be read"},
           {pb::varint(1, 7), "it has no graph"},
           {pb::bytes(7, ""), "it has no version"},
           {file_of(node("Relu", "x", "y") + value(11, "x")), "it has no output"},
           {relu_file() + pb::bytes(7, ""), "two graphs"},
           {relu_file() + group, "a group"},
           {relu_file() + Bytes(1, '\x01'), "the number 0"},
           {relu_file() + Bytes(11, '\xFF'), "more than 64 bits"},
           {relu_file(pb::bytes(15, "")), "sparse initializers"},
           {pb::varint(1, 7) + pb::bytes(7, node("Relu", "x", "y") + value(11, "x") + value(12, "y")),
            "no version of its operators"},
           {file_of(node("Relu", "z", "y") + value(11, "x") + value(12, "y")),
            "node 0 (Relu): its input 'z' is made by nothing before it"},
           {file_of(node("Relu", "b", "a") + node("Relu", "a", "b") + value(12, "b")), "made by nothing"},
           {file_of(node("Relu", "x", "y") + node("Abs", "x", "y") + value(11, "x") + value(12, "y")),
            "node 1 (Abs): 'y' is made a second time"},
           {file_of(node("Relu", "x", "x") + value(11, "x") + value(12, "x")), "'x' is made a second time"},
           {relu_file(value(11, "x")), "two inputs 'x'"},
           {relu_file(value(12, "y")), "two outputs 'y'"},
           {relu_file(value(12, "q")), "the output 'q' is made by nothing"},
           {relu_file(pb::bytes(5, real + pb::fixed32(4, 1))), "an initializer has no name"},
           {relu_file(pb::bytes(5, real + pb::fixed32(4, 1) + pb::bytes(8, "w")) +
                      pb::bytes(5, real + pb::fixed32(4, 1) + pb::bytes(8, "w"))),
            "two initializers 'w'"},
           {attribute_file(pb::bytes(1, "a")) + pb::number(9 * 8 + 2), "cut off"},
           {file_of(
                node("Relu", "x", "y", pb::bytes(5, pb::bytes(1, "a")) + pb::bytes(5, pb::bytes(1, "a"))) +
                value(11, "x") + value(12, "y")),
            "attribute 'a' is there twice"},
           {attribute_file(pb::bytes(1, "a") + pb::varint(20, 4)), "said to be a tensor"},
           {tensor(two + real + pb::fixed32(4, 1)),
            "tensor 't': has 4 bytes of elements, and its shape and type need 8"},
           {tensor(two + real + pb::bytes(9, pb::raw({1.f, 2.f, 3.f}))), "12 bytes of elements or more"},
           {tensor(two + real + pb::bytes(4, pb::raw({1.f, 2.f})) + pb::bytes(9, pb::raw({1.f, 2.f}))),
            "or more"},
           {tensor(two + real + pb::bytes(4, "abc")), "a list of numbers is cut off"},
           {tensor(pb::varint(1, static_cast<std::uint64_t>(-1)) + real), "a dimension of -1"},
           {tensor(pb::varint(1, std::uint64_t{1} << 62) + real), "more elements than any memory"},
           {tensor(pb::packed(1, {1 << 30, 1 << 30, 1 << 30}) + real), "more elements than any memory"},
           {tensor(pb::packed(1, {0, std::int64_t{1} << 62}) + real), "more elements than any memory"},
           {tensor(pb::bytes(1, Bytes(33, '\x01')) + real), "more than 32 dimensions"},
           {tensor(pb::varint(1, 1 << 20) + pb::varint(2, 8)), "has 0 texts, and its shape needs 1048576"},
           {tensor(real + pb::bytes(3, "")), "only a segment"},
           {tensor(real + pb::varint(14, 1) + pb::entry(13, "location", "x")),
            "external data, and there are no files"},
       }) {
    INFO(c.message);
    CHECK_THROWS_WITH(parse(c.bytes), Contains(c.message));
  }
}

TEST_CASE("small files can't become large in memory, and take time in proportion") {
  const auto most_of = [](const Bytes& bytes) {
    const AllocatedBytes allocated;
    CHECK_THROWS_AS(parse(bytes), Error);
    return allocated.most();
  };
  constexpr std::size_t most = 200u << 20;
  const auto repeated = [](const Bytes& part, std::size_t count) {
    Bytes out;
    for (std::size_t i = 0; i < count; ++i) out += part;
    return out;
  };
  constexpr std::size_t many = 3'000'000;
  CHECK(most_of(relu_file(repeated(pb::bytes(1, ""), many))) < most);  // nodes
  CHECK(most_of(relu_file(repeated(pb::bytes(5, ""), many))) < most);  // initializers
  CHECK(most_of(relu_file(repeated(pb::bytes(11, ""), many))) < most);
  CHECK(most_of(relu_file(pb::bytes(1, repeated(pb::bytes(1, ""), many)))) < most);  // inputs of one
  CHECK(most_of(relu_file(pb::bytes(1, repeated(pb::bytes(5, ""), many)))) < most);  // attributes of one
  CHECK(most_of(relu_file() + repeated(pb::entry(14, "", ""), many)) < most);
  CHECK(most_of(relu_file() + repeated(pb::bytes(8, ""), many)) < most);
  CHECK(most_of(attribute_file(repeated(pb::bytes(9, ""), many))) < most);

  check_linear(
      10'000,
      [](std::size_t n) {
        Bytes graph = value(11, "x") + value(12, "y");
        std::string before = "x";
        for (std::size_t i = 0; i + 1 < n; ++i) {
          const std::string next = fmt::format("{:0>40}", i);
          graph += node("Relu", before, next);
          before = next;
        }
        return file_of(graph + node("Relu", before, "y"));
      },
      [](const Bytes& bytes) { (void)parse(bytes); });
}

namespace {

// With a tensor of each kind and an attribute of each type that is written.
Model full_model() {
  Model model;
  model.ir_version = 7;
  model.producer_name = "p";
  model.opsets = {{"", 13}, {"ai.onnx.ml", 2}};
  model.metadata = {{"k", "v"}};
  Graph& graph = model.graph;
  graph.name = "g";
  const float reals[] = {1, -0.0f};
  const std::int64_t integers[] = {-1, 300};
  const bool bools[] = {true};
  const double doubles[] = {0.5};
  graph.initializers = {make_tensor("f", {2, 1}, reals), make_tensor("i", {2}, integers),
                        make_tensor("s", {2}, std::vector<std::string>{"a", "\xFF"}),
                        make_bools("b", {}, bools), make_tensor("d", {1}, doubles)};
  Node node{.name = "n",
            .domain = "",
            .op_type = "Op",
            .inputs = {"x", "", "f"},
            .outputs = {"y"},
            .attributes = {}};
  const auto add = [&](const char* name, Attribute::Type type) -> Attribute& {
    node.attributes.emplace_back().name = name;
    node.attributes.back().type = type;
    return node.attributes.back();
  };
  add("zero", Attribute::Type::real);
  add("i", Attribute::Type::integer).i = -1;
  add("s", Attribute::Type::text).s = "t";
  add("t", Attribute::Type::tensor).tensor = std::make_shared<Tensor>(graph.initializers[1]);
  add("fs", Attribute::Type::reals).floats = {1, 2};
  add("is", Attribute::Type::integers).ints = {1, -2};
  add("ss", Attribute::Type::texts).strings = {"", "u"};
  graph.nodes = {node};
  graph.inputs = {{.name = "x",
                   .type = DataType::float32,
                   .has_shape = true,
                   .dims = {{std::nullopt, "batch"}, {3, ""}, {std::nullopt, ""}}}};
  graph.outputs = {{.name = "y", .type = DataType::int64, .dims = {}}};
  return model;
}

std::string hex_of(const Bytes& bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

}  // namespace

TEST_CASE("what is written is read again, and a cut-off file is none") {
  const Bytes bytes = model_bytes(full_model());
  CHECK(model_bytes(parse(bytes)) == bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    INFO(size);
    CHECK_THROWS_AS(parse(bytes.substr(0, size)), Error);
  }
}

TEST_CASE("the bytes of each message are those of protobuf's own library") {
  Model model;
  model.ir_version = 7;
  model.opsets = {{"", 13}};
  model.graph.name = "g";
  model.graph.nodes = {
      {.name = "n", .domain = "", .op_type = "Relu", .inputs = {"x"}, .outputs = {"y"}, .attributes = {}}};
  model.graph.inputs = {
      {.name = "x", .type = DataType::float32, .has_shape = true, .dims = {{std::nullopt, "b"}, {3, ""}}}};
  model.graph.outputs = model.graph.inputs;
  model.graph.outputs[0].name = "y";
  // SerializeToString() of onnx.OperatorSetIdProto and onnx.GraphProto.
  CHECK(hex_of(model_bytes(model)) ==
        "0807"
        "4202100d"
        "3a400a0f0a01781201791a016e220452656c751201675a140a0178120f0a0d080112090a031201620a02080362140a017912"
        "0f0a0d"
        "080112090a031201620a020803");
}
