// CSV and TSV, with options that the first bytes choose: as a file whose columns and rows are
// chosen, and as a pipe.
#include "format/csv/csv.hpp"

#include <algorithm>
#include <optional>

#include "format/readers.hpp"
#include "fuzz.hpp"

using namespace nn;

namespace {

template <typename T>
T one_of(fuzz::Choices& choices, std::initializer_list<T> values) {
  return values.begin()[choices.of(values.size())];
}

format::SourceOptions options_of(fuzz::Choices& choices) {
  using Header = format::CsvOptions::Header;
  format::SourceOptions options;
  options.limits.max_frame = one_of<std::uint64_t>(choices, {1 << 16, 64});
  options.format =
      one_of(choices, {format::FileFormat::csv, format::FileFormat::tsv, format::FileFormat::automatic});
  options.csv.delimiter = one_of(choices, {'\0', ',', ';', '\t', ' ', '|'});
  options.csv.header = one_of(choices, {Header::automatic, Header::yes, Header::no});
  options.csv.skip = one_of<std::int64_t>(choices, {0, 1, 3});
  options.csv.comment = one_of<const char*>(choices, {"", "#", "//"});
  if (choices.yes()) options.csv.missing = {"?", ""};
  if (choices.yes()) options.csv.usual_missing = false;
  options.csv.quote = one_of<std::optional<char>>(choices, {std::nullopt, '\0', '"', '\''});
  options.csv.escape = one_of<std::optional<char>>(choices, {std::nullopt, '\0', '\\', '"'});
  options.csv.decimal = one_of(choices, {'\0', '.', ','});
  options.csv.encoding = one_of<const char*>(choices, {"", "latin1", "utf-16le", "shift_jis"});
  if (choices.yes()) options.form.columns = {{"a", true}, {"b", false}, {"c0", true}};
  options.form.header = one_of<std::optional<bool>>(choices, {std::nullopt, true, false});
  if (choices.yes()) options.csv.text = {"0"};
  if (choices.yes()) options.csv.number = {"last"};
  switch (choices.of(4)) {
    case 1: options.columns.label = "last"; break;
    case 2: options.columns.target = "last"; break;
    case 3: options.columns.label = "y"; break;
    default: break;
  }
  options.columns.trim_label = one_of<const char*>(choices, {"", " \"."});
  if (choices.yes()) options.columns.id = "0";
  if (choices.yes()) options.columns.drop = {"a"};
  if (choices.yes()) options.rows.shuffle = 0;
  if (choices.yes()) options.rows.split = {{"train", 0.5}, {"test", 0.5}};
  options.readers = one_of(choices, {1, 2});
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::as_input(data, size));
  format::SourceOptions options = options_of(choices);
  fuzz::accepts(
      [&] { fuzz::use_all(*format::read_csv(format::bytes_in_memory(choices.rest(), "input"), options)); });
  const fuzz::MemoryFile file(choices.rest());
  options.inputs = {file.path()};
  if (options.csv.skip == 1) options.inputs.push_back(file.path());
  fuzz::accepts([&] { fuzz::use_all(*format::open_source(options)); });
  return 0;
}
