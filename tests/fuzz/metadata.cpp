// Metadata of a schema and of its columns: keys and values are the pieces of the input between zeros, of
// which some are put under keys that readers look at. What is found is compared with a plain map.
#include <map>
#include <vector>

#include "../unit/format/wire_messages.hpp"
#include "fuzz.hpp"

using namespace nn;

namespace {

constexpr const char* known[] = {"ARROW:extension:name", "ARROW:extension:metadata", "nn.classes"};

std::vector<std::string> pieces(std::string_view text) {
  std::vector<std::string> out;
  for (;;) {
    const auto end = text.find('\0');
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::as_input(data, size));
  const bool tensor = choices.yes();
  const std::size_t first = choices.of(4);  // where the known keys begin
  const std::vector<std::string> texts = pieces(fuzz::as_text(choices.rest()));

  test::WireMessages::Builder fbb;
  std::vector<flatbuffers::Offset<arrow::KeyValue>> pairs;
  std::map<std::string, std::string> expected;
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2) {
    const std::size_t at = i / 2;
    const bool is_known = at >= first && at < first + std::size(known);
    const std::string key = is_known ? known[at - first] : texts[i];
    const std::string value =
        is_known && known[at - first] == known[0] ? "arrow.fixed_shape_tensor" : texts[i + 1];
    expected[key] = value;
    const auto key_text = fbb.CreateString(key);
    pairs.push_back(arrow::CreateKeyValue(fbb, key_text, fbb.CreateString(value)));
  }
  const auto list = fbb.CreateVector(pairs);
  const auto element = test::WireMessages::floats(fbb);
  const auto children = fbb.CreateVector(std::vector{element});
  const auto name = fbb.CreateString("x");
  const auto column = tensor
                          ? arrow::CreateField(fbb, name, true, arrow::Type::FixedSizeList,
                                               arrow::CreateFixedSizeList(fbb, 4).Union(), 0, children, list)
                          : element;
  const auto fields = fbb.CreateVector(std::vector{column});
  test::WireMessages messages;
  messages.message(fbb, arrow::MessageHeader::Schema,
                   arrow::CreateSchema(fbb, arrow::Endianness::Little, fields, list).Union(), "");

  const format::MessageBuffer buffer = messages.buffer();
  format::MessageReader reader("input");
  const bool accepted = fuzz::accepts([&] {
    const fuzz::Budget budget(buffer.size, 4 << 20);
    (void)reader.read(buffer);
  });
  if (!accepted) return 0;
  const Metadata& metadata = reader.schema()->metadata;
  if (metadata.pairs().size() != expected.size()) fuzz::broken_promise("another number of pairs", "");
  for (const auto& [key, value] : expected) {
    const std::string* found = metadata.find(key);
    if (found == nullptr || *found != value) fuzz::broken_promise("another value", key);
  }
  return 0;
}
