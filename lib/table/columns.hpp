// The choice of columns that a table keeps, and of those that are y and id.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "table/options.hpp"
#include "tensor/batch.hpp"

namespace nn::table {

// Positions in a schema.
struct ColumnChoice {
  std::vector<std::size_t> features;  // in the order of the schema
  std::optional<std::size_t> id;
  std::optional<std::size_t> weight;  // sample_weight
  std::vector<std::size_t> y;         // none, one, or several targets, which become one column
  std::vector<std::size_t> where;     // looked at, ascending; they may be left out behind it
  std::optional<std::size_t> key;
  bool keeps(std::size_t column) const;
};

// A column by name, by number from 0, or "last". A data error names `option`.
std::size_t find_column(const Schema& schema, const std::string& wanted, std::string_view option);

// The options with the usual label, target and id in the place of those that aren't given, where the schema
// has them by name. A table that has y or id already keeps it.
ColumnOptions with_usual(ColumnOptions options, const Schema& schema);

// What a feature is called whose own name, y or id, another column has: "y.1".
inline std::string feature_name(std::string_view name) { return std::string(name) + ".1"; }

// The schema with its columns' new names. Data errors for a column that is not there, and where two would
// have one name.
Schema renamed(const Schema& schema, const std::vector<Renaming>& rename);

// Finds the columns that the options name, by name, number or "last"; `schema` has the old names. Data errors
// say which column is not there, and what is.
ColumnChoice choose_columns(const Schema& schema, const ColumnOptions& options);

// The source with the chosen columns, id and y renamed and moved to the end, before the key, y converted
// as source.hpp says. Reads ahead until it has seen a label.
//   A feature whose name is y, where another column becomes y, gets the name that it had where it was chosen
// (nn.source_name), or "y.1"; one that is called id likewise.
//   What was decided is said on stderr.
enum class Said : std::uint8_t { all, all_but_names, nothing };  // names: that y and id are taken by theirs
std::unique_ptr<BatchSource> with_columns(std::unique_ptr<BatchSource> source, const ColumnOptions& options,
                                          Said said = Said::all);

}  // namespace nn::table
