#include "format/sink.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "array_files.hpp"
#include "base/log.hpp"
#include "catch.hpp"
#include "format/numpy/npy.hpp"
#include "format/readers.hpp"
#include "tensor/name_list.hpp"

using namespace nn;
using namespace nn::format;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

template <typename T>
Column column_of(std::vector<T> values) {
  Buffer buffer(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(buffer.data(), values.data(), buffer.size());
  return make_column(std::move(buffer));
}

Column texts(const std::vector<std::string>& values) {
  struct Owned {
    std::string bytes;
    std::vector<std::int32_t> offsets{0};
  };
  auto owned = std::make_shared<Owned>();
  for (const std::string& value : values) {
    owned->bytes += value;
    owned->offsets.push_back(static_cast<std::int32_t>(owned->bytes.size()));
  }
  Column out;
  out.data = reinterpret_cast<const std::byte*>(owned->bytes.data());
  out.offsets = owned->offsets.data();
  out.owner = owned;
  return out;
}

Column categories(const std::vector<std::string>& names, std::vector<std::int32_t> indices) {
  auto dictionary = std::make_shared<Dictionary>();
  for (const std::string& name : names) dictionary->append(name);
  Column out = column_of(std::move(indices));
  out.dictionary = dictionary;
  return out;
}

Column with_missing(Column column, const std::uint8_t* bits) {
  column.validity = bits;
  return column;
}

Batch batch_of(std::vector<Field> fields, std::int64_t rows, std::vector<Column> columns) {
  auto schema = std::make_shared<Schema>();
  schema->fields = std::move(fields);
  return {schema, 0, rows, std::move(columns)};
}

std::string written(OutputFormat format, const std::vector<Batch>& batches) {
  const ScratchFile scratch;
  OutputFile file(scratch.path());
  const auto sink = open_sink(format, file, *batches.at(0).schema);
  for (const Batch& batch : batches) sink->write(batch);
  sink->finish();
  file.commit();
  return scratch.contents();
}

const std::uint8_t first_and_third[] = {0b101};

Batch mixed() {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  return batch_of({{"x", DType::f32, {2, 2}, false, {}, {}},
                   {"n", DType::i64, {}, true, {}, {}},
                   {"a,b", DType::utf8, {}, true, {}, {}},
                   {"when", DType::opaque, {}, true, {}, "timestamp"},
                   {"c", DType::category, {}, true, {}, {}},
                   {"d", DType::f64, {}, false, {}, {}},
                   {"f", DType::boolean, {}, false, {}, {}}},
                  3,
                  {column_of<float>({1, 0.1f, -2.5f, 1e20f, 0, 1, 2, 3, 4, 5, 6, 16777216}),
                   with_missing(column_of<std::int64_t>({std::numeric_limits<std::int64_t>::min(), 0, 7}),
                                first_and_third),
                   with_missing(texts({"plain", "", "say \"hi\",\n\x01 \xC3\xA4 \xFF"}), first_and_third),
                   Column{}, with_missing(categories({"yes", "no, never"}, {1, 0, 0}), first_and_third),
                   column_of<double>({nan, 0.1, -std::numeric_limits<double>::infinity()}),
                   column_of<std::uint8_t>({0, 1, 1})});
}

}  // namespace

TEST_CASE("csv: header, quoting, missing cells, tensors as columns") {
  CHECK(written(OutputFormat::csv, {mixed()}) ==
        "x_0,x_1,x_2,x_3,n,\"a,b\",c,d,f\n"
        "1,0.1,-2.5,1e+20,-9223372036854775808,plain,\"no, never\",nan,0\n"
        "0,1,2,3,,,,0.1,1\n"
        "4,5,6,16777216,7,\"say \"\"hi\"\",\n\x01 \xC3\xA4 \xFF\",yes,-inf,1\n");
}

