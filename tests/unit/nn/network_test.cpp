// Networks as text and back.
#include "nn/network.hpp"

#include "base/error.hpp"
#include "catch.hpp"

using namespace nn;

TEST_CASE("networks read back from their canonical text") {
  struct Row {
    const char *text, *canonical;
  };
  for (const Row& row : {
           Row{"dense", "dense"},
           Row{"  dense   64\trelu ,dense ", "dense 64 relu, dense"},
           Row{"dense 64 linear, dense softplus", "dense 64, dense softplus"},
           Row{"dropout 0.50, flatten, activation gelu, dense",
               "dropout 0.5, flatten, activation gelu, dense"},
           Row{"dense 8 leaky_relu 0.30, dense 8 leaky_relu .01, activation elu 0.50, dense elu 1",
               "dense 8 leaky_relu, dense 8 leaky_relu 0.01, activation elu 0.5, dense elu"},
           Row{"conv2d 8 3x3 valid, dense", "conv2d 8 3x3, dense"},
           Row{"conv2d 8 3 same strides 2x2 relu, dense", "conv2d 8 3x3 strides 2 same relu, dense"},
           Row{"conv2d 8 5x3 groups 4 strides 1x2 tanh, dense",
               "conv2d 8 5x3 strides 1x2 groups 4 tanh, dense"},
           Row{"max_pool2d 2 strides 2, average_pool2d 3x2 strides 1 same, dense",
               "max_pool2d 2, average_pool2d 3x2 strides 1 same, dense"},
           Row{"conv2d 8 3x3 groups 2 dilation 2x2 same, conv2d 8 3 dilation 1x3 elu, dense",
               "conv2d 8 3x3 same dilation 2 groups 2, conv2d 8 3x3 dilation 1x3 elu, dense"},
           Row{"conv2d 8 3x3 pad 1x1 strides 2, conv2d 8 3x3 pad 0:0x1:2 relu, max_pool2d 3 pad 0:1x0:1, "
               "average_pool2d 2 pad 0, dense",
               "conv2d 8 3x3 strides 2 pad 1, conv2d 8 3x3 pad 0x1:2 relu, max_pool2d 3 pad 0:1, "
               "average_pool2d 2, dense"},
           Row{"global_average_pool2d, batch_norm momentum 0.99 epsilon 0.001, layer_norm epsilon 1e-5, "
               "dense",
               "global_average_pool2d, batch_norm, layer_norm epsilon 1e-05, dense"},
           Row{"embedding 4, dense", "embedding 4, dense"},
           Row{"residual (dense 3,dense 4) , dense", "residual(dense 3, dense 4), dense"},
           Row{"concat (dense 3,dense 4;dense 2) , dense", "concat(dense 3, dense 4; dense 2), dense"},
           Row{"concat( ;dense 2;), concat(;), dense", "concat(; dense 2; ), concat(; ), dense"},
           Row{"concat(residual(dense 2;concat(dense 2; ) );\tdense 4), dense",
               "concat(residual(dense 2; concat(dense 2; )); dense 4), dense"},
           Row{"residual(residual(dense 3; dropout 0.1);dense 2), dense",
               "residual(residual(dense 3; dropout 0.1); dense 2), dense"},
       }) {
    INFO(row.text);
    const std::string canonical = to_string(parse_network(row.text));
    CHECK(canonical == row.canonical);
    CHECK(to_string(parse_network(canonical)) == canonical);
  }
}

TEST_CASE("layers are named by their kind and count") {
  const Network network =
      parse_network("dense 2, residual(dense 2), dropout 0.1, concat(dense 2; ), dense 3");
  std::vector<std::string> names;
  for (const Layer& layer : network.layers) names.push_back(layer.name);
  CHECK(names == std::vector<std::string>{"dense_0", "residual_0", "dense_1", "add_0", "dropout_0",
                                          "concat_0", "dense_2", "branch_0", "join_0", "dense_3"});
}

TEST_CASE("widths make dense layers") {
  CHECK(to_string(network_from_widths("64, 32", Activation::tanh)) == "dense 64 tanh, dense 32 tanh, dense");
  CHECK_THROWS_AS(network_from_widths("64,", Activation::relu), Error);
}

TEST_CASE("the data decides the last layer") {
  Network network = parse_network("dense 4, dense");
  resolve(network, {7}, 3);
  CHECK(network.outputs() == 3);
  CHECK(to_string(network) == "dense 4, dense 3");
  Network other = parse_network("dense 4, dense 2");
  CHECK_THROWS_WITH(resolve(other, {7}, 3), Catch::Contains("2 units, but the data asks for 3"));
}

TEST_CASE("nesting and length have limits") {
  std::string deep, shut;
  for (int i = 0; i < 17; ++i) {
    deep += i % 2 == 0 ? "residual(" : "concat(;";
    shut += ")";
  }
  CHECK_THROWS_WITH(parse_network(deep + "dense 2" + shut + ", dense"), Catch::Contains("inside each other"));
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "dense 2, ";
  CHECK_THROWS_WITH(parse_network(many + "dense"), Catch::Contains("more than 1000 layers"));
}
