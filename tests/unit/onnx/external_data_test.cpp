// Elements of tensors in files beside the model.
#include <sys/stat.h>
#include <unistd.h>

#include "../model/models.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "onnx/graph.hpp"
#include "protobuf.hpp"

using namespace nn;
using namespace nn::onnx;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

// A file with one tensor of two floats, which are elsewhere.
std::string external_file(const std::string& entries) {
  const std::string tensor =
      pb::varint(1, 2) + pb::varint(2, 1) + pb::bytes(8, "t") + entries + pb::varint(14, 1);
  const std::string value = pb::bytes(2, pb::bytes(1, pb::varint(1, 1)));
  return pb::varint(1, 7) + pb::bytes(8, pb::varint(2, 13)) +
         pb::bytes(7, pb::bytes(1, pb::bytes(1, "x") + pb::bytes(2, "y") + pb::bytes(4, "Relu")) +
                          pb::bytes(5, tensor) + pb::bytes(11, pb::bytes(1, "x") + value) +
                          pb::bytes(12, pb::bytes(1, "y") + value));
}
std::string at(std::string_view location) { return pb::entry(13, "location", location); }

}  // namespace

TEST_CASE("elements come from a file beside the model") {
  const Scratch scratch;
  ::mkdir((scratch / "below").c_str(), 0700);
  const std::string floats = pb::raw({1.0f, 2.0f, 3.0f});
  write_bytes(scratch / "w.data", floats);
  write_bytes(scratch / "below/w.data", floats);
  ::symlink((scratch / "m.onnx").c_str(), (scratch / "link.onnx").c_str());
  struct Case {
    std::string entries;
    std::vector<float> values;
  };
  for (const Case& c :
       {Case{at("w.data"), {1, 2}},
        {at("./below/w.data") + pb::entry(13, "offset", "4"), {2, 3}},
        {at("below/w.data") + pb::entry(13, "offset", "4") + pb::entry(13, "length", "8"), {2, 3}},
        {at("w.data") + pb::entry(13, "checksum", "?") + pb::entry(13, "__class__", "x"), {1, 2}}}) {
    write_bytes(scratch / "m.onnx", external_file(c.entries));
    CHECK(floats_of(read_model(scratch / "m.onnx").graph.initializers[0]) == c.values);
    CHECK(floats_of(read_model(scratch / "link.onnx").graph.initializers[0]) == c.values);
  }
}

TEST_CASE("no path leads out of the model's folder, and lengths must be right") {
  const Scratch scratch;
  ::mkdir((scratch / "m").c_str(), 0700);
  write_bytes(scratch / "secret", std::string(64, 's'));
  write_bytes(scratch / "m/w.data", std::string(12, 'w'));
  ::symlink("../secret", (scratch / "m/link").c_str());
  ::symlink("..", (scratch / "m/up").c_str());
  ::mkfifo((scratch / "m/fifo").c_str(), 0600);
  const std::string max = std::to_string(UINT64_MAX);
  struct Case {
    std::string entries;
    const char* message;
  };
  for (const Case& c :
       {Case{at("../secret"), "leads out of the model's folder"},
        {at("x/../../secret"), "leads out of the model's folder"},
        {at(scratch / "secret"), "is absolute"},
        {at("link"), "'link' is a symbolic link"},
        {at("up/secret"), "'up' is a symbolic link"},
        {at("fifo"), "not a regular file"},
        {at("."), "is a folder's"},
        {at("w.data/"), "is a folder's"},
        {"", "is empty"},
        {at(std::string("w.data\0x", 8)), "has a zero byte"},
        {at("none"), "No such file"},
        {at("w.data/x"), "Not a directory"},
        {at("w.data") + pb::entry(13, "offset", "5"), "the file has 12 bytes, and 8 from 5 on are needed"},
        {at("w.data") + pb::entry(13, "offset", "9223372036854775807"), "from 9223372036854775807 on"},
        {at("w.data") + pb::entry(13, "offset", max), "is not a number"},
        {at("w.data") + pb::entry(13, "offset", "-1"), "is not a number"},
        {at("w.data") + pb::entry(13, "length", "4"),
         "the length is 4 bytes, and the tensor's shape and type need 8"},
        {at("w.data") + pb::varint(1, std::uint64_t{1} << 40), "are needed"}}) {
    INFO(c.message);
    write_bytes(scratch / "m/m.onnx", external_file(c.entries));
    CHECK_THROWS_WITH(read_model(scratch / "m/m.onnx"),
                      Contains(c.message) && Contains("m.onnx: ") && Contains("tensor 't'"));
  }
}