TEST_CASE("csv: an empty text is not a missing one, and a row is never an empty line") {
  CHECK(written(OutputFormat::csv,
                {batch_of({{"t", DType::utf8, {}, true, {}, {}}, {"i", DType::i8, {}, false, {}, {}}}, 2,
                          {with_missing(texts({"", ""}), first_and_third),
                           column_of<std::int8_t>({-1, 2})})}) == "t,i\n\"\",-1\n,2\n");
  CHECK(written(OutputFormat::csv, {batch_of({{"n", DType::f32, {}, true, {}, {}}}, 2,
                                             {with_missing(column_of<float>({1, 2}), first_and_third)})}) ==
        "n\n1\nNA\n");
}

TEST_CASE("json: one object a row, nested arrays, null where there is no number") {
  CHECK(written(OutputFormat::json, {mixed()}) ==
        "{\"x\":[[1,0.1],[-2.5,1e+20]],\"n\":-9223372036854775808,\"a,b\":\"plain\",\"c\":\"no, "
        "never\",\"d\":null,"
        "\"f\":false}\n"
        "{\"x\":[[0,1],[2,3]],\"n\":null,\"a,b\":null,\"c\":null,\"d\":0.1,\"f\":true}\n"
        "{\"x\":[[4,5],[6,16777216]],\"n\":7,\"a,b\":\"say \\\"hi\\\",\\n\\u0001 \xC3\xA4 "
        "\xEF\xBF\xBD\",\"c\":\"yes\","
        "\"d\":null,\"f\":true}\n");
}

TEST_CASE("text: aligned columns, short numbers, nothing that a terminal would obey") {
  CHECK(written(OutputFormat::text, {mixed()}) ==
        "x                                      n  a,b                     c             d      f\n"
        "[1 0.1 -2.5 1e+20]  -9223372036854775808  plain                   no, never   nan  false\n"
        "[0 1 2 3]                              -  -                       -           0.1   true\n"
        "[4 5 6 16777216]                       7  say \"hi\",\\n\\x01 ä \\xff  yes        -inf   true\n");
}

TEST_CASE("text: large tensors are cut, large numbers in full, widths never shrink") {
  std::vector<float> image(20, 0.123456f);
  const Batch first = batch_of({{"id", DType::utf8, {}, false, {}, {}},
                                {"v", DType::f64, {}, false, {}, {}},
                                {"x", DType::f32, {20}, false, {}, {}}},
                               1, {texts({"a long name"}), column_of<double>({452600.4}), column_of(image)});
  Batch second = first;
  second.columns[0] = texts({"b"});
  second.columns[1] = column_of<double>({1.0 / 3});
  CHECK(written(OutputFormat::text, {first, second}) ==
        "id                v  x\n"
        "a long name  452600  [0.1235 0.1235 0.1235 0.1235 0.1235 0.1235 0.1235 0.1235 … 20 values]\n"
        "b            0.3333  [0.1235 0.1235 0.1235 0.1235 0.1235 0.1235 0.1235 0.1235 … 20 values]\n");
}

TEST_CASE("every number type prints its extremes") {
  struct Row {
    DType type;
    Column column;
    const char* text;
  };
  const Row table[] = {
      {DType::i8, column_of<std::int8_t>({-128, 127}), "-128 127"},
      {DType::u8, column_of<std::uint8_t>({0, 255}), "0 255"},
      {DType::i16, column_of<std::int16_t>({-32768, 32767}), "-32768 32767"},
      {DType::u16, column_of<std::uint16_t>({0, 65535}), "0 65535"},
      {DType::i32, column_of<std::int32_t>({INT32_MIN, INT32_MAX}), "-2147483648 2147483647"},
      {DType::u32, column_of<std::uint32_t>({0, UINT32_MAX}), "0 4294967295"},
      {DType::u64, column_of<std::uint64_t>({0, UINT64_MAX}), "0 18446744073709551615"},
      {DType::f16, column_of<std::uint16_t>({0x3C01, 0x7BFF}), "1.0009766 65504"},
      {DType::f32, column_of<float>({0.1f, std::numeric_limits<float>::denorm_min()}), "0.1 1e-45"},
      {DType::f64, column_of<double>({0.1, 1e300}), "0.1 1e+300"},
  };
  for (const Row& row : table) {
    INFO(name_of(row.type));
    std::string csv =
        written(OutputFormat::csv, {batch_of({{"v", row.type, {}, false, {}, {}}}, 2, {row.column})});
    CHECK(csv == "v\n" + std::string(row.text).replace(std::string(row.text).find(' '), 1, "\n") + "\n");
    const std::string json =
        written(OutputFormat::json, {batch_of({{"v", row.type, {2}, false, {}, {}}}, 1, {row.column})});
    CHECK(json ==
          "{\"v\":[" + std::string(row.text).replace(std::string(row.text).find(' '), 1, ",") + "]}\n");
  }
}

