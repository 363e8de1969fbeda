#include "exchange/comparison.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

#include "base/error.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"
#include "options/fields.hpp"

namespace nn::exchange {
namespace {

constexpr std::size_t widest_text = 40;

struct Cell {
  std::string text;              // empty: none
  std::optional<double> number;  // what it says, where it is one
};

struct TableColumn {
  std::string name;
  bool differs_only = true;      // it is shown only where cells differ
  std::vector<Cell> cells = {};  // of each model
  bool is_shown() const {
    return !differs_only || std::any_of(cells.begin(), cells.end(),
                                        [this](const Cell& cell) { return cell.text != cells.front().text; });
  }
  bool is_number() const {
    return std::all_of(cells.begin(), cells.end(), [](const Cell& c) { return c.number || c.text.empty(); });
  }
};

Cell number_cell(double value) { return {fmt::format("{:.6g}", value), value}; }

bool ends_as_data(std::string_view word) {
  for (const std::string& ending : split(options::data_files, ' ')) {
    if (word.ends_with(ending) || word.ends_with(ending + ".gz") || word.ends_with(ending + ".zst"))
      return true;
  }
  return word == "-";
}

// Whether a word behind an option may be its value: no option itself, though a negative number may be, and no
// file of data. Which options are flags isn't known here.
bool may_be_value(std::string_view word) {
  const bool option =
      word.size() > 1 && word[0] == '-' && !(word[1] >= '0' && word[1] <= '9') && word[1] != '.';
  return !option && !ends_as_data(word);
}

// Options of a command as they were given.
std::map<std::string, std::string> options_of(const std::string& command) {
  std::map<std::string, std::string> given;
  const std::vector<std::string> words = shell_words(command);
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (!word.starts_with("--") || word.size() < 3) continue;
    word.remove_prefix(2);
    const std::size_t equals = word.find('=');
    if (equals != std::string_view::npos) {
      given[std::string(word.substr(0, equals))] = word.substr(equals + 1);
    } else if (i + 1 < words.size() && may_be_value(words[i + 1])) {
      given[std::string(word)] = words[++i];
    } else {
      given[std::string(word)] = "yes";
    }
  }
  // What a row has in columns of its own.
  for (const char* name :
       {"seed", "device", "epochs", "members", "loss", "layers", "net", "activation", "dropout"})
    given.erase(name);
  return given;
}

class Table {
 public:
  explicit Table(const std::vector<ComparedModel>& models) : rows_(models.size()) {
    column("file", false);
    // What a narrow terminal cuts off are options.
    for (std::size_t row = 0; row < rows_; ++row) {
      if (models[row].file) add_figures(models[row].file->model.provenance, row);
    }
    for (const char* name : {"kind", "network", "loss_function", "data"}) column(name, true);
    for (std::size_t row = 0; row < rows_; ++row) {
      cell("file", row) = {models[row].path, {}};
      const auto& file = models[row].file;
      cell("kind", row) = {!file ? "ensemble" : file->state ? "checkpoint" : "model", {}};
      if (!file) continue;
      cell("network", row) = {to_string(file->model.network), {}};
      cell("loss_function", row) = {
          to_string(LossChoice{file->model.loss, file->model.target.answers.quantiles}), {}};
      add_options(file->model.provenance, row);
    }
    for (std::size_t row = 0; row < rows_; ++row) {
      if (const auto& file = models[row].file; file)
        cell("seed", row) = {fmt::format("{}", file->model.provenance.seed),
                             static_cast<double>(file->model.provenance.seed)};
    }
  }

  std::vector<TableColumn> take() { return std::move(columns_); }

