#include "evaluate/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_text.hpp"
#include "base/text.hpp"

namespace nn::evaluate {
namespace {

using Json = nlohmann::ordered_json;

std::string line(std::string_view name, std::int64_t value) {
  return fmt::format("{:<18} {:>10}\n", name, value);
}

std::string share(std::string_view name, const std::optional<double>& value) {
  return value ? fmt::format("{:<18} {:>10.4f}\n", name, *value) : fmt::format("{:<18} {:>10}\n", name, "-");
}

std::string number(std::string_view name, const std::optional<double>& value) {
  return value ? fmt::format("{:<18} {:>10.6g}\n", name, *value) : fmt::format("{:<18} {:>10}\n", name, "-");
}

// Not more than a table's cell may hold; class names come from outside.
std::string cell(const std::string& name) { return printable(name, 24); }

std::size_t width_of(const std::vector<std::string>& names, std::size_t least) {
  for (const std::string& name : names) least = std::max(least, cell(name).size());
  return least;
}

std::string per_class_text(const ClassReport& report, const std::vector<std::string>& names, bool auc) {
  const std::size_t width = width_of(names, 5);
  std::string text = fmt::format("\n{:<{}} {:>8} {:>9} {:>9} {:>9}{}\n", "class", width, "rows", "precision",
                                 "recall", "f1", auc ? fmt::format(" {:>9}", "auc") : "");
  for (std::size_t c = 0; c < names.size(); ++c) {
    const ClassFigures& figures = report.classes[c];
    text += fmt::format("{:<{}} {:>8} {:>9.4f} {:>9.4f} {:>9.4f}", cell(names[c]), width, figures.support,
                        figures.precision, figures.recall, figures.f1);
    if (auc) text += figures.auc ? fmt::format(" {:>9.4f}", *figures.auc) : fmt::format(" {:>9}", "-");
    text += "\n";
  }
  return text;
}

std::string confusion_text(const ClassReport& report, const std::vector<std::string>& names) {
  const std::size_t left = width_of(names, 1);
  std::size_t width = left;
  for (const std::int64_t count : report.confusion) width = std::max(width, fmt::formatted_size("{}", count));
  std::string text =
      fmt::format("\nconfusion (a line for each class of y, a column for each answer)\n{:<{}}", "", left);
  for (const std::string& name : names) text += fmt::format(" {:>{}}", cell(name), width);
  text += "\n";
  for (std::size_t truth = 0; truth < names.size(); ++truth) {
    text += fmt::format("{:<{}}", cell(names[truth]), left);
    for (std::size_t answer = 0; answer < names.size(); ++answer) {
      text += fmt::format(" {:>{}}", report.confusion[truth * names.size() + answer], width);
    }
    text += "\n";
  }
  return text;
}

std::string calibration_text(const ClassReport& report) {
  std::string text = fmt::format("\n{:<13} {:>8} {:>10} {:>9}\n", "confidence", "rows", "mean", "accuracy");
  const auto bins = static_cast<double>(report.bins.size());
  for (std::size_t b = 0; b < report.bins.size(); ++b) {
    const CalibrationBin& bin = report.bins[b];
    const auto at = static_cast<double>(b);
    text += fmt::format("{:.3f} - {:.3f} {:>8}", at / bins, (at + 1) / bins, bin.rows);
    text += bin.rows > 0 ? fmt::format(" {:>10.4f} {:>9.4f}\n", bin.confidence, bin.accuracy)
                         : fmt::format(" {:>10} {:>9}\n", "-", "-");
  }
  return text;
}

Json value_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

std::string dump(const Json& json) { return json_dump(json) + "\n"; }

}  // namespace

std::string to_text(const ClassReport& report, const std::vector<std::string>& names, std::int64_t unlabelled,
                    const EvaluateOptions& options) {
  std::string text = line("rows", report.rows);
  if (report.weight) text += number("weight", report.weight);
  if (unlabelled > 0) text += line("unlabelled", unlabelled);
  if (report.unknown > 0) text += line("unknown_labels", report.unknown);
  text += share("accuracy", report.accuracy);
  text += share("baseline_accuracy", report.baseline_accuracy);
  if (report.top_k_accuracy)
    text += share(fmt::format("top_{}_accuracy", options.top_k), report.top_k_accuracy);
  if (report.log_loss) text += share("log_loss", report.log_loss);
  if (report.brier) text += share("brier", report.brier);
  if (report.calibration_error) text += share("calibration_error", report.calibration_error);
  text += share("macro_precision", report.macro_precision);
  text += share("macro_recall", report.macro_recall);
  text += share("macro_f1", report.macro_f1);
  if (options.auc) text += share("auc", report.auc);
  if (options.per_class) text += per_class_text(report, names, options.auc);
  if (options.confusion) text += confusion_text(report, names);
  if (options.calibration && !report.bins.empty()) text += calibration_text(report);
  return text;
}

std::string to_text(const NumberReport& report, std::int64_t unlabelled) {
  std::string text = line("rows", report.rows);
  if (report.weight) text += number("weight", report.weight);
  if (unlabelled > 0) text += line("unlabelled", unlabelled);
  return text + number("rmse", report.rmse) + number("baseline_rmse", report.baseline_rmse) +
         number("mse", report.mse) + number("mae", report.mae) + number("max_error", report.max_error) +
         number("bias", report.bias) + share("r2", report.r2);
}

std::string json_of(const ClassReport& report, const std::vector<std::string>& names, std::int64_t unlabelled,
                    const EvaluateOptions& options) {
  Json json;
  json["rows"] = report.rows;
  if (report.weight) json["weight"] = *report.weight;
  json["unlabelled"] = unlabelled;
  json["unknown_labels"] = report.unknown;
  json["accuracy"] = report.accuracy;
  json["baseline_accuracy"] = report.baseline_accuracy;
  if (options.top_k > 0)
    json[fmt::format("top_{}_accuracy", options.top_k)] = value_or_null(report.top_k_accuracy);
  json["log_loss"] = value_or_null(report.log_loss);
  json["brier"] = value_or_null(report.brier);
  json["calibration_error"] = value_or_null(report.calibration_error);
  json["macro_precision"] = report.macro_precision;
  json["macro_recall"] = report.macro_recall;
  json["macro_f1"] = report.macro_f1;
  if (options.auc) json["auc"] = value_or_null(report.auc);
  for (std::size_t c = 0; options.per_class && c < names.size(); ++c) {
    const ClassFigures& figures = report.classes[c];
    Json one = {{"class", names[c]},
                {"rows", figures.support},
                {"answered", figures.answered},
                {"precision", figures.precision},
                {"recall", figures.recall},
                {"f1", figures.f1}};
    if (options.auc) one["auc"] = value_or_null(figures.auc);
    json["classes"].push_back(std::move(one));
  }
  if (options.confusion) {
    Json table = Json::array();
    for (std::size_t truth = 0; truth < names.size(); ++truth) {
      const auto first = report.confusion.begin() + static_cast<std::ptrdiff_t>(truth * names.size());
      table.push_back(std::vector<std::int64_t>(first, first + static_cast<std::ptrdiff_t>(names.size())));
    }
    json["confusion"] = {{"classes", names}, {"counts", std::move(table)}};
  }
  for (std::size_t b = 0; options.calibration && b < report.bins.size(); ++b) {
    const CalibrationBin& bin = report.bins[b];
    const auto bins = static_cast<double>(report.bins.size());
    Json one = {{"from", static_cast<double>(b) / bins},
                {"to", static_cast<double>(b + 1) / bins},
                {"rows", bin.rows}};
    one["confidence"] = bin.rows > 0 ? Json(bin.confidence) : Json();
    one["accuracy"] = bin.rows > 0 ? Json(bin.accuracy) : Json();
    json["calibration"].push_back(std::move(one));
  }
  return dump(json);
}

std::string json_of(const NumberReport& report, std::int64_t unlabelled) {
  Json json;
  json["rows"] = report.rows;
  if (report.weight) json["weight"] = *report.weight;
  json["unlabelled"] = unlabelled;
  json["rmse"] = report.rmse;
  json["baseline_rmse"] = report.baseline_rmse;
  json["mse"] = report.mse;
  json["mae"] = report.mae;
  json["max_error"] = report.max_error;
  json["bias"] = report.bias;
  json["r2"] = value_or_null(report.r2);
  return dump(json);
}

}  // namespace nn::evaluate