TEST_CASE("npy: one column keeps its type and shape, several become doubles side by side") {
  const auto read_back = [](const std::string& file) { return read_npy(piped(file, "back"), "x"); };
  const Batch images =
      batch_of({{"x", DType::u8, {2, 1}, false, {}, {}}}, 2, {column_of<std::uint8_t>({1, 2, 3, 4})});
  const std::string file = written(OutputFormat::npy, {images, images});
  const auto source = read_back(file);
  CHECK(source->schema()->fields[0].type == DType::u8);
  CHECK(source->schema()->fields[0].shape == Shape{2, 1});
  CHECK(read_out(*source).values == std::vector<double>{1, 2, 3, 4, 1, 2, 3, 4});

  const Verbosity before = verbosity();
  set_verbosity(Verbosity::quiet);
  const std::string both = written(OutputFormat::npy, {mixed()});
  set_verbosity(before);
  const auto wide = read_back(both);
  CHECK(wide->schema()->fields[0].type == DType::f64);
  CHECK(wide->schema()->fields[0].shape == Shape{7});
  const Contents contents = read_out(*wide);
  CHECK(contents.rows == 3);
  CHECK(contents.values[1] == static_cast<double>(0.1f));
  CHECK(std::isnan(contents.values[7 + 4]));
  CHECK(contents.values[14 + 6] == 1);

  const Batch gaps = batch_of({{"n", DType::i32, {}, true, {}, {}}}, 2,
                              {with_missing(column_of<std::int32_t>({1, 2}), first_and_third)});
  const std::string gaps_file = written(OutputFormat::npy, {gaps});
  const auto with_gaps = read_back(gaps_file);
  CHECK(with_gaps->schema()->fields[0].type == DType::f64);
  const Contents gap_values = read_out(*with_gaps);
  CHECK(gap_values.values[0] == 1);
  CHECK(std::isnan(gap_values.values[1]));
}

TEST_CASE("npy: the header is written again behind what was there before") {
  const ScratchFile scratch("before");
  const UniqueFd saved(::dup(STDOUT_FILENO));
  const UniqueFd in_place(::open(scratch.path().c_str(), O_WRONLY));
  ::lseek(in_place.get(), 0, SEEK_END);
  ::dup2(in_place.get(), STDOUT_FILENO);
  {
    OutputFile file("-");
    const Batch batch = batch_of({{"x", DType::u8, {}, false, {}, {}}}, 2, {column_of<std::uint8_t>({1, 2})});
    const auto sink = open_sink(OutputFormat::npy, file, *batch.schema);
    sink->write(batch);
    sink->finish();
    file.commit();
  }
  ::dup2(saved.get(), STDOUT_FILENO);
  const std::string contents = scratch.contents();
  REQUIRE(contents.starts_with("before\x93NUMPY"));
  const auto source = read_npy(piped(contents.substr(6), "back"), "x");
  CHECK(read_out(*source).values == std::vector<double>{1, 2});
}

