// JSON lines, objects over lines and arrays of objects, as a pipe and as a file, with options that the first
// bytes choose.
#include "format/readers.hpp"
#include "fuzz.hpp"

using namespace nn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::as_input(data, size));
  format::SourceOptions options;
  options.format = format::FileFormat::json;
  options.limits.max_frame = choices.yes() ? 1 << 16 : 1024;
  if (choices.yes()) options.csv.text = {"a"};
  if (choices.yes()) options.csv.number = {"b"};
  if (choices.yes()) options.csv.missing = {"?"};
  if (choices.yes()) options.columns.id = "0";
  if (choices.yes()) options.columns.drop = {"c"};
  fuzz::accepts(
      [&] { fuzz::use_all(*format::read_json(format::bytes_in_memory(choices.rest(), "input"), options)); });
  const fuzz::MemoryFile file(choices.rest());
  options.inputs = {file.path()};
  fuzz::accepts([&] { fuzz::use_all(*format::open_source(options)); });
  return 0;
}