 private:
  void add_options(const model::Provenance& from, std::size_t row) {
    constexpr std::size_t short_digest = 8;
    cell("data", row) = {from.data_digest.substr(0, short_digest), {}};
    for (const auto& [name, value] : options_of(from.command_line)) {
      char* end = nullptr;
      const double number = std::strtod(value.c_str(), &end);
      cell(name, row) = {value, *end == 0 && !value.empty() ? std::optional(number) : std::nullopt};
    }
    for (const auto& [name, value] : from.options) cell(name, row) = number_cell(value);
  }
  void add_figures(const model::Provenance& from, std::size_t row) {
    for (const auto& [name, value] : from.metrics) {
      column(name, false);
      cell(name, row) = number_cell(value);
    }
  }
  TableColumn& column(std::string_view name, bool differs_only) {
    const auto found =
        std::find_if(columns_.begin(), columns_.end(), [&](const TableColumn& c) { return c.name == name; });
    if (found != columns_.end()) return *found;
    columns_.push_back({.name = std::string(name), .differs_only = differs_only});
    columns_.back().cells.resize(rows_);
    return columns_.back();
  }
  Cell& cell(std::string_view name, std::size_t row) { return column(name, true).cells[row]; }

  std::size_t rows_;
  std::vector<TableColumn> columns_;
};

bool higher_is_better(std::string_view column) {
  for (const std::string_view word : {"accuracy", "auc", "r2", "f1", "precision", "recall", "mcc"}) {
    if (column == word || column.ends_with(fmt::format("_{}", word))) return true;
  }
  return false;
}

// Whether a comes before b.
bool comes_before(const Cell& a, const Cell& b, bool highest_first) {
  if (a.text.empty() || b.text.empty()) return !a.text.empty() && b.text.empty();
  if (a.number && b.number) {
    if (std::isnan(*a.number) || std::isnan(*b.number))
      return !std::isnan(*a.number) && std::isnan(*b.number);
    return highest_first ? *a.number > *b.number : *a.number < *b.number;
  }
  if (a.number.has_value() != b.number.has_value()) return a.number.has_value();
  return a.text < b.text;
}

}  // namespace

std::vector<std::string> shell_words(const std::string& command) {
  std::vector<std::string> words;
  bool in_word = false, quoted = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (!quoted && (c == ' ' || c == '\t' || c == '\n')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (quoted && c == quote) {
      quoted = false;
    } else if (!quoted && (c == '\'' || c == '"')) {
      quoted = true;
      quote = c;
    } else if (c == '\\' && i + 1 < command.size() && !(quoted && quote == '\'')) {
      words.back() += command[++i];
    } else {
      words.back() += c;
    }
  }
  return words;
}

void sort_models(std::vector<ComparedModel>& models, const std::string& column) {
  const std::vector<TableColumn> columns = Table(models).take();
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const TableColumn& c) { return c.name == column; });
  if (found == columns.end()) {
    std::vector<std::string> names;
    for (const TableColumn& c : columns) names.push_back(c.name);
    throw make_error(ErrorKind::usage, "no model has '{}'", printable(column))
        .advise("; there are {}", printable(fmt::format("{}", fmt::join(names, ", ")), 400));
  }
  std::vector<std::size_t> order(models.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const bool highest_first = higher_is_better(column);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return comes_before(found->cells[a], found->cells[b], highest_first);
  });
  std::vector<ComparedModel> sorted;
  sorted.reserve(models.size());
  for (const std::size_t place : order) sorted.push_back(std::move(models[place]));
  models = std::move(sorted);
}

std::string comparison_text(const std::vector<ComparedModel>& models, std::size_t columns) {
  std::vector<std::string> lines(models.size() + 1);
  std::size_t at = 0;
  for (const TableColumn& column : Table(models).take()) {
    if (!column.is_shown()) continue;
    std::vector<std::string> texts{printable(column.name)};
    const bool is_file = column.name == "file";
    for (const Cell& cell : column.cells) {
      const std::string text = cell.text.empty() ? "-" : printable(cell.text, 4096);
      texts.push_back(is_file ? text : cut_to_columns(text, widest_text));
    }
    std::size_t width = 0;
    for (const std::string& text : texts) width = std::max(width, display_columns(text));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::string space(width - display_columns(texts[i]), ' ');
      lines[i] += (at == 0 ? "" : "  ") + (column.is_number() ? space + texts[i] : texts[i] + space);
    }
    ++at;
  }
  std::string out;
  for (std::string& line : lines) {
    line.resize(line.find_last_not_of(' ') + 1);
    out += (columns > 0 ? cut_to_columns(line, columns) : line) + "\n";
  }
  return out;
}

}  // namespace nn::exchange