TEST_CASE("npy: needs a file to seek in, and a column of numbers") {
  const Batch numbers = batch_of({{"x", DType::u8, {}, false, {}, {}}}, 1, {column_of<std::uint8_t>({1})});
  const Batch words = batch_of({{"t", DType::utf8, {}, false, {}, {}}}, 1, {texts({"a"})});
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const UniqueFd read_end(ends[0]), write_end(ends[1]);
  OutputFile pipe(fmt::format("/dev/fd/{}", write_end.get()));
  CHECK_THAT(error_of([&] { open_sink(OutputFormat::npy, pipe, *numbers.schema); }),
             Contains("use --to stream"));
  const ScratchFile scratch;
  OutputFile file(scratch.path());
  const Verbosity before = verbosity();
  set_verbosity(Verbosity::quiet);
  CHECK_THAT(error_of([&] { open_sink(OutputFormat::npy, file, *words.schema); }),
             Contains("no column of numbers"));
  set_verbosity(before);
}

TEST_CASE("elements that have names are columns of these names, where they differ from all others") {
  const auto predictions = [](const char* classes, const char* other) {
    Batch batch = batch_of(
        {{"label", DType::i64, {}, false, {}, {}},
         {"proba", DType::f32, {3}, false, {}, {}},
         {other, DType::f32, {2}, false, {}, {}}},
        1, {column_of<std::int64_t>({4}), column_of<float>({0.25F, 0.5F, 0.25F}), column_of<float>({1, 2})});
    auto schema = std::make_shared<Schema>(*batch.schema);
    schema->metadata.set("nn.classes", classes);
    set_element_names(schema->fields[2], {"a,b", "c"});
    batch.schema = schema;
    return batch;
  };
  const Batch texts = predictions(R"(["cat","a \"dog\"",""])", "y");
  CHECK(written(OutputFormat::csv, {texts}) ==
        "label,proba_cat,\"proba_a \"\"dog\"\"\",proba_,\"y_a,b\",y_c\n4,0.25,0.5,0.25,1,2\n");
  CHECK(written(OutputFormat::json, {texts}) == "{\"label\":4,\"proba\":[0.25,0.5,0.25],\"y\":[1,2]}\n");
  CHECK(written(OutputFormat::text, {texts}) ==
        "label  proba_cat  proba_a \"dog\"  proba_  y_a,b  y_c\n"
        "    4       0.25            0.5    0.25      1    2\n");
  CHECK(written(OutputFormat::csv, {predictions("[3,4,5]", "y")}) ==
        "label,proba_3,proba_4,proba_5,\"y_a,b\",y_c\n4,0.25,0.5,0.25,1,2\n");
  // Not as many names as elements, names of another column, and what is no list.
  for (const char* const bad : {"[3,4]", R"(["a","a","b"])", "{}", ""}) {
    CHECK(written(OutputFormat::csv, {predictions(bad, "y")}).starts_with("label,proba_0,proba_1,proba_2,"));
  }
  CHECK(
      written(OutputFormat::csv, {predictions(R"(["a","b","c"])", "proba_b")}).starts_with("label,proba_0,"));
}

TEST_CASE("tsv: tabs, and no cell that goes on in another line") {
  const auto table = [](const std::string& text) {
    return batch_of({{"t,1", DType::utf8, {}, false, {}, {}}, {"i", DType::i8, {}, false, {}, {}}}, 1,
                    {texts({text}), column_of<std::int8_t>({1})});
  };
  CHECK(written(OutputFormat::tsv, {table("a,b")}) == "t,1\ti\na,b\t1\n");
  CHECK(written(OutputFormat::tsv, {table("a\tb")}) == "t,1\ti\n\"a\tb\"\t1\n");
  CHECK_THAT(error_of([&] { written(OutputFormat::tsv, {table("a\nb")}); }), Contains("has a line end"));
}

