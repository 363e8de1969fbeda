// Prediction streams, and the JSON in their metadata.
#include "predict/predictions.hpp"

#include "format/arrow/stream.hpp"
#include "fuzz.hpp"

using namespace nn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::as_input(data, size);
  const fuzz::Budget budget(size, 64 << 20);
  fuzz::accepts([&] {
    const auto source = format::read_stream(format::bytes_in_memory(input, "input"), {.max_frame = 1 << 20});
    const predict::OutputColumn outputs(predict::kind_of(*source->schema()), *source->schema());
    Buffer scratch;
    for (int batches = 0; batches < 100; ++batches) {
      const auto batch = source->next();
      if (!batch) break;
      (void)outputs.read(*batch, scratch);
    }
  });
  Schema schema;
  Field& proba = schema.fields.emplace_back();
  proba.name = "proba";
  proba.shape = {2};
  schema.metadata.set("nn.classes", std::string(fuzz::as_text(input)));
  fuzz::accepts([&] { (void)predict::kind_of(schema); });
  fuzz::accepts([&] { (void)predict::parse_json_array(fuzz::as_text(input)); });
  return 0;
}
