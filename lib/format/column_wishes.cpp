#include "format/column_wishes.hpp"

#include "table/columns.hpp"

namespace nn::format {

std::vector<ColumnWish> column_wishes(const Schema& schema, const SourceOptions& options) {
  std::vector<ColumnWish> wishes(schema.fields.size());
  std::vector<bool> told_number(wishes.size());
  for (const std::string& name : options.csv.text) {
    ColumnWish& wish = wishes[table::find_column(schema, name, "--text")];
    wish.kind = ColumnWish::Kind::category;
    wish.told_category = true;
  }
  for (const std::string& name : options.csv.number) {
    const std::size_t column = table::find_column(schema, name, "--number");
    wishes[column].kind = ColumnWish::Kind::number;
    wishes[column].why = "the column is to be one of numbers";
    told_number[column] = true;
  }
  const table::ColumnOptions wanted = table::with_usual(options.columns, schema);
  const table::ColumnChoice choice = table::choose_columns(schema, wanted);
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    if (!choice.keeps(i)) wishes[i].kind = ColumnWish::Kind::left_out;
  }
  if (choice.id) wishes[*choice.id].kind = ColumnWish::Kind::text;
  if (choice.weight && wanted.weight) wishes[*choice.weight].kind = ColumnWish::Kind::number;
  for (const std::size_t i : choice.y) {
    wishes[i].y = true;
    wishes[i].target = wanted.target.has_value();
    wishes[i].label = wanted.label && !told_number[i];
  }
  return wishes;
}

}  // namespace nn::format