TEST_CASE("npz: an array for each column of numbers, of its type where nothing is missing") {
  const Verbosity before = verbosity();
  set_verbosity(Verbosity::quiet);
  const Batch batch = batch_of({{"x", DType::u8, {2}, false, {}, {}},
                                {"t", DType::utf8, {}, true, {}, {}},
                                {"n", DType::i64, {}, true, {}, {}},
                                {"g", DType::i64, {}, true, {}, {}}},
                               3,
                               {column_of<std::uint8_t>({1, 2, 3, 4, 5, 6}), texts({"a", "b", "c"}),
                                column_of<std::int64_t>({INT64_MAX, 2, 3}),
                                with_missing(column_of<std::int64_t>({1, 2, 3}), first_and_third)});
  const ScratchFile scratch(written(OutputFormat::npz, {batch, batch}));
  set_verbosity(before);
  const NpzArchive archive(scratch.path());
  CHECK(archive.names() == std::vector<std::string>{"x", "n", "g"});
  CHECK(archive.read("x").shape == Shape{6, 2});
  CHECK(archive.read("x").type == DType::u8);
  const NpyArray n = archive.read("n"), g = archive.read("g");
  CHECK(n.type == DType::i64);
  CHECK(n.data.as<std::int64_t>()[3] == INT64_MAX);
  CHECK(g.type == DType::f64);
  CHECK(std::isnan(g.data.as<double>()[4]));
  CHECK(g.data.as<double>()[5] == 3);
  const Batch large = batch_of({{"n", DType::i64, {}, true, {}, {}}}, 3,
                               {with_missing(column_of<std::int64_t>({INT64_MAX, 0, 1}), first_and_third)});
  CHECK_THAT(error_of([&] { written(OutputFormat::npz, {large}); }), Contains("more than 53 bits"));
}

TEST_CASE("a file's ending chooses the format, and what can't be written is refused") {
  for (const auto& [name, format] :
       std::vector<std::pair<const char*, OutputFormat>>{{"y.csv", OutputFormat::csv},
                                                         {"a/Y.CSV", OutputFormat::csv},
                                                         {"y.tsv", OutputFormat::tsv},
                                                         {"y.json", OutputFormat::json},
                                                         {"y.jsonl", OutputFormat::json},
                                                         {"y.ndjson", OutputFormat::json},
                                                         {"y.npy", OutputFormat::npy},
                                                         {"y.npz", OutputFormat::npz},
                                                         {"y.arrows", OutputFormat::stream},
                                                         {"y", OutputFormat::automatic},
                                                         {"csv", OutputFormat::automatic},
                                                         {"y.csv/z", OutputFormat::automatic},
                                                         {"standard output", OutputFormat::automatic}}) {
    INFO(name);
    CHECK(format_of_name(name) == format);
  }
  CHECK(error_of([] { format_of_name("y.tsv.zst"); }) ==
        "y.tsv.zst: compressed files are not written; a pipe writes them: --to tsv | zstd > y.tsv.zst");
  CHECK_THAT(error_of([] { format_of_name("y.arrow"); }), Contains("name the stream .arrows"));
  CHECK_THAT(error_of([] { format_of_name("y.parquet"); }), Contains("write .arrows"));
  CHECK_THAT(error_of([] { format_of_name("y.txt"); }),
             Contains("y.txt: its name doesn't say which text is written"));
}

TEST_CASE("text formats write a header for no rows, and nothing when abandoned") {
  const Batch none = batch_of({{"a", DType::f32, {}, false, {}, {}}, {"b", DType::f32, {}, false, {}, {}}}, 0,
                              {column_of<float>({}), column_of<float>({})});
  CHECK(written(OutputFormat::csv, {none}) == "a,b\n");
  CHECK(written(OutputFormat::text, {none}) == "a  b\n");
  CHECK(written(OutputFormat::json, {none}).empty());
  const ScratchFile scratch;
  {
    OutputFile file(scratch.path());
    const auto sink = open_sink(OutputFormat::csv, file, *none.schema);
    sink->abandon("it failed");
  }
  CHECK(scratch.contents().empty());
}

TEST_CASE("output formats have names") {
  CHECK(parse_output_format("csv") == OutputFormat::csv);
  CHECK(parse_output_format("stream") == OutputFormat::stream);
  CHECK_THAT(error_of([] { parse_output_format("xml"); }), Contains("'xml' is not an output format"));
}
