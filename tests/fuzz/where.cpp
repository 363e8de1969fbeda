// Conditions on rows.
#include "table/where.hpp"

#include "base/text.hpp"
#include "fuzz.hpp"

using namespace nn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Batch batch = [] {
    static constexpr double numbers[] = {1, 2};
    static constexpr std::int32_t categories[] = {0, 1};
    static constexpr std::uint8_t second_is_missing[] = {1};
    auto schema = std::make_shared<Schema>();
    schema->fields.push_back({"n", DType::f64, {}, true, {}, {}});
    schema->fields.push_back({"c", DType::category, {}, false, {}, {}});
    auto dictionary = std::make_shared<Dictionary>();
    dictionary->append("a");
    dictionary->append("b");
    Batch out{schema, 0, 2, {Column{}, Column{}}};
    out.columns[0].data = reinterpret_cast<const std::byte*>(numbers);
    out.columns[0].validity = second_is_missing;
    out.columns[1].data = reinterpret_cast<const std::byte*>(categories);
    out.columns[1].dictionary = dictionary;
    return out;
  }();
  const fuzz::Budget budget(size, 64 << 20);
  try {
    const table::Condition condition(fuzz::as_text(fuzz::as_input(data, size)));
    (void)condition.columns(*batch.schema);
    table::BoundCondition bound(condition, *batch.schema);
    std::vector<std::int64_t> rows;
    bound.choose(batch, rows);
  } catch (const Error& error) {
    // The place is shown in lines of its own.
    for (const std::string& line : split(error.what(), '\n')) {
      fuzz::check_error(Error(error.kind(), line.empty() ? " " : line));
    }
  }
  return 0;
}
